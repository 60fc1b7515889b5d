package hashing

import (
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// location is a name that may be relative to a directory. Of most files the whole path is never needed.
type location struct{ name, dir string }

func (l location) path() string { return absolute(l.name, l.dir) }

// contents tells what files hold.
type contents struct {
	cache   Digests      // the stat cache; nil: there is none
	reads   atomic.Int64 // files that it did not know
	started time.Time
	buffers sync.Pool // of *[]byte, that files were read by: to make one for each costs a third of all
	mountOf func(file location, follow bool, at look) mount
}

// digestOf returns the digest of a regular file and the state it was read in.
func (c *capture) digestOf(name string, follow bool) (Digest, StatID, error) {
	file := location{name, c.spec.Dir}
	at, err := lookAt(file.path(), follow)
	if err != nil {
		return Digest{}, StatID{}, err
	}
	if !at.kind.regular() {
		return Digest{}, StatID{}, errKind
	}
	digest, at, err := c.digestSeen(file, follow, at)
	return digest, at.id, err
}

// digestSeen returns the digest of the file that was seen, and what was seen of it when it was read: from the stat
// cache, or by reading it.
func (c *contents) digestSeen(file location, follow bool, at look) (Digest, look, error) {
	d, err := c.digestFile(file, follow, at)
	return d.digest, d.at, err
}

// digested is the digest of a file, and what was seen of it.
type digested struct {
	digest Digest
	at     look
	known  bool // what stands for the file has this digest, now and later
}

// digestFile is digestSeen that says more.
//
// What can happen between the look and the read: the file is replaced, or written to. So the open file must be the one
// seen, before and after reading; errChanged if it is not. Only a digest read from a file that had been left alone for
// settleTime, and of which nothing was left to be written back, is remembered, and only for such a file is one
// believed: then any later change shows in the StatID. Time is that of the start of the capture, which makes files look
// younger, never older.
func (c *contents) digestFile(file location, follow bool, at look) (digested, error) {
	on, id, trust := c.standsFor(file, follow, at)
	if trust {
		if digest, ok := c.cache.Digest(id); ok {
			return digested{digest, at, true}, nil
		}
	}
	c.reads.Add(1)
	read, err := c.readContent(file.path(), follow, on, at, trust)
	d := digested{digest: read.digest, at: read.at}
	if err == nil && read.settled && read.size == id.Size { // it is not in /proc, where the size says nothing
		c.cache.Remember(id, read.digest)
		d.known = true
	}
	return d, err
}

// standsFor returns what stands for the content of a file that was seen, and whether that is believed.
func (c *contents) standsFor(file location, follow bool, at look) (on mount, id StatID, trust bool) {
	on = c.mountOf(file, follow, at)
	id, trust = on.identity(file, at.id)
	return on, id, trust && c.cache != nil && id.settled(c.started)
}

// standsForNames returns what stands for the names in a directory that was seen, and whether that is believed: where
// each change of one moves the change time, and if the last is long enough ago. That is so on one mount. Who repairs,
// builds or edits a filesystem that is not mounted changes names and no time, and two images may have the same times.
// In an encrypted directory names are others as long as its key is not there.
func (c *contents) standsForNames(directory location, at look) (StatID, bool) {
	if !namesShow || c.cache == nil {
		return StatID{}, false
	}
	on, id, trust := c.standsFor(directory, true, at)
	id.Mount = on.name
	return id, trust && on.name != 0 && !at.encrypted && (on.fs == tracked || on.fs == image)
}

// Files of /proc and /sys yield more than their size says, and some have no end. So many bytes more are read, and so
// long is waited for them.
const (
	unsizedMost = 16 << 20
	unsizedTime = time.Second
)

// boundedReader fails where more than it may yield was read. It never reads less at once than it is asked for: some
// files of /proc take only whole records.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, errEndless
	}
	return n, err
}

// content is what a file was read to hold.
type content struct {
	digest  Digest
	size    int64 // bytes that it had
	at      look
	settled bool // nothing was left to be written back
}

// readContent reads the file that was seen; settle asks for nothing to be left to be written back.
func (s *contents) readContent(path string, follow bool, on mount, seen look, settle bool) (content, error) {
	f, err := openContent(path, follow)
	if err != nil {
		return content{}, cause(err)
	}
	defer f.Close()
	at, err := lookAtOpen(f)
	if err != nil || !at.kind.regular() || on.fs != unsure && at.id != seen.id {
		return content{}, errChanged
	}
	c := content{at: at, settled: settle && on.writeBack(f)}
	sum := sha256.New()
	if at.id.Size == 0 {
		_ = f.SetReadDeadline(time.Now().Add(unsizedTime)) // fails, and is not needed, where reading does not wait
	}
	most := min(at.id.Size, math.MaxInt64-unsizedMost) + unsizedMost
	b := s.buffer(bufferSize(at.id.Size))
	c.size, err = io.CopyBuffer(struct{ io.Writer }{sum}, &boundedReader{f, most}, *b)
	s.buffers.Put(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errEndless
	}
	if err != nil {
		return content{}, cause(err)
	}
	if now, err := lookAtOpen(f); err != nil || on.fs != unsure && now.id != at.id {
		return content{}, errChanged
	}
	sum.Sum(c.digest[:0])
	return c, nil
}

// buffer returns one of a size, or larger.
func (s *contents) buffer(size int64) *[]byte {
	if b, ok := s.buffers.Get().(*[]byte); ok && int64(len(*b)) >= size {
		return b
	}
	b := make([]byte, 1<<bits.Len64(uint64(size-1))) // so that the next ones are rarely too small
	return &b
}

// bufferSize keeps small files cheap; one byte more than the file lets a single read reach its end.
func bufferSize(size int64) int64 { return min(max(size+1, 512), 256<<10) }

// DigestFile returns the digest of a regular file, through links.
func DigestFile(path string, digests Digests) (Digest, error) {
	digest, _, err := newCapture(Spec{}, digests, time.Now()).digestOf(path, true)
	return digest, err
}
