package cachedir

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
)

// The files that a run made lie behind its output, in the same file: so they come and go with the entry, by one rename,
// are verified, encrypted, counted, exported and imported as its body is, and those of a thousand files are one. What
// they are is in a list within the entry, which means nothing here.

// AppendOutputs adds files that the run has made, after all of its output: write gets what they hold written, and
// returns the list. After an error nothing is left of the entry, and Commit returns it.
func (p *Pending) AppendOutputs(write func(io.Writer) (list []byte, err error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	if err := p.appendOutputs(write); err != nil {
		return p.fail(err)
	}
	return nil
}

func (p *Pending) appendOutputs(write func(io.Writer) ([]byte, error)) error {
	p.tableBuf = p.frames.End(p.tableBuf)
	if err := p.endBody(); err != nil {
		return fmt.Errorf("record output: %w", err)
	}
	p.tail = nil
	before := p.body.size
	list, err := write(outputsWriter{p})
	switch {
	case err != nil:
		return err
	case len(list) > format.MaxFiles:
		return fmt.Errorf("%w: too many files", ErrTooLarge)
	}
	p.outputs, p.outputsLen = list, p.body.size-before
	return nil
}

// outputsWriter writes into the file of a body, within the limits.
type outputsWriter struct{ p *Pending }

func (w outputsWriter) Write(b []byte) (int, error) {
	size := w.p.body.size + int64(len(b))
	if size > w.p.d.o.MaxSize {
		return 0, ErrTooLarge
	}
	if err := w.p.checkSpace(size); err != nil {
		return 0, err
	}
	if err := w.p.writeBody(b, false); err != nil {
		return 0, fmt.Errorf("record outputs: %w", err)
	}
	return len(b), nil
}

// Contents is what the files hold that the run made, one after another. What is read is verified. One goroutine at a
// time may read.
func (e *Entry) Contents() io.ReaderAt {
	return &contents{e: e, from: e.h.PrintedLen(), chunk: -1}
}

// contents reads whole chunks, and keeps the last one.
type contents struct {
	e     *Entry
	from  int64 // where they begin in the file
	chunk int64 // of which b is the content; -1: none
	b     []byte
}

// ReadAt is that of io.ReaderAt.
func (c *contents) ReadAt(b []byte, off int64) (done int, err error) {
	if !c.e.open {
		return 0, ErrClosed
	}
	for done < len(b) {
		at := c.from + off + int64(done)
		if at >= c.e.h.FileLen() {
			return done, io.EOF
		}
		if err := c.load(at / format.ChunkSize); err != nil {
			return done, err
		}
		done += copy(b[done:], c.b[at%format.ChunkSize:])
	}
	return done, nil
}

func (c *contents) load(chunk int64) error {
	if chunk == c.chunk {
		return nil
	}
	if c.b == nil {
		c.b = make([]byte, format.ChunkSize)
	}
	off := chunk * format.ChunkSize
	c.chunk, c.b = -1, c.b[:min(format.ChunkSize, c.e.h.FileLen()-off)]
	if _, err := c.e.body.ReadAt(c.b, off); err != nil {
		return err
	}
	if xxhash.Sum64(c.b) != c.e.h.Chunks[chunk] {
		return fmt.Errorf("%w: checksum of chunk %d of the body", format.ErrSpoiled, chunk)
	}
	c.e.h.Seal.XOR(format.PartBody, off, c.b)
	c.chunk = chunk
	return nil
}

// Restoring is which temporary files are being made outside of this directory, for one recipe in one working directory:
// records that mean nothing here. Each process that makes some holds a shared lock on the file, so who can lock it
// alone is left with what those have made that are gone.
//
//	record written, then killed   nobody has a lock: Recover finds it
//	two at once, one killed       the other leaves the file, for there is more in it than its own record
type Restoring struct {
	d    *opened
	name string
}

const (
	restoringSuffix = ".outputs"
	mostRestoring   = 16 << 20
)

// Restoring names it.
func (d *opened) Restoring(key hashing.Key, dir string) *Restoring {
	sum := sha256.Sum256(append(binary.LittleEndian.AppendUint32(key[:], uint32(len(dir))), dir...))
	return &Restoring{d, tree.PendingDir + "/" + hashing.Key(sum).String() + restoringSuffix}
}

// Name is that of its file.
func (r *Restoring) Name() string { return r.name }

// Recover calls remove with all records, and forgets them, if nobody who wrote one is there any more.
func (r *Restoring) Recover(remove func(records []byte)) {
	f, _, err := r.d.v1.OpenWritten(r.name)
	if err != nil {
		return
	}
	defer f.Close()
	if r.d.o.ReadOnly || f.TryLock() != nil {
		return
	}
	fi, err := f.Info()
	if err != nil || fi.Links != 1 || fi.Size > mostRestoring {
		return
	}
	b := make([]byte, fi.Size)
	if n, err := f.ReadAt(b, 0); err == nil || errors.Is(err, io.EOF) {
		remove(b[:n])
		_ = r.d.v1.Remove(r.name)
	}
}

// Keep adds a record; done takes it away if it is the only one. If not, one of the others may be that of a process that
// was killed meanwhile.
func (r *Restoring) Keep(record []byte) (done func(), err error) {
	if r.d.o.ReadOnly {
		return nil, ErrReadOnly
	}
	const tries, pause = 200, 10 * time.Millisecond // of somebody who removes what others have left
	for range tries {
		f, _, err := r.d.v1.OpenInPlace(r.name, os.O_APPEND)
		if err != nil {
			return nil, err
		}
		locked := f.TryLockShared()
		if errors.Is(locked, tree.ErrLocked) {
			f.Close()
			time.Sleep(pause)
			continue
		}
		if fi, err := f.Info(); err != nil || fi.Links != 1 {
			f.Close()
			continue
		}
		if err := f.WriteAll(record); err != nil {
			f.Close()
			return nil, r.d.v1.PathError("write", r.name, err)
		}
		return func() { r.end(f, int64(len(record))) }, nil
	}
	return nil, r.d.v1.PathError("lock", r.name, tree.ErrLocked)
}

// end removes the file if there is nothing in it but one record.
func (r *Restoring) end(f tree.File, size int64) {
	defer f.Close()
	if errors.Is(f.TryLock(), tree.ErrLocked) {
		return
	}
	if fi, err := f.Info(); err == nil && fi.Size == size {
		_ = r.d.v1.Remove(r.name)
	}
}
