package fleet

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/remote/contract"
)

// entryName is the name of a result. Where values are encrypted, names tell nothing either.
func (t *tier) entryName(key hashing.Key, s cachedir.Slot) string {
	return "e/" + t.Sealer.Names(key[:])[0] + s.Suffix()
}

// record is what a tier holds for a result.
type record struct {
	fence  int64 // of the lease under which it was made; 0: none
	tags   []tagCount
	note   string   // why there is no result to share; empty: there is one
	blob   [32]byte // digest of the sealed body; zero: the entry holds it
	sealed int64    // its size
	entry  []byte
}

// tagCount is a tag with the count of purges that the tier had when the run began.
type tagCount struct {
	name  string
	count int64
}

// unknown says that the tier has no count, at which nothing stands.
func (t tagCount) unknown() bool { return t.count == 0 }

const recordMagic = "cachexV1"

// encode returns the bytes of a record: lengths before everything that has one, little endian.
func (v *record) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint64([]byte(recordMagic), uint64(v.fence))
	b = appendText(b, v.note)
	b = append(b, v.blob[:]...)
	b = le.AppendUint64(b, uint64(v.sealed))
	b = le.AppendUint32(b, uint32(len(v.tags)))
	for _, t := range v.tags {
		b = le.AppendUint64(appendText(b, t.name), uint64(t.count))
	}
	return append(b, v.entry...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// decodeRecord reads one. What it holds is checked by whoever uses it.
func decodeRecord(b []byte) (record, error) {
	d := decoder{b: b}
	if string(d.take(len(recordMagic))) != recordMagic {
		return record{}, fmt.Errorf("%w: no record", contract.ErrDamaged)
	}
	var v record
	v.fence = int64(d.u64())
	v.note = string(d.text())
	copy(v.blob[:], d.take(32))
	v.sealed = int64(d.u64())
	for n := d.u32(); n > 0 && !d.short; n-- {
		v.tags = append(v.tags, tagCount{string(d.text()), int64(d.u64())})
	}
	v.entry = d.b
	if d.short || v.sealed < 0 || v.fence < 0 {
		return record{}, fmt.Errorf("%w: a field does not fit", contract.ErrDamaged)
	}
	return v, nil
}

// decoder takes fields off a slice; short says that one was not there.
type decoder struct {
	b     []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.short, d.b = true, nil
		return make([]byte, 0, 8)
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); len(b) == 4 {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.take(8); len(b) == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) text() []byte { return d.take(int(d.u32())) }

func blobName(sum [32]byte) string { return "b/" + hex.EncodeToString(sum[:]) }
