package fastpath

// Sum256 is SHA-256, FIPS 180-4. It is for a few hundred bytes.
func Sum256(b []byte) [32]byte { return sumText(alias(b)) }

func sumText(s string) [32]byte {
	var d digest
	d.reset()
	d.text(s)
	return d.sum()
}

// digest is a SHA-256 under way. It keeps nothing but the rest of the last block.
type digest struct {
	h    [8]uint32
	rest [64]byte
	size uint64 // bytes so far
}

// firstState is a variable, as roundConstants are, and lies beside them.
var firstState = [8]uint32{
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

func (d *digest) reset() {
	d.h = firstState
	d.size = 0
}

func (d *digest) text(s string) {
	n := int(d.size % 64)
	d.size += uint64(len(s))
	for len(s) > 0 {
		got := copy(d.rest[n:], s)
		if s = s[got:]; n+got == 64 {
			d.block()
			got = -n
		}
		n += got
	}
}

func (d *digest) byte(b byte) { d.text(alias([]byte{b})) }

func (d *digest) word(v uint64) {
	var b [8]byte
	put64(b[:], v)
	d.text(alias(b[:]))
}

// sum ends the digest.
func (d *digest) sum() (sum [32]byte) {
	bits := d.size * 8
	n := int(d.size % 64)
	d.rest[n] = 0x80
	clear(d.rest[n+1:])
	if n >= 56 {
		d.block()
		clear(d.rest[:])
	}
	for i := range 8 {
		d.rest[63-i] = byte(bits >> (8 * i))
	}
	d.block()
	for i, v := range d.h {
		sum[4*i], sum[4*i+1], sum[4*i+2], sum[4*i+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	}
	return sum
}

func (d *digest) block() {
	var w [64]uint32
	for i := range 16 {
		p := d.rest[4*i : 4*i+4]
		w[i] = uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])
	}
	for i := 16; i < 64; i++ {
		a, b := w[i-15], w[i-2]
		w[i] = w[i-16] + (turn(a, 7) ^ turn(a, 18) ^ a>>3) + w[i-7] + (turn(b, 17) ^ turn(b, 19) ^ b>>10)
	}
	a, b, c, e := d.h[0], d.h[1], d.h[2], d.h[4]
	f, g, h, last := d.h[5], d.h[6], d.h[7], d.h[3]
	for i := range w {
		t1 := h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (e&f ^ ^e&g) + roundConstants[i] + w[i]
		t2 := (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a&b ^ a&c ^ b&c)
		h, g, f, e = g, f, e, last+t1
		last, c, b, a = c, b, a, t1+t2
	}
	for i, v := range [8]uint32{a, b, c, last, e, f, g, h} {
		d.h[i] += v
	}
}

func turn(v uint32, n uint) uint32 { return v>>n | v<<(32-n) }

// roundConstants are the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
var roundConstants = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
