package cachedir

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/hashing"
)

// scopes/ab/<id>.made lists what runs have left in a directory, and what one command has whose results were not stored:
// digests of what the files are, in records of digest and checksum, the youngest first. What stands there is known to
// be the command's. It goes when it was not used for long, as what is known of scopes does.

const (
	madeSuffix = ".made"
	mostMade   = 1 << 20 // bytes; older ones are forgotten
)

// NoteMade adds what a run has left.
func (d *scopes) NoteMade(id [32]byte, made []hashing.Digest) error {
	if d.o.ReadOnly || len(made) == 0 {
		return nil
	}
	var b []byte
	for _, digest := range made {
		b = append(b, digest[:]...)
		b = binary.LittleEndian.AppendUint64(b, xxhash.Sum64(digest[:]))
	}
	name := scopeName(id) + madeSuffix
	unlock, locked, err := d.v1.LockShort(scopeName(id)+scopeLockSuffix, "")
	if err != nil || !locked {
		return err
	}
	defer unlock()
	known := map[hashing.Digest]bool{}
	for _, digest := range made {
		known[digest] = true
	}
	old, _, _ := d.v1.ReadSmall(name, mostMade) // without it less is known
	for record := range records(old) {
		if !known[hashing.Digest(record[:32])] {
			b = append(b, record...)
		}
	}
	return d.v1.Replace(name, b[:min(len(b), mostMade/scopeRecord*scopeRecord)])
}

// Made is all that was noted.
func (d *scopes) Made(id [32]byte) map[hashing.Digest]bool {
	made := map[hashing.Digest]bool{}
	b, _, _ := d.v1.ReadSmall(scopeName(id)+madeSuffix, mostMade)
	for record := range records(b) {
		made[hashing.Digest(record[:32])] = true
	}
	return made
}

// records are those whose checksums are right.
func records(b []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for ; len(b) >= scopeRecord; b = b[scopeRecord:] {
			record := b[:scopeRecord]
			if binary.LittleEndian.Uint64(record[32:]) == xxhash.Sum64(record[:32]) && !yield(record) {
				return
			}
		}
	}
}
