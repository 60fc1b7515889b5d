package cachedir

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/hashing"
)

// FuzzStoreRecords holds the small formats of this package to: no panic, and what is taken is encoded to the same
// again.
func FuzzStoreRecords(f *testing.F) {
	f.Add(encodeBreaker(3, time.Unix(1, 0)))
	f.Add(appendUsage(nil, usageRecord{kind: kindCount, shard: 3, bytes: 4096}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, sealed(b)} {
			if s, ok := decodeBreaker(b); ok {
				require.Equal(t, b, encodeBreaker(s.Failures, s.Last))
				require.LessOrEqual(t, backoff(s.Failures), breakerMost)
			}
			_ = parseUsage(b)
			_ = unfinished(b)
		}
	})
}

// FuzzReplay: what the decoder takes is replayed whole.
func FuzzReplay(f *testing.F) {
	f.Add(sampleEntry())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, inline, err := format.DecodeEntry(reseal(b))
		if err != nil || h.InFile {
			return
		}
		e := Entry{Meta: h.Meta, StdoutSize: h.Stdout, StderrSize: h.Stderr, h: h, inline: inline}
		var out, errs bytes.Buffer
		require.NoError(t, e.Replay(&out, &errs))
		require.Equal(t, h.Stdout, int64(out.Len()))
		require.Equal(t, h.Stderr, int64(errs.Len()))
	})
}

// testKeys are two keys that differ in everything.
func testKeys() []SealKey {
	return []SealKey{
		{ID: [8]byte{1}, Secret: [32]byte(bytes.Repeat([]byte{3}, 32))},
		{ID: [8]byte{2}, Secret: [32]byte(bytes.Repeat([]byte{5}, 32))},
	}
}

// sampleEntry is an entry file with something in every field.
func sampleEntry() []byte {
	var w format.FrameWriter
	table := w.Add(nil, 0, 5)
	table = w.End(w.Add(table, 1, 6))
	h := format.Header{
		Meta: Meta{
			Key: hashing.Key(sha256.Sum256([]byte("sample"))), Recipe: []byte("sample"), Family: "sample", Code: 0,
			Merged:  true,
			Started: time.Unix(10, 5), Ended: time.Unix(11, 6), StartedBoot: 1, EndedBoot: 2, TTL: time.Hour,
			Tags: []Tag{{Name: "one", Seq: 3}, {Name: "two", Seq: 4}}, Random: 99, Until: time.Unix(12, 7),
			Stale: time.Minute, UID: 8,
			Private: true,
		},
		Stdout: 5, Stderr: 6, Table: table, TableLen: int64(len(table)),
	}
	return h.Encode([]byte("hello world"))
}

// reseal makes the checksums of an entry file right again.
func reseal(b []byte) []byte {
	if len(b) >= format.PrefixSize {
		binary.LittleEndian.PutUint64(b[24:], xxhash.Sum64(b[:24]))
	}
	if end := len(b) - format.TrailerSize; end >= 0 {
		binary.LittleEndian.PutUint64(b[end:], xxhash.Sum64(b[:end]))
	}
	return b
}

// sealed makes the checksum at the end of a record right.
func sealed(b []byte) []byte {
	b = bytes.Clone(b)
	if end := len(b) - 8; end >= 0 {
		binary.LittleEndian.PutUint64(b[end:], xxhash.Sum64(b[:end]))
	}
	return b
}
