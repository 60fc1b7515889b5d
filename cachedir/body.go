package cachedir

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/late"
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
	if !e.h.InFile {
		return nil // verified when it was read
	}
	return verifyChunks(e.body.File, e.h.FileLen(), e.h.Chunks)
}

func verifyChunks(f tree.File, size int64, chunks []uint64) error {
	workers := len(chunks)
	if workers > 1 {
		workers = min(late.Processors(), 4, workers)
	}
	var next atomic.Int64
	var bad atomic.Pointer[error]
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			buf := make([]byte, format.ChunkSize)
			for bad.Load() == nil {
				i := next.Add(1) - 1
				if i >= int64(len(chunks)) {
					return
				}
				off := i * format.ChunkSize
				b := buf[:min(format.ChunkSize, size-off)]
				if _, err := f.ReadAt(b, off); err != nil {
					bad.Store(&err)
				} else if xxhash.Sum64(b) != chunks[i] {
					err := fmt.Errorf("%w: checksum of bytes %d to %d of the body", format.ErrSpoiled, off,
						off+int64(len(b)))
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
	if !e.h.InFile {
		return e.replayFrom(&memory{e.inline}, bytes.NewReader(e.h.Table), out)
	}
	if e.h.PrintedLen() <= wholeRead {
		return e.replayWhole(out)
	}
	if err := verifyChunks(e.body.File, e.h.FileLen(), e.printedChunks()); err != nil {
		return &ReplayError{Err: err}
	}
	switch {
	case e.h.Seal != nil:
	case e.StderrSize == 0:
		return e.copyOut(stdout)
	case e.StdoutSize == 0:
		return e.copyOut(stderr)
	}
	var table io.ByteReader = bytes.NewReader(e.h.Table)
	if e.h.TableBehind {
		table = tableIn(e.h, e.body)
	}
	body := &chunked{section: section{f: e.body, end: e.h.BodyLen()}, buf: make([]byte, format.ChunkSize)}
	return e.replayFrom(body, table, out)
}

// printedChunks are the checksums of what is needed to print. Outputs behind it are verified when they are read.
func (e *Entry) printedChunks() []uint64 {
	return e.h.Chunks[:(e.h.PrintedLen()+format.ChunkSize-1)/format.ChunkSize]
}

// tableIn reads the frame table that lies behind a body.
func tableIn(h *format.Header, body bodyFile) io.ByteReader {
	return bufio.NewReaderSize(&section{f: body, off: h.BodyLen(), end: h.PrintedLen()}, 64<<10)
}

// replayWhole reads a body of a few MiB once, and writes what was verified.
func (e *Entry) replayWhole(out [2]io.Writer) error {
	chunks := e.printedChunks()
	b := make([]byte, min(e.h.FileLen(), int64(len(chunks))*format.ChunkSize))
	if _, err := e.body.ReadAt(b, 0); err != nil {
		return &ReplayError{Err: err}
	}
	for i, want := range chunks {
		if xxhash.Sum64(b[i*format.ChunkSize:min((i+1)*format.ChunkSize, len(b))]) != want {
			return &ReplayError{Err: fmt.Errorf("%w: checksum of the body", format.ErrSpoiled)}
		}
	}
	e.h.Seal.XOR(format.PartBody, 0, b)
	body, table := b[:e.h.BodyLen()], b[e.h.BodyLen():e.h.PrintedLen()]
	if !e.h.TableBehind {
		table = e.h.Table
	}
	return e.replayFrom(&memory{body}, bytes.NewReader(table), out)
}

// source gives the bytes of a body one piece after the other, each valid until the next.
type source interface {
	next(most int64) ([]byte, error)
}

func (e *Entry) replayFrom(body source, table io.ByteReader, out [2]io.Writer) error {
	written := false
	frames := format.FrameReader{Table: table, Stdout: e.StdoutSize, Stderr: e.StderrSize}
	for {
		stream, size, err := frames.Next()
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
	n, err := io.Copy(w, io.LimitReader(src, e.h.BodyLen()))
	if err == nil && n != e.h.BodyLen() {
		return &ReplayError{n > 0, io.ErrUnexpectedEOF}
	}
	return err
}
