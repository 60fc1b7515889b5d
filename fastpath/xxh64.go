package fastpath

// Sum64 is XXH64 with seed 0: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
func Sum64(b []byte) uint64 {
	var s sum64
	s.reset()
	return s.end(s.blocks(b))
}

// sum64 is a sum under way: of what comes in pieces.
type sum64 struct {
	v    [4]uint64
	size uint64
}

func (s *sum64) reset() {
	// prime1+prime2, prime2, 0, -prime1
	s.v[0], s.v[1], s.v[2], s.v[3] = 0x60ea27eeadc0b5d6, prime2, 0, 0x61c8864e7a143579
	s.size = 0
}

// blocks takes whole blocks of 32 bytes, and returns what is left.
func (s *sum64) blocks(b []byte) []byte {
	v := s.v
	n := len(b)
	for ; len(b) >= 32; b = b[32:] {
		v[0] = round(v[0], load64(b))
		v[1] = round(v[1], load64(b[8:]))
		v[2] = round(v[2], load64(b[16:]))
		v[3] = round(v[3], load64(b[24:]))
	}
	s.v, s.size = v, s.size+uint64(n-len(b))
	return b
}

// end is the sum, with a rest of less than 32 bytes.
func (s *sum64) end(b []byte) uint64 {
	h := uint64(prime5)
	if v := s.v; s.size > 0 {
		h = rotate(v[0], 1) + rotate(v[1], 7) + rotate(v[2], 12) + rotate(v[3], 18)
		for _, w := range v {
			h = (h^round(0, w))*prime1 + prime4
		}
	}
	h += s.size + uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		h = rotate(h^round(0, load64(b)), 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		h = rotate(h^uint64(load32(b))*prime1, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		h = rotate(h^uint64(c)*prime5, 11) * prime1
	}
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}

const (
	prime1 = 0x9e3779b185ebca87
	prime2 = 0xc2b2ae3d27d4eb4f
	prime3 = 0x165667b19e3779f9
	prime4 = 0x85ebca77c2b2ae63
	prime5 = 0x27d4eb2f165667c5
)

func round(v, word uint64) uint64 { return rotate(v+word*prime2, 31) * prime1 }

func rotate(v uint64, n uint) uint64 { return v<<n | v>>(64-n) }
