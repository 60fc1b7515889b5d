package cachedir

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzStoreRecords holds the small formats of this package to: no panic, and what is taken is encoded to the same again.
func FuzzStoreRecords(f *testing.F) {
	f.Add(encodeBreaker(3, time.Unix(1, 0)))
	f.Add(appendBook(nil, book{kind: kindCount, shard: 3, bytes: 4096}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, sealed(b)} {
			if s, ok := decodeBreaker(b); ok {
				require.Equal(t, b, encodeBreaker(s.Failures, s.Last))
				require.LessOrEqual(t, backoff(s.Failures), breakerMost)
			}
			_ = parseBooks(b)
			_ = unfinished(b)
		}
	})
}

// FuzzReplay: what the decoder takes is replayed whole.
func FuzzReplay(f *testing.F) {
	f.Add(sampleEntry())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, inline, err := decodeEntry(reseal(b))
		if err != nil || h.inFile {
			return
		}
		e := Entry{Meta: h.Meta, StdoutSize: h.stdout, StderrSize: h.stderr, h: h, inline: inline}
		var out, errs bytes.Buffer
		require.NoError(t, e.Replay(&out, &errs))
		require.Equal(t, h.stdout, int64(out.Len()))
		require.Equal(t, h.stderr, int64(errs.Len()))
	})
}
