package stats

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
)

// FuzzTotals: no panic, and what is taken of records and totals is encoded again.
func FuzzTotals(f *testing.F) {
	rec, _ := EncodeRecord(Record{Served: Hit, Family: "x", Time: time.Unix(1, 0)})
	f.Add(rec)
	var tot totals
	tot.add(Record{Served: Hit, Family: "x \"y\"\n"})
	tot.included = []string{"123"}
	f.Add(tot.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := bytes.Clone(b) // with the checksum made right
		if end := len(whole) - 8; end >= 0 {
			binary.LittleEndian.PutUint64(whole[end:], xxhash.Sum64(whole[:end]))
		}
		for _, b := range [][]byte{b, whole} {
			if tot, err := decodeTotals(b); err == nil {
				again, err := decodeTotals(tot.encode())
				require.NoError(t, err)
				require.Equal(t, tot, again)
			}
			if len(b) == journalRecord {
				if r, ok := decodeRecord(b); ok {
					_, err := EncodeRecord(r)
					require.NoError(t, err)
				}
			}
		}
	})
}
