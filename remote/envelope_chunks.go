package remote

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// The payload of a sealed value is chunks: four bytes with the length of what follows, the highest bit set in the last
// one. All but the last hold 64 KiB, and the last is empty only if it is the only one. When encrypted each is followed
// by its 16 byte tag, which the length counts too.

const (
	sealChunk   = 64 << 10
	chunkHead   = 4
	lastChunk   = 1 << 31
	noncePrefix = 16
)

// chunkCipher encrypts or decrypts the chunks of one value in order: the STREAM construction of Hoang, Reyhanitabar,
// Rogaway and Vizár, 2015. Each nonce is a random prefix (16 bytes: no two values of one key share it), a counter (7
// bytes) and whether this is the last chunk (1 byte). So no chunk can be moved, left out, doubled or taken from another
// value, and the end cannot be cut off.
type chunkCipher struct {
	aead  cipher.AEAD
	nonce [chacha20poly1305.NonceSizeX]byte
	count uint64
	bound []byte // associated data: all that says which value this is
}

func newChunkCipher(k Key, prefix [noncePrefix]byte, bound []byte) *chunkCipher {
	aead, err := chacha20poly1305.NewX(k.derive("cachex seal v1", nil))
	if err != nil {
		panic(err) // the length of the key is right
	}
	c := &chunkCipher{aead: aead, bound: bound}
	copy(c.nonce[:], prefix[:])
	return c
}

func randomPrefix() (p [noncePrefix]byte) {
	rand.Read(p[:]) // never fails
	return p
}

// next is the nonce of the next chunk. No value is so long that 56 bits do not suffice.
func (c *chunkCipher) next(last bool) []byte {
	binary.BigEndian.PutUint64(c.nonce[noncePrefix:], c.count<<8)
	if last {
		c.nonce[len(c.nonce)-1] = 1
	}
	c.count++
	return c.nonce[:]
}

// chunkWriter cuts what is written to it into chunks. Close writes the last one and does not close what is below.
type chunkWriter struct {
	dst    io.Writer
	sum    hash.Hash    // of all that was written
	cipher *chunkCipher // nil: in the clear
	buf    []byte       // room for the length, then the chunk that is being filled
}

func newChunkWriter(dst io.Writer, c *chunkCipher) *chunkWriter {
	buf := make([]byte, chunkHead, chunkHead+sealChunk+chacha20poly1305.Overhead)
	return &chunkWriter{dst: dst, sum: sha256.New(), cipher: c, buf: buf}
}

// Write holds back a full chunk until more comes, for only then it is known not to be the last.
func (w *chunkWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		if len(w.buf) == chunkHead+sealChunk {
			if err := w.flush(false); err != nil {
				return done, err
			}
		}
		n := min(len(p)-done, chunkHead+sealChunk-len(w.buf))
		w.buf = append(w.buf, p[done:done+n]...)
		done += n
	}
	return done, nil
}

func (w *chunkWriter) Close() error { return w.flush(true) }

func (w *chunkWriter) flush(last bool) error {
	chunk := w.buf[chunkHead:]
	if w.cipher != nil {
		chunk = w.cipher.aead.Seal(chunk[:0], w.cipher.next(last), chunk, w.cipher.bound)
	}
	length := uint32(len(chunk))
	if last {
		length |= lastChunk
	}
	binary.LittleEndian.PutUint32(w.buf, length)
	whole := w.buf[:chunkHead+len(chunk)]
	w.sum.Write(whole)
	w.buf = w.buf[:chunkHead]
	_, err := w.dst.Write(whole)
	return err
}

// chunkReader gives back what a chunkWriter was given. Without a cipher nothing is proved yet when it has said io.EOF.
type chunkReader struct {
	src    io.Reader
	sum    hash.Hash    // of all that was read
	cipher *chunkCipher // nil: in the clear
	left   int64        // bytes that may still come
	buf    []byte
	rest   []byte // of the present chunk, not given out yet
	any    bool   // a chunk was read
	err    error  // why there are no more chunks; io.EOF: the last one was read
}

func newChunkReader(src io.Reader, c *chunkCipher, most int64) *chunkReader {
	return &chunkReader{
		src: src, sum: sha256.New(), cipher: c, left: most,
		buf: make([]byte, min(most, sealChunk)+chunkHead+chacha20poly1305.Overhead),
	}
}

func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		var last bool
		if r.rest, last, r.err = r.chunk(); last {
			r.err = io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// WriteTo spares a copy.
func (r *chunkReader) WriteTo(dst io.Writer) (int64, error) {
	var total int64
	for r.err == nil || len(r.rest) > 0 {
		n, err := dst.Write(r.rest)
		total += int64(n)
		if r.rest = r.rest[n:]; err != nil {
			return total, err
		}
		if r.err != nil {
			break
		}
		var last bool
		if r.rest, last, r.err = r.chunk(); last {
			r.err = io.EOF
		}
	}
	if errors.Is(r.err, io.EOF) {
		return total, nil
	}
	return total, r.err
}

// chunk reads one chunk. Nothing is read into memory before its length was found to be a possible one.
func (r *chunkReader) chunk() (plain []byte, last bool, err error) {
	if err := fillSealed(r.src, r.buf[:chunkHead]); err != nil {
		return nil, false, err
	}
	length := binary.LittleEndian.Uint32(r.buf)
	last = length&lastChunk != 0
	size := int64(length &^ lastChunk)
	if r.cipher != nil {
		size -= chacha20poly1305.Overhead
	}
	switch {
	case size < 0, size > sealChunk, size < sealChunk && !last, size == 0 && r.any:
		return nil, false, damaged("a chunk of a length that cannot be")
	case size > r.left:
		return nil, false, damaged("longer than it says")
	}
	r.any, r.left = true, r.left-size
	whole := r.buf[:chunkHead+int(length&^lastChunk)]
	if err := fillSealed(r.src, whole[chunkHead:]); err != nil {
		return nil, false, err
	}
	r.sum.Write(whole)
	plain = whole[chunkHead:]
	if r.cipher != nil {
		plain, err = r.cipher.aead.Open(plain[:0], r.cipher.next(last), plain, r.cipher.bound)
		if err != nil {
			return nil, false, damaged("a chunk is not what was encrypted here")
		}
	}
	return plain, last, nil
}

// fillSealed reads as many bytes as there is room for. That they end too early is damage, all else the source's error.
func fillSealed(src io.Reader, room []byte) error {
	_, err := io.ReadFull(src, room)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends too early")
	}
	return err
}

func damaged(why string) error { return fmt.Errorf("%w: %s", ErrDamaged, why) }
