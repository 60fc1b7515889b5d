package outputs

import (
	"bytes"
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/hashing"
)

// Ledger keeps, for one recipe in one directory, which temporary files are being made. Several processes may use it at
// the same time.
type Ledger interface {
	// Recover calls remove with all that was kept if nobody makes such files any more, and then forgets it. It costs
	// one look if there is nothing.
	Recover(remove func(records []byte))

	// Keep adds a record, which stands until done is called, or this process and all others that use the ledger are
	// gone and Recover is called.
	Keep(record []byte) (done func(), err error)
}

// A record is `cxO1`, the length of its names (4), they, each with its length, and a checksum of all before (8).
const recordMagic = "cxO1"

func encodeRecord(names []string) []byte {
	var texts []byte
	for _, name := range names {
		texts = appendText(texts, name)
	}
	b := binary.LittleEndian.AppendUint32([]byte(recordMagic), uint32(len(texts)))
	b = append(b, texts...)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// recorded lists the names in records. What is no record, or was cut, is passed over. Names that no temporary file has
// are left out: whatever the records say, nothing else is removed.
func recorded(b []byte) (names []string) {
	for {
		at := bytes.Index(b, []byte(recordMagic))
		if at < 0 {
			return names
		}
		texts, ok := cutRecord(b[at:])
		if !ok {
			b = b[at+1:]
			continue
		}
		d := decoder{b: texts}
		for len(d.b) > 0 && !d.bad {
			if name := d.text(); !d.bad && isLocal(name) && hashing.IsTemporary(name) {
				names = append(names, name)
			}
		}
		b = b[at+16+len(texts):]
	}
}

// cutRecord returns the names of a record that stands at the beginning.
func cutRecord(b []byte) (texts []byte, ok bool) {
	if len(b) < 16 {
		return nil, false
	}
	end := 8 + int64(binary.LittleEndian.Uint32(b[4:]))
	if end > int64(len(b))-8 || binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return nil, false
	}
	return b[8:end], true
}

// RemoveStrays removes what processes that are gone have left.
func RemoveStrays(t *Tree, l Ledger) {
	l.Recover(func(records []byte) { removeStrays(t, records) })
}

func removeStrays(t *Tree, records []byte) {
	for _, name := range recorded(records) {
		_ = t.remove(name) // most of them have become what they were made for
	}
}

// noLedger is where nothing may be kept.
type noLedger struct{}

func (noLedger) Recover(func([]byte))        {}
func (noLedger) Keep([]byte) (func(), error) { return func() {}, nil }
