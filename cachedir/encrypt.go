package cachedir

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/tree"
)

// Encrypts reports whether new entries are encrypted.
func (d *opened) Encrypts() bool { return d.o.Encrypt }

// Blind makes a digest one that only who has the key can try texts against, if new entries are encrypted.
func (d *opened) Blind(digest uint64) uint64 {
	if !d.o.Encrypt {
		return digest
	}
	sum := hmac.New(sha256.New, d.o.Keys[0].Secret[:])
	sum.Write(binary.LittleEndian.AppendUint64([]byte("cachex result\n"), digest))
	return binary.LittleEndian.Uint64(sum.Sum(nil))
}

// seal is one for a new pending entry: nil without Options.Encrypt.
func (d *opened) seal() *format.Seal {
	if !d.o.Encrypt {
		return nil
	}
	return format.NewSeal(d.o.Keys[0])
}

// bodyFile is a body, or what there is of one, as the command wrote it.
type bodyFile struct {
	tree.File
	seal *format.Seal
}

// readPlainAt is ReadAt, decrypted.
func (f bodyFile) readPlainAt(b []byte, off int64) (int, error) {
	n, err := f.ReadAt(b, off)
	f.seal.XOR(format.PartBody, off, b[:n])
	return n, err
}

// section reads a part of a body.
type section struct {
	f        bodyFile
	off, end int64
}

func (s *section) Read(b []byte) (int, error) {
	if s.off >= s.end {
		return 0, io.EOF
	}
	n, err := s.f.readPlainAt(b[:min(int64(len(b)), s.end-s.off)], s.off)
	s.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}
