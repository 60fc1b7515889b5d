package cachedir

import (
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
}

const (
	runMagic       = "cachexR\n"
	sealedRunMagic = "cachexS\n" // a seal follows, and the recipe is encrypted
)

// encodeRun is what a .run file holds until it becomes an entry.
func encodeRun(r Run, s *seal) []byte {
	b := make([]byte, 0, len(runMagic)+sealSize+32+4+len(r.Recipe)+8)
	if s == nil {
		b = append(b, runMagic...)
	} else {
		b = s.append(append(b, sealedRunMagic...))
	}
	b = append(b, r.Command[:]...)
	hidden := len(b)
	b = appendBytes(b, r.Recipe)
	s.xor(partRun, 0, b[hidden:])
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// decodeRun reads it, and decrypts it in b; the recipe's key is in the file's name.
func decodeRun(b []byte, keys ...Key) (Run, error) {
	end := len(b) - trailerSize
	if end < len(runMagic) || binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return Run{}, errSpoiled
	}
	d := decoder{b: b[len(runMagic):end]}
	var s *seal
	var err error
	switch string(b[:len(runMagic)]) {
	case runMagic:
	case sealedRunMagic:
		s, err = decodeSeal(d.take(sealSize), keys)
	default:
		err = errSpoiled
	}
	if err != nil {
		return Run{}, err
	}
	var r Run
	copy(r.Command[:], d.take(32))
	s.xor(partRun, 0, d.b)
	r.Recipe = d.bytes(maxRecipe)
	return r, d.err
}
