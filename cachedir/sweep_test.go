package cachedir

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
)

// fillShard stores n entries in one shard, the smallest that there are, and returns their keys.
func fillShard(t testing.TB, d *Dir, sh byte, n int) []hashing.Key {
	t.Helper()
	keys := make([]hashing.Key, n)
	for i := range keys {
		r := runOf(fmt.Sprint("shard ", sh, i))
		r.Key[0] = sh
		storeMeta(t, d, r, Meta{Started: time.Now(), Ended: time.Now(), TTL: -1}, part{0, "x"})
		keys[i] = r.Key
	}
	return keys
}

// However little time there is, and however large a shard, each sweep goes on where the last one ended: what nobody
// uses is all gone in the end.
func TestSweepingGoesOn(t *testing.T) {
	now := time.Now()
	d := newDir(t, Options{Now: func() time.Time { return now }, Keep: 48 * time.Hour})
	const entries = 300
	keys := fillShard(t, d, 7, entries)
	for _, k := range keys[:entries/2] {
		require.NoError(t, d.v1.Touch(entryName(k, Good), now.Add(-50*time.Hour)))
	}
	for range entries + 256 + 1 {
		now = now.Add(time.Millisecond)
		d.saveSweepState(func() sweepState { s := d.sweepState(); s.last = now.Add(-sweepEvery); return s }())
		d.sweep(time.Now().Add(-time.Second))
	}
	for i, k := range keys {
		require.Equal(t, i >= entries/2, d.Has(k, Good), "entry %d", i)
	}
	countAll(t, d)
	require.Equal(t, usedBytes(t, d), sizesOf(t, d))
}

// Nor does it take hours as long as there is much to remove: each store goes on.
func TestSweepingIsDue(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	before := func(d time.Duration) time.Time { return now.Add(-d) }
	const middle = 1 << 63
	for name, c := range map[string]struct {
		state sweepState
		want  bool
	}{
		"an hour ago":                     {sweepState{last: before(time.Hour), begun: before(time.Hour)}, true},
		"just now":                        {sweepState{last: before(time.Minute), begun: before(time.Hour)}, false},
		"the clock was set back":          {sweepState{last: now.Add(time.Minute), begun: now}, true},
		"over, and there was much":        {sweepState{last: before(time.Minute), begun: before(time.Hour), much: true}, false},
		"under way":                       {sweepState{last: before(time.Minute), begun: before(time.Hour), next: middle}, false},
		"under way, and there is much":    {sweepState{last: now, begun: now, next: middle, much: true}, true},
		"half of it in half of the time":  {sweepState{last: now, begun: before(sweepRound/2 - 1), next: middle}, false},
		"half of it, in more of the time": {sweepState{last: now, begun: before(sweepRound/2 + 1), next: middle}, true},
	} {
		require.Equal(t, c.want, c.state.isDue(now), name)
		got, ok := decodeSweepState(c.state.encode())
		require.True(t, ok)
		require.Equal(t, c.want, got.isDue(now), name)
	}
}

// A state that is damaged is none.
func TestSweepStateIsVerified(t *testing.T) {
	d := newDir(t, Options{})
	s := sweepState{begun: time.Unix(1, 0), last: time.Unix(2, 0), next: 3, much: true}
	d.saveSweepState(s)
	require.Equal(t, s, d.sweepState())
	for i := range s.encode() {
		b := s.encode()
		b[i] ^= 1
		_, ok := decodeSweepState(b)
		require.False(t, ok, "byte %d", i)
	}
	require.NoError(t, d.v1.Replace(sweptName, []byte("older versions kept nothing here, and others may keep much more here")))
	require.WithinDuration(t, time.Now(), d.sweepState().last, time.Minute)
	require.False(t, d.sweepState().isDue(time.Now()))
}

// To make room entries are chosen from all of a shard, not from those that its directory lists first: after half of them
// are gone no tenth of the directory has kept many more than another.
func TestRoomIsMadeEvenly(t *testing.T) {
	d := newDir(t, Options{})
	const entries, tenth = 400, 40
	fillShard(t, d, 7, entries)
	order := names(t, d, "entries/07")
	require.Len(t, order, entries)
	d.o.MaxSize = 4096
	for range entries / 2 {
		d.clean(time.Now().Add(-time.Second)) // one at a time
	}
	left := map[string]bool{}
	for _, name := range names(t, d, "entries/07") {
		left[name] = true
	}
	require.Len(t, left, entries/2)
	for i := 0; i < entries; i += tenth {
		kept := 0
		for _, name := range order[i : i+tenth] {
			if left[name] {
				kept++
			}
		}
		require.LessOrEqual(t, kept, tenth/2*3/2, "from %d on", i)
	}
}
