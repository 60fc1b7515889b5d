// Package pack carries entries of a store from place to place in one stream. Each lies there sealed as a tier has it
// (remote/envelope.go), with its body, and with what leads to it if inputs of its command were learned: so each can be
// taken alone. Two archives of the same entries are the same bytes, unless they are encrypted.
package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/remote/contract"
)

// sealedAs is the name that what lies in archives is sealed under, so that it is nothing for a tier, nor what lies
// there for an archive.
const sealedAs = "pack"

// inMemory is how large a result is sealed in memory: of larger ones the length is known when they lie in a file.
const inMemory = 1 << 20

// Writer writes an archive.
type Writer struct {
	dst     io.Writer
	sealer  contract.Sealer
	spool   func() (*os.File, error)
	left    int64 // bytes that the archive may still have
	written int64
}

// NewWriter begins an archive of at most so many bytes. spool makes a file without a name.
func NewWriter(dst io.Writer, sealer contract.Sealer, spool func() (*os.File, error), most int64) (*Writer, error) {
	w := &Writer{dst: dst, sealer: sealer, spool: spool, left: most}
	if most < headSize {
		return nil, ErrFull
	}
	return w, w.write(archiveHead())
}

// ErrFull is that an entry has no room in the archive. Another one may.
var ErrFull = errors.New("no room in the archive")

// Written is how many bytes the archive has by now.
func (w *Writer) Written() int64 { return w.written }

// Add writes an entry. way is the entry that leads to it; nil: none does. The errors are those of
// Entry.ExportPacked, ErrFull, and those of the destination.
func (w *Writer) Add(e, way *cachedir.Entry) error {
	record, size, err := recordOf(e, way)
	if err != nil {
		return err
	}
	var sealed storage = new(memory)
	if size > inMemory {
		f, err := w.spool()
		if err != nil {
			return err
		}
		defer f.Close()
		sealed = f
	}
	room := &limit{sealed, w.left}
	var length count
	err = w.sealer.Seal(io.MultiWriter(&length, &stuffer{w: room}), sealedAs, nil, record, size)
	if err != nil {
		return err
	}
	start := frameStart(int64(length))
	if int64(len(start)) > room.left {
		return ErrFull
	}
	if err := w.write(start); err != nil {
		return err
	}
	if _, err := sealed.Seek(0, io.SeekStart); err != nil {
		return err
	}
	n, err := io.Copy(w.dst, sealed)
	w.written, w.left = w.written+n, w.left-n
	return err
}

func (w *Writer) write(b []byte) error {
	n, err := w.dst.Write(b)
	w.written, w.left = w.written+int64(n), w.left-int64(n)
	return err
}

// recordOf is what is sealed: the lengths and bytes of two entry files, of which the first may be none, and the body.
func recordOf(e, way *cachedir.Entry) (record io.Reader, size int64, err error) {
	x, err := e.ExportPacked()
	if err != nil {
		return nil, 0, err
	}
	var before []byte
	if way != nil {
		w, err := way.ExportPacked()
		if err != nil {
			return nil, 0, fmt.Errorf("what leads to it: %w", err)
		}
		before = w.Content
	}
	var b []byte
	for _, content := range [...][]byte{before, x.Content} {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(content))), content...)
	}
	if x.Body == nil {
		return bytes.NewReader(b), int64(len(b)), nil
	}
	return io.MultiReader(bytes.NewReader(b), x.Body), int64(len(b)) + x.Body.Size(), nil
}

// storage is where a sealed value lies until its length is known.
type storage interface {
	io.ReadWriteSeeker
}

// memory is one that is no file. It is written, and then read from the beginning.
type memory struct{ bytes.Buffer }

func (m *memory) Seek(int64, int) (int64, error) { return 0, nil }

// limit is a writer that takes so many bytes.
type limit struct {
	w    io.Writer
	left int64
}

func (l *limit) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		return 0, ErrFull
	}
	n, err := l.w.Write(p)
	l.left -= int64(n)
	return n, err
}

// count is a writer that only counts.
type count int64

func (c *count) Write(p []byte) (int, error) {
	*c += count(len(p))
	return len(p), nil
}
