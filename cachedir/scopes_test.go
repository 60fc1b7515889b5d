package cachedir

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/stats"
)

func TestLimitScope(t *testing.T) {
	now := time.Now()
	d := newDir(t, Options{Now: func() time.Time { return now }})
	keep := func(name string, most int) {
		t.Helper()
		store(t, d, runOf(name), part{0, name})
		require.NoError(t, d.LimitScope([32]byte{1}, runOf(name).Key, most))
	}
	store(t, d, runOf("other"), part{0, "other"})
	for _, name := range []string{"a", "b", "c"} {
		keep(name, 3)
	}
	requireHit(t, d, runOf("a"), Good, part{0, "a"})
	e, err := d.Load(runOf("a").Key, Good)
	require.NoError(t, err)
	now = now.Add(time.Hour)
	e.TouchNow()
	e.Close()
	keep("d", 3)
	requireMiss(t, d, runOf("b"), Good, stats.Evicted)
	for _, name := range []string{"a", "c", "d", "other"} {
		requireHit(t, d, runOf(name), Good, part{0, name})
	}
	keep("d", 1)
	requireMiss(t, d, runOf("a"), Good, stats.Evicted)
	requireHit(t, d, runOf("d"), Good, part{0, "d"})
	requireHit(t, d, runOf("other"), Good, part{0, "other"})
}

// Stores at the same time leave no more than the limit.
func TestLimitScopeTogether(t *testing.T) {
	d := newDir(t, Options{})
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			name := string(rune('a' + i))
			if err := tryStore(d, runOf(name), metaNow(), part{0, name}); err != nil {
				t.Error(err)
			}
			if err := d.LimitScope([32]byte{1}, runOf(name).Key, 4); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	left := 0
	require.NoError(t, d.Walk(func(EntryInfo) error { left++; return nil }))
	require.Equal(t, 4, left)
}
