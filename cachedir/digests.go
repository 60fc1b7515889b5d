package cachedir

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/cachex-cli/cachex/hashing"
)

// Digests returns the store's memory of file digests. Whether a stamp may be believed is hashing's business.
func (d *Dir) Digests() hashing.Digests { return digests{&d.cleaner, d.digests} }

type digests struct {
	*cleaner
	t *table
}

// statName is the id of a stamp. It is cut from a SHA-256: two files must not get each other's digest, not even if
// somebody works for it.
func statName(s hashing.StatID) tableID {
	var b [48]byte
	for i, v := range [...]uint64{s.Dev, s.Ino, uint64(s.Size), uint64(s.Mtime), uint64(s.Ctime), s.Mount} {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
	sum := sha256.Sum256(b[:])
	return tableID(sum[:16])
}

// Digest returns the digest that was remembered for a stamp.
func (g digests) Digest(s hashing.StatID) (hashing.Digest, bool) {
	v, ok := g.t.get(statName(s))
	return hashing.Digest(v), ok
}

// Remember keeps the digest of a stamp. That it fails costs time later.
func (g digests) Remember(s hashing.StatID, digest hashing.Digest) {
	g.t.put(statName(s), digest)
}

// Sum returns what was remembered under a name. It is a SHA-256, so nothing else has it.
func (g digests) Sum(name hashing.Key) (hashing.Digest, bool) {
	v, ok := g.t.get(tableID(name[:16]))
	return hashing.Digest(v), ok
}

// RememberSum keeps it.
func (g digests) RememberSum(name hashing.Key, sum hashing.Digest) { g.t.put(tableID(name[:16]), sum) }

// hits returns in how many hours an entry of this key was used.
func (d *cleaner) hits(key hashing.Key) uint64 {
	v, _ := d.used.get(tableID(key[:16]))
	return binary.LittleEndian.Uint64(v[:])
}

func (d *cleaner) countHit(key hashing.Key) {
	var v [32]byte
	binary.LittleEndian.PutUint64(v[:], d.hits(key)+1)
	d.used.put(tableID(key[:16]), v)
}
