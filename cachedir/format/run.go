package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/hashing"
)

// Run is what is known of a run before it ends. A purge selects by it what to forbid the commit of.
type Run struct {
	Key     hashing.Key
	Command hashing.CommandID
	Recipe  []byte
	Tags    []string // those known before it starts; a pending file does not name them
	Begins  bool     // Recipe is only what the recipe of Key begins with; a pending file does not say that
}

// IsOf reports whether a run of this key has a recipe.
func (r *Run) IsOf(recipe []byte) bool {
	if !r.Begins {
		return bytes.Equal(recipe, r.Recipe)
	}
	return bytes.HasPrefix(recipe, r.Recipe) && sha256.Sum256(recipe) == r.Key
}

const (
	runMagic       = "cachexR\n"
	sealedRunMagic = "cachexS\n" // a seal follows, and the recipe is encrypted
)

// EncodeRun is what a .run file holds until it becomes an entry.
func EncodeRun(r Run, s *Seal) []byte {
	b := make([]byte, 0, len(runMagic)+SealSize+32+4+len(r.Recipe)+8)
	if s == nil {
		b = append(b, runMagic...)
	} else {
		b = s.Append(append(b, sealedRunMagic...))
	}
	b = append(b, r.Command[:]...)
	hidden := len(b)
	b = appendBytes(b, r.Recipe)
	s.XOR(partRun, 0, b[hidden:])
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// DecodeRun reads it, and decrypts it in b; the recipe's key is in the file's name.
func DecodeRun(b []byte, keys ...SealKey) (Run, error) {
	end := len(b) - TrailerSize
	if end < len(runMagic) || binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return Run{}, ErrSpoiled
	}
	d := decoder{b: b[len(runMagic):end]}
	var s *Seal
	var err error
	switch string(b[:len(runMagic)]) {
	case runMagic:
	case sealedRunMagic:
		s, err = DecodeSeal(d.take(SealSize), keys)
	default:
		err = ErrSpoiled
	}
	if err != nil {
		return Run{}, err
	}
	var r Run
	copy(r.Command[:], d.take(32))
	s.XOR(partRun, 0, d.b)
	r.Recipe = d.bytes(MaxRecipe)
	return r, d.err
}
