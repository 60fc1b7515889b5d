package cachedir

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// ReplayError says that an entry could not be read to its end. It is never about the caller's own streams.
type ReplayError struct {
	Written bool // some of it has already gone out
	Err     error
}

func (e *ReplayError) Error() string { return fmt.Sprintf("replay: %v", e.Err) }

func (e *ReplayError) Unwrap() error { return e.Err }

// wholeRead is the largest body that is read once, verified and written from memory. A larger one is read twice.
const wholeRead = 4 << 20

// Verify checks the whole entry. A body in a file of its own is read by several goroutines.
func (e *Entry) Verify() error {
	if !e.h.inFile {
		return nil // verified when it was read
	}
	return verifyChunks(e.body.File, e.h.fileLen(), e.h.chunks)
}

func verifyChunks(f tree.File, size int64, chunks []uint64) error {
	workers := min(runtime.GOMAXPROCS(0), 4, len(chunks))
	var next atomic.Int64
	var bad atomic.Pointer[error]
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			buf := make([]byte, chunkSize)
			for bad.Load() == nil {
				i := next.Add(1) - 1
				if i >= int64(len(chunks)) {
					return
				}
				off := i * chunkSize
				b := buf[:min(chunkSize, size-off)]
				if _, err := f.ReadAt(b, off); err != nil {
					bad.Store(&err)
				} else if xxhash.Sum64(b) != chunks[i] {
					err := fmt.Errorf("%w: checksum of bytes %d to %d of the body", errSpoiled, off, off+int64(len(b)))
					bad.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := bad.Load(); err != nil {
		return *err
	}
	return nil
}

// Replay writes both streams in the order in which they were first delivered. All of it is verified before the first
// byte is written. A *ReplayError is a damaged entry; any other error is what a writer returned.
func (e *Entry) Replay(stdout, stderr io.Writer) error {
	out := [2]io.Writer{stdout, stderr}
	if !e.h.inFile {
		return e.replayFrom(&memory{e.inline}, bytes.NewReader(e.h.table), out)
	}
	if e.h.fileLen() <= wholeRead {
		return e.replayWhole(out)
	}
	if err := e.Verify(); err != nil {
		return &ReplayError{Err: err}
	}
	switch {
	case e.h.seal != nil:
	case e.StderrSize == 0:
		return e.copyOut(stdout)
	case e.StdoutSize == 0:
		return e.copyOut(stderr)
	}
	var table io.ByteReader = bytes.NewReader(e.h.table)
	if e.h.tableBehind {
		table = tableIn(e.h, e.body)
	}
	body := &chunked{section: section{f: e.body, end: e.h.bodyLen()}, buf: make([]byte, chunkSize)}
	return e.replayFrom(body, table, out)
}

// tableIn reads the frame table that lies behind a body.
func tableIn(h *header, body bodyFile) io.ByteReader {
	return bufio.NewReaderSize(&section{f: body, off: h.bodyLen(), end: h.fileLen()}, 64<<10)
}

// replayWhole reads a body of a few MiB once, and writes what was verified.
func (e *Entry) replayWhole(out [2]io.Writer) error {
	b := make([]byte, e.h.fileLen())
	if _, err := e.body.ReadAt(b, 0); err != nil {
		return &ReplayError{Err: err}
	}
	for i, want := range e.h.chunks {
		if xxhash.Sum64(b[i*chunkSize:min((i+1)*chunkSize, len(b))]) != want {
			return &ReplayError{Err: fmt.Errorf("%w: checksum of the body", errSpoiled)}
		}
	}
	e.h.seal.xor(partBody, 0, b)
	body, table := b[:e.h.bodyLen()], b[e.h.bodyLen():]
	if !e.h.tableBehind {
		table = e.h.table
	}
	return e.replayFrom(&memory{body}, bytes.NewReader(table), out)
}

// source gives the bytes of a body one piece after the other, each valid until the next.
type source interface {
	next(most int64) ([]byte, error)
}

func (e *Entry) replayFrom(body source, table io.ByteReader, out [2]io.Writer) error {
	written := false
	frames := frameReader{r: table, stdout: e.StdoutSize, stderr: e.StderrSize}
	for {
		stream, size, err := frames.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		for err == nil && size > 0 {
			var b []byte
			if b, err = body.next(size); err != nil {
				break
			}
			if _, werr := out[stream].Write(b); werr != nil {
				return werr
			}
			written = true
			size -= int64(len(b))
		}
		if err != nil {
			return &ReplayError{written, err}
		}
	}
}

// memory is a body that has been read already.
type memory struct{ b []byte }

func (m *memory) next(most int64) ([]byte, error) {
	if len(m.b) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	n := min(most, int64(len(m.b)))
	out := m.b[:n]
	m.b = m.b[n:]
	return out, nil
}

// chunked reads a body piece by piece.
type chunked struct {
	section
	buf  []byte
	have []byte
}

func (c *chunked) next(most int64) ([]byte, error) {
	if len(c.have) == 0 {
		n, err := c.Read(c.buf)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		c.have = c.buf[:n]
	}
	n := min(most, int64(len(c.have)))
	out := c.have[:n]
	c.have = c.have[n:]
	return out, nil
}

// copyOut writes a body of one stream. From file to file the kernel copies it.
func (e *Entry) copyOut(w io.Writer) error {
	src, err := e.body.Dup()
	if err != nil {
		return &ReplayError{Err: err}
	}
	defer func() { _ = src.Close() }()
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return &ReplayError{Err: err}
	}
	n, err := io.Copy(w, io.LimitReader(src, e.h.bodyLen()))
	if err == nil && n != e.h.bodyLen() {
		return &ReplayError{n > 0, io.ErrUnexpectedEOF}
	}
	return err
}
