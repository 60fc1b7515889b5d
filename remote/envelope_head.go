package remote

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/cespare/xxhash/v2"
)

// The head of a sealed value, 64 bytes, little endian:
//
//	magic 8, version 1, flags 1, zeros 6, id of the signing key 8, id of the encryption key 8,
//	plain length 8, random prefix of the nonces 16, xxhash64 of all this 8
//
// Its size, its magic and the place of its checksum are for all versions: only under a right checksum is a higher
// version believed to be one and not damage. What is not used is zero, so that one meaning has one spelling.

const (
	headMagic   = "cachexV\n"
	headVersion = 1
	headSize    = 64
)

const (
	flagCompressed = 1 << iota
	flagEncrypted
	flagEd25519
	flagHMAC
	flagEnd
)

type head struct {
	flags  byte
	signer KeyID // zero: not signed
	cipher KeyID // zero: not encrypted
	plain  int64 // bytes of the value
	prefix [noncePrefix]byte
}

func (h *head) has(flag byte) bool { return h.flags&flag != 0 }

func (h *head) signed() bool { return h.has(flagEd25519 | flagHMAC) }

func (h *head) encode() []byte {
	b := make([]byte, 0, headSize)
	b = append(b, headMagic...)
	b = append(b, headVersion, h.flags, 0, 0, 0, 0, 0, 0)
	b = append(b, h.signer[:]...)
	b = append(b, h.cipher[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.plain))
	b = append(b, h.prefix[:]...)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// readHead returns a head and its bytes.
func readHead(src io.Reader) (head, []byte, error) {
	b := make([]byte, headSize)
	if err := fillSealed(src, b); err != nil {
		return head{}, nil, err
	}
	h, err := decodeHead(b)
	return h, b, err
}

func decodeHead(b []byte) (head, error) {
	var h head
	body, sum := b[:headSize-8], binary.LittleEndian.Uint64(b[headSize-8:])
	if string(body[:8]) != headMagic || xxhash.Sum64(body) != sum {
		return h, damaged("its head is not one")
	}
	if body[8] > headVersion {
		return h, fmt.Errorf("%w: %d, and %d is known", ErrNewer, body[8], headVersion)
	}
	plain := binary.LittleEndian.Uint64(body[32:])
	if plain > math.MaxInt64 {
		return h, damaged("its length is none")
	}
	h.flags, h.plain = body[9], int64(plain)
	copy(h.signer[:], body[16:])
	copy(h.cipher[:], body[24:])
	copy(h.prefix[:], body[40:])
	if string(h.encode()) != string(b) || !h.sound() {
		return h, damaged("its head contradicts itself")
	}
	return h, nil
}

// sound tells whether the flags are known ones, and nothing is filled in that they do not speak of.
func (h *head) sound() bool {
	switch {
	case h.flags >= flagEnd, h.has(flagEd25519) && h.has(flagHMAC):
		return false
	case !h.signed() && h.signer != KeyID{}:
		return false
	}
	return h.has(flagEncrypted) || h.cipher == KeyID{} && h.prefix == [noncePrefix]byte{}
}

// maxPayload is how many bytes a payload may have before encryption. Who compresses what does not shrink adds a few
// bytes in each block, so what says to be compressed may be a little longer than the value.
func (h *head) maxPayload() int64 {
	if !h.has(flagCompressed) {
		return h.plain
	}
	slack := h.plain>>10 + sealChunk
	return h.plain + min(slack, math.MaxInt64-h.plain)
}
