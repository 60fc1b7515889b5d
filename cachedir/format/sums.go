package format

import (
	"crypto/sha256"
	"hash"

	"github.com/cespare/xxhash/v2"
)

// Sums are what an entry says of a body, while it grows.
type Sums struct {
	sum    hash.Hash
	chunk  *xxhash.Digest
	filled int      // bytes in chunk
	Chunks []uint64 // finished ones
}

func (s *Sums) Add(b []byte) {
	if s.sum == nil {
		s.sum, s.chunk = sha256.New(), xxhash.New()
	}
	s.sum.Write(b)
	for len(b) > 0 {
		n := min(len(b), ChunkSize-s.filled)
		_, _ = s.chunk.Write(b[:n])
		b = b[n:]
		if s.filled += n; s.filled == ChunkSize {
			s.endChunk()
		}
	}
}

func (s *Sums) endChunk() {
	s.Chunks = append(s.Chunks, s.chunk.Sum64())
	s.chunk.Reset()
	s.filled = 0
}

// End is all that can be said of a body when nothing more comes.
func (s *Sums) End() (sum [sha256.Size]byte, chunks []uint64) {
	s.Add(nil)
	if s.filled > 0 {
		s.endChunk()
	}
	s.sum.Sum(sum[:0])
	return sum, s.Chunks
}

// Describe enters it into a header.
func (s *Sums) Describe(h *Header) {
	h.InFile = true
	h.Sum, h.Chunks = s.End()
}
