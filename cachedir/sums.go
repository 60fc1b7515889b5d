package cachedir

import (
	"crypto/sha256"
	"hash"

	"github.com/cespare/xxhash/v2"
)

// sums are what an entry says of a body, while it grows.
type sums struct {
	sum    hash.Hash
	chunk  *xxhash.Digest
	filled int      // bytes in chunk
	chunks []uint64 // finished ones
}

func (s *sums) add(b []byte) {
	if s.sum == nil {
		s.sum, s.chunk = sha256.New(), xxhash.New()
	}
	s.sum.Write(b)
	for len(b) > 0 {
		n := min(len(b), chunkSize-s.filled)
		_, _ = s.chunk.Write(b[:n])
		b = b[n:]
		if s.filled += n; s.filled == chunkSize {
			s.endChunk()
		}
	}
}

func (s *sums) endChunk() {
	s.chunks = append(s.chunks, s.chunk.Sum64())
	s.chunk.Reset()
	s.filled = 0
}

// end is all that can be said of a body when nothing more comes.
func (s *sums) end() (sum [sha256.Size]byte, chunks []uint64) {
	s.add(nil)
	if s.filled > 0 {
		s.endChunk()
	}
	s.sum.Sum(sum[:0])
	return sum, s.chunks
}

// describe enters it into a header.
func (s *sums) describe(h *header) {
	h.inFile = true
	h.sum, h.chunks = s.end()
}
