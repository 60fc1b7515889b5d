package cachedir

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBooksSurviveDamage(t *testing.T) {
	var b []byte
	for i := range 256 {
		b = appendBook(b, book{kind: kindCount, shard: byte(i), bytes: 4096})
	}
	b = appendBook(b, book{kind: kindChange, shard: 7, bytes: 8192})
	s := parseBooks(b)
	require.True(t, s.complete())
	require.Equal(t, int64(256*4096+8192), s.total())

	b = appendBook(b, book{kind: kindCount, shard: 7, bytes: 4096, ref: uint64(len(b))}) // counted after the change
	b = appendBook(b, book{kind: kindChange, shard: 7, bytes: -4096})
	s = parseBooks(b)
	require.Equal(t, int64(255*4096), s.total())

	torn := append(bytes.Clone(b), b[:rand.IntN(31)+1]...)
	s = parseBooks(torn)
	require.False(t, s.complete(), "nothing before the damage is believed")
	whole := appendBook(torn, book{kind: kindCount, shard: 9, bytes: 4096})
	require.Equal(t, int64(4096), parseBooks(whole).bytes[9])
	require.True(t, parseBooks(whole).known[9])
}

// What happens while a shard is counted is counted rather too much than too little.
func TestBooksWhileCounting(t *testing.T) {
	start := appendBook(nil, book{kind: kindCount, shard: 7, bytes: 4096})
	since := uint64(len(start))
	during := appendBook(start, book{kind: kindReserve, shard: 7, bytes: 8192, ref: 1})
	during = appendBook(during, book{kind: kindDone, shard: 7, bytes: -4096, ref: 1})
	during = appendBook(during, book{kind: kindOpen, shard: 7, bytes: 1 << 20, ref: 2})
	require.Equal(t, int64(8192), parseBooks(during).bytes[7])
	counted := appendBook(during, book{kind: kindCount, shard: 7, bytes: 8192, ref: since})
	require.Equal(t, int64(16384), parseBooks(counted).bytes[7])
	after := appendBook(counted, book{kind: kindDone, shard: 7, bytes: -8192, ref: 2})
	require.Equal(t, int64(8192), parseBooks(after).bytes[7])
	require.Empty(t, unfinished(after))
	require.Equal(t, map[uint64]book{2: {kind: kindOpen, shard: 7, bytes: 1 << 20, ref: 2}}, unfinished(counted))
}
