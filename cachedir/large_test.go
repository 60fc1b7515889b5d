package cachedir

import (
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	largeDir = flag.String("large", "", "a cache that scripts/bench/fill --expired 0.5 made; it is changed")
	evictTo  = flag.Int64("evict-to", 0, "shrink it to so many bytes instead of sweeping it")
)

// In a large cache of which half has not been used for long, as many stores sweep all of that as it takes 20 ms each to
// remove it, and nothing else; and when it has to shrink, no part of a directory keeps much more than another.
//
//	scripts/bench/fill --entries 100000 --expired 0.5 --cache-dir DIR
//	go test ./cachedir -run TestLargeCache -v -timeout 0 -large DIR [-evict-to BYTES]
func TestLargeCache(t *testing.T) {
	if *largeDir == "" {
		t.Skip("needs a cache of -large: scripts/bench/fill makes one")
	}
	now := time.Now().Add(sweepEvery)
	d := openAt(t, *largeDir, Options{MaxSize: 100 << 30, Now: func() time.Time { return now }})
	_ = d.sweepState()
	now = now.Add(sweepEvery)
	if *evictTo > 0 {
		shrink(t, d)
		return
	}
	before, old := agesIn(t, d)
	var took []time.Duration
	left := old
	for stores := 1; left > 0; stores++ {
		b := newBudget()
		d.tidy(b)
		took = append(took, cleanBudget-b.left)
		if !b.used || stores%100 == 0 {
			now = now.Add(sweepEvery)
			_, left = agesIn(t, d)
		}
		require.Less(t, stores, before, "it comes to an end")
	}
	after, _ := agesIn(t, d)
	require.Equal(t, before-old, after, "nothing else goes")
	slices.Sort(took)
	t.Logf("%d of %d entries were removed by %d stores; cleaning: median %v, p99 %v, longest %v",
		old, before, len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
}

// agesIn counts entries, and those that have not been used for long.
func agesIn(t testing.TB, d *Dir) (all, old int) {
	t.Helper()
	for sh := range Parts {
		s := d.readShard(byte(sh), farAway())
		for _, f := range s.files {
			if fi, ok := s.stat(f); ok && f.kind == isEntry {
				all++
				if time.Since(fi.ModTime) > d.o.Keep {
					old++
				}
			}
		}
		s.close()
	}
	return all, old
}

// shrink evicts until the limit holds, and looks what of each tenth of the directories is left.
func shrink(t *testing.T, d *Dir) {
	const tenths = 10
	var order [Parts][]string
	for sh := range order {
		order[sh] = names(t, d, "entries/"+shard(byte(sh)))
	}
	countAll(t, d)
	d.o.MaxSize = *evictTo
	cleanings := 0
	for s := sizes(t, d); s.total() > *evictTo; s = sizes(t, d) {
		newBudget().spend(d.clean)
		cleanings++
	}
	var was, left [tenths]int
	for sh := range order {
		kept := map[string]bool{}
		for _, name := range names(t, d, "entries/"+shard(byte(sh))) {
			kept[name] = true
		}
		for i, name := range order[sh] {
			tenth := i * tenths / len(order[sh])
			was[tenth]++
			if kept[name] {
				left[tenth]++
			}
		}
	}
	sum, all := 0, 0
	for i := range left {
		sum, all = sum+left[i], all+was[i]
	}
	t.Logf("%d cleanings left %d of %d entries; of each tenth of the directories %v", cleanings, sum, all, left)
	for i := range left {
		require.LessOrEqual(t, float64(left[i])/float64(was[i]), 1.5*float64(sum)/float64(all), "tenth %d", i)
	}
}
