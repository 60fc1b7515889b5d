package format

import (
	"crypto/rand"

	"golang.org/x/crypto/chacha20"
)

// With Options.Encrypt, what a command wrote and what its recipe says lie in the directory encrypted: the texts and
// lists of an entry, the body, and the recipe of a run that has not ended. Digests, times and sizes do not, so the
// store weighs, cleans and verifies entries without a key. XChaCha20 hides the bytes and does not vouch for them:
// whoever may write into the directory could as well put an entry in the clear there. (Values on other machines are
// authenticated; package remote.)
//
// Each pending entry draws a nonce, and each of its parts has a key stream of its own under it. All parts but the body
// are written once, and the body is only appended to, so no two texts share a stream.

// SealKey is a secret that entries are encrypted with.
type SealKey struct {
	ID     [8]byte // stands in what was encrypted with it
	Secret [chacha20.KeySize]byte
}

// sealedPart is one of the texts that are encrypted under one nonce.
type sealedPart byte

const (
	partEntry sealedPart = iota // of an entry's file: what follows its fixed fields
	PartBody                    // a body in a file of its own
	partRun                     // the recipe in a .run file
)

// SealSize is the size of an encoded seal.
const SealSize = 8 + chacha20.NonceSizeX

// Seal is how one pending entry, and what becomes of it, is encrypted. A nil seal leaves bytes as they are.
type Seal struct {
	key   SealKey
	nonce [chacha20.NonceSizeX]byte
}

// NewSeal draws a nonce for what is encrypted with a key.
func NewSeal(k SealKey) *Seal {
	s := &Seal{key: k}
	_, _ = rand.Read(s.nonce[:]) // never fails
	s.nonce[len(s.nonce)-2], s.nonce[len(s.nonce)-1] = 0, 0
	return s
}

// Append adds what a reader needs to find the key stream: the id of the key and the nonce.
func (s *Seal) Append(b []byte) []byte {
	return append(append(b, s.key.ID[:]...), s.nonce[:]...)
}

// DecodeSeal reads what Append wrote, and finds the key.
func DecodeSeal(b []byte, keys []SealKey) (*Seal, error) {
	if len(b) != SealSize {
		return nil, errShort
	}
	for _, k := range keys {
		if k.ID == [8]byte(b[:8]) {
			return &Seal{key: k, nonce: [chacha20.NonceSizeX]byte(b[8:])}, nil
		}
	}
	return nil, ErrNoKey
}

// streamMost is how many bytes one nonce gives: the block counter of ChaCha20 has 32 bits.
const streamMost = 64 << 32

// XOR encrypts or decrypts b, which lies at an offset of a part.
func (s *Seal) XOR(p sealedPart, off int64, b []byte) {
	for s != nil && len(b) > 0 {
		n := min(int64(len(b)), streamMost-off%streamMost)
		s.stream(p, off).XORKeyStream(b[:n], b[:n])
		b, off = b[n:], off+n
	}
}

// stream is the key stream of a part from an offset on, to the end of what its nonce gives.
func (s *Seal) stream(p sealedPart, off int64) *chacha20.Cipher {
	nonce := s.nonce
	nonce[len(nonce)-2], nonce[len(nonce)-1] = byte(p), byte(off/streamMost)
	c, err := chacha20.NewUnauthenticatedCipher(s.key.Secret[:], nonce[:])
	if err != nil {
		panic(err) // only for wrong lengths
	}
	c.SetCounter(uint32(off % streamMost / 64))
	var skip [64]byte
	c.XORKeyStream(skip[:off%64], skip[:off%64])
	return c
}
