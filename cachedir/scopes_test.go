package cachedir

import (
	"os"
	"path/filepath"
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

// What is known of a scope goes when nobody has used it for as long as entries are kept, and with a purge of everything.
func TestScopesAreForgotten(t *testing.T) {
	now := time.Now()
	d := openAt(t, t.TempDir(), Options{Keep: time.Hour, Now: func() time.Time { return now }})
	old, used, stored := [32]byte{7, 1}, [32]byte{7, 2}, [32]byte{7, 3}
	files := func() (n int) {
		require.NoError(t, d.v1.List("scopes/07", func(string) bool { n++; return true }))
		return n
	}
	sweep := func() {
		counted, err := d.beginCount()
		require.NoError(t, err)
		defer counted.b.close()
		d.sweepFrom(counted, 7<<56, time.Now().Add(time.Minute))
	}
	for _, scope := range [][32]byte{old, used, stored} {
		require.NoError(t, d.LimitScope(scope, runOf("a").Key, 5))
		require.NoError(t, d.CountScope(scope, false))
		d.foldIfFree(scopeName(scope))
	}
	all := files()
	require.Equal(t, 3*5, all, "list, lock, log, counts and lock of those")
	now = now.Add(time.Hour - time.Minute)
	sweep()
	require.Equal(t, all, files())
	now = now.Add(2 * time.Minute)
	for _, name := range []string{scopeName(used) + scopeLogSuffix, scopeName(stored)} {
		require.NoError(t, os.Chtimes(filepath.Join(d.path, "v1", name), now, now))
	}
	sweep()
	require.Equal(t, all*2/3, files())
	require.Equal(t, ScopeCounts{Misses: 1, Most: 5}, countsOf(t, d, used))
	_, err := d.PurgeAll()
	require.NoError(t, err)
	require.Zero(t, files())
}
