package hashing

import (
	"crypto/sha256"
	"io"
)

// digestOf returns the digest of a regular file and the state it was read in.
func (c *capture) digestOf(name string, follow bool) (Digest, StatID, error) {
	path := absolute(name, c.spec.Dir)
	at, err := lookAt(path, follow)
	if err != nil {
		return Digest{}, StatID{}, err
	}
	if !at.kind.regular() {
		return Digest{}, StatID{}, errKind
	}
	digest, err := c.digestSeen(path, follow, at.id)
	return digest, at.id, err
}

// digestSeen returns the digest of the file that was seen as id: from the stat cache, or by reading it.
//
// What can happen between the look and the read: the file is replaced, or written to. So the open file must be the one seen, before and
// after reading; errChanged if it is not. Only a digest read from a file that had been left alone for settleTime is remembered, and only
// for such a file is one believed: then any later change shows in the StatID. Time is that of the start of the capture, which makes
// files look younger, never older.
func (c *capture) digestSeen(path string, follow bool, id StatID) (Digest, error) {
	trust := c.cache != nil && id.settled(c.started)
	if trust {
		if digest, ok := c.cache.Digest(id); ok {
			return digest, nil
		}
	}
	digest, size, err := readDigest(path, follow, id)
	if err == nil && trust && size == id.Size { // it is not in /proc, where the size says nothing
		c.cache.Remember(id, digest)
	}
	return digest, err
}

// readDigest reads the file that was seen as id, and returns the number of bytes it had.
func readDigest(path string, follow bool, id StatID) (Digest, int64, error) {
	f, err := openContent(path, follow)
	if err != nil {
		return Digest{}, 0, cause(err)
	}
	defer f.Close()
	if at, err := lookAtOpen(f); err != nil || !at.kind.regular() || at.id != id {
		return Digest{}, 0, errChanged
	}
	sum := sha256.New()
	size, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{f}, make([]byte, bufferSize(id.Size)))
	if err != nil {
		return Digest{}, 0, cause(err)
	}
	if at, err := lookAtOpen(f); err != nil || at.id != id {
		return Digest{}, 0, errChanged
	}
	return Digest(sum.Sum(nil)), size, nil
}

// bufferSize keeps small files cheap; one byte more than the file lets a single read reach its end.
func bufferSize(size int64) int64 { return min(max(size+1, 512), 256<<10) }
