package cachedir

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsageSurvivesDamage(t *testing.T) {
	var b []byte
	for i := range 256 {
		b = appendUsage(b, usageRecord{kind: kindCount, shard: byte(i), bytes: 4096})
	}
	b = appendUsage(b, usageRecord{kind: kindChange, shard: 7, bytes: 8192})
	s := parseUsage(b)
	require.True(t, s.complete())
	require.Equal(t, int64(256*4096+8192), s.total())

	b = appendUsage(b, usageRecord{kind: kindCount, shard: 7, bytes: 4096, ref: uint64(len(b))}) // counted afterwards
	b = appendUsage(b, usageRecord{kind: kindChange, shard: 7, bytes: -4096})
	s = parseUsage(b)
	require.Equal(t, int64(255*4096), s.total())

	torn := append(bytes.Clone(b), b[:rand.IntN(31)+1]...)
	s = parseUsage(torn)
	require.False(t, s.complete(), "nothing before the damage is believed")
	whole := appendUsage(torn, usageRecord{kind: kindCount, shard: 9, bytes: 4096})
	require.Equal(t, int64(4096), parseUsage(whole).bytes[9])
	require.True(t, parseUsage(whole).known[9])
}

// What happens while a shard is counted is counted rather too much than too little.
func TestUsageWhileCounting(t *testing.T) {
	start := appendUsage(nil, usageRecord{kind: kindCount, shard: 7, bytes: 4096})
	since := uint64(len(start))
	during := appendUsage(start, usageRecord{kind: kindReserve, shard: 7, bytes: 8192, ref: 1})
	during = appendUsage(during, usageRecord{kind: kindDone, shard: 7, bytes: -4096, ref: 1})
	during = appendUsage(during, usageRecord{kind: kindOpen, shard: 7, bytes: 1 << 20, ref: 2})
	require.Equal(t, int64(8192), parseUsage(during).bytes[7])
	counted := appendUsage(during, usageRecord{kind: kindCount, shard: 7, bytes: 8192, ref: since})
	require.Equal(t, int64(16384), parseUsage(counted).bytes[7])
	after := appendUsage(counted, usageRecord{kind: kindDone, shard: 7, bytes: -8192, ref: 2})
	require.Equal(t, int64(8192), parseUsage(after).bytes[7])
	require.Empty(t, unfinished(after))
	require.Equal(t, map[uint64]usageRecord{2: {kind: kindOpen, shard: 7, bytes: 1 << 20, ref: 2}}, unfinished(counted))
}

// Of stores that never told their end nothing stays: the file of usage would be too long for ever, and written anew by
// each store. Those that are on their way are still known, so that who counts a shard adds what they have reserved.
func TestStoresThatAreGoneAreForgotten(t *testing.T) {
	d := newDir(t, Options{})
	store(t, d, runOf("first"), part{0, "x"})
	p, err := d.Begin(runOf("second"))
	require.NoError(t, err)
	defer p.Discard()
	b, err := d.openUsage()
	require.NoError(t, err)
	var gone []byte
	for n := range 2000 {
		gone = appendUsage(gone, usageRecord{kind: kindReserve, shard: byte(n), bytes: 4096, ref: uint64(n + 1)})
	}
	shard := p.run.Key[0]
	gone = appendUsage(gone, usageRecord{kind: kindReserve, shard: shard, bytes: 8192, ref: p.id})
	_, err = b.append(gone)
	require.NoError(t, err)
	before, err := b.sizes()
	require.NoError(t, err)
	b.close()

	d.compactUsage()
	b, err = d.openUsage()
	require.NoError(t, err)
	defer b.close()
	all, err := b.read(0)
	require.NoError(t, err)
	require.Less(t, len(all), usageCompact/2)
	require.Equal(t, before.bytes, parseUsage(all).bytes)
	require.Equal(t,
		map[uint64]usageRecord{p.id: {kind: kindOpen, shard: shard, bytes: 8192, ref: p.id}}, unfinished(all))
	c, err := d.beginCount()
	require.NoError(t, err)
	defer c.b.close()
	require.Equal(t, int64(8192), c.inFlight[shard])
}

// The limit is for all files: what tables and journals take is no room for entries.
func TestLimitIsForAllFiles(t *testing.T) {
	const limit, table = 1 << 20, 256 << 10
	d := newDir(t, Options{MaxSize: limit})
	store(t, d, runOf("first"), part{0, "x"})
	require.NoError(t, d.v1.Replace(memoTable, make([]byte, table)))
	require.NoError(t, d.v1.Replace("journal/123", make([]byte, table)))
	used, err := d.Used()
	require.NoError(t, err)
	require.GreaterOrEqual(t, used, sizesOf(t, d)+2*table)

	unlock, ok := d.lockCleaner() // nobody makes room
	require.True(t, ok)
	defer unlock()
	fits := func(size int) error {
		return tryStore(d, runOf("second"), metaNow(), part{0, strings.Repeat("x", size)})
	}
	require.ErrorIs(t, fits(limit-2*table), ErrNoRoom)
	require.NoError(t, fits(limit/2-table/4), "half of it is for entries whatever there is besides")
	require.NoError(t, d.v1.Remove(memoTable))
	require.NoError(t, fits(limit-2*table))
}
