package cachedir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/hashing"
)

func entriesIn(t testing.TB, d *Dir) (n int) {
	t.Helper()
	require.NoError(t, d.Walk(func(EntryInfo) error { n++; return nil }))
	return n
}

// stopped is a pass that ends when some of its parts are done.
func stopped(parts int) Pass {
	ctx, stop := context.WithCancel(context.Background())
	return Pass{Context: ctx, Done: func(n int) {
		if n >= parts {
			stop()
		}
	}}
}

// What is stopped has done what it has done: nothing is lost, and the rest can be done later.
func TestPassIsStopped(t *testing.T) {
	everything := func(EntryInfo) bool { return true }
	for name, purge := range map[string]func(p Pass, d *Dir) (int, error){
		"some": func(p Pass, d *Dir) (int, error) { return p.Purge(d, everything, false) },
		"all":  Pass.PurgeAll,
	} {
		t.Run(name, func(t *testing.T) {
			d := newDir(t, Options{})
			const entries = 100
			for i := range entries {
				store(t, d, runOf(fmt.Sprint(i)), part{0, "x"})
			}
			removed, err := purge(stopped(Parts/2), d)
			require.ErrorIs(t, err, context.Canceled)
			require.Positive(t, removed)
			require.Less(t, removed, entries)
			require.Equal(t, entries-removed, entriesIn(t, d))
			require.Equal(t, usedBytes(t, d), sizesOf(t, d))
			rest, err := purge(Pass{}, d)
			require.NoError(t, err)
			require.Equal(t, entries-removed, rest)
			require.Zero(t, usedBytes(t, d))
			require.Zero(t, sizesOf(t, d))
		})
	}
	d := newDir(t, Options{})
	require.ErrorIs(t, stopped(1).Check(d, func(EntryInfo) error { return nil }), context.Canceled)
	require.NoError(t, stopped(Parts).Check(d, func(EntryInfo) error { return nil }), "nothing is left to do")
	want := errors.New("enough")
	store(t, d, runOf("x"), part{0, "x"})
	require.ErrorIs(t, Pass{}.Walk(d, func(EntryInfo) error { return want }), want)
}

// A purge of everything leaves nothing: bodies, blobs and records of commands go, too.
func TestPurgeAllLeavesNothing(t *testing.T) {
	d := newDir(t, Options{})
	large := strings.Repeat("x", format.InlineMax+1)
	for i := range 20 {
		r := runOf(fmt.Sprint(i))
		store(t, d, r, part{0, large[:len(large)-i%2]})
		m := metaNow()
		m.Code = 1
		storeMeta(t, d, r, m, part{0, large})
		require.NoError(t, d.NoteRun(r.Command, CommandRun{Key: r.Key}))
	}
	n, err := d.PurgeAll()
	require.NoError(t, err)
	require.Equal(t, 40, n)
	for _, kind := range []string{"entries", "commands", "blobs"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(d.Path(), "v1", kind), func(path string, e os.DirEntry, err error) error {
			require.True(t, err != nil || e.IsDir(), path)
			return err
		}))
	}
	require.Zero(t, sizesOf(t, d))
}

// Faults are told in the order of their keys' first byte, whoever finds them first.
func TestFaultsAreInOrder(t *testing.T) {
	d := newDir(t, Options{})
	for i := range 60 {
		store(t, d, runOf(fmt.Sprint(i)), part{0, "x"})
	}
	require.NoError(t, d.Walk(func(i EntryInfo) error {
		return os.WriteFile(filepath.Join(d.Path(), "v1", entryName(i.Key, i.Slot)), []byte("spoiled"), 0o600)
	}))
	var order []byte
	require.NoError(t, d.Check(func(i EntryInfo) error {
		order = append(order, i.Key[0])
		return nil
	}))
	require.Len(t, order, 60)
	require.True(t, slices.IsSorted(order))
}

// The first entries of an order are found by names and looks at files, however many are asked for at once.
func TestFirst(t *testing.T) {
	d := newDir(t, Options{})
	const entries = 50
	var keys []hashing.Key
	used := map[hashing.Key]time.Time{}
	size := map[hashing.Key]int{}
	for i := range entries {
		r, n := runOf(fmt.Sprint(i)), i*37%entries
		size[r.Key] = format.InlineMax - entries/2 + n // half of them have their bodies beside them
		store(t, d, r, part{0, strings.Repeat("x", size[r.Key])})
		used[r.Key] = time.Now().Add(-time.Duration(n) * time.Hour)
		require.NoError(t, d.v1.Touch(entryName(r.Key, Good), used[r.Key]))
		keys = append(keys, r.Key)
	}
	byKey := func(a, b hashing.Key) int { return slices.Compare(a[:], b[:]) }
	byUse := func(a, b hashing.Key) int { return used[b].Compare(used[a]) }
	for name, c := range map[string]struct {
		order   Order
		compare func(a, b hashing.Key) int
	}{
		"key": {ByKey, byKey}, "use": {ByUse, byUse}, "end": {ByEnd, byUse},
	} {
		slices.SortFunc(keys, c.compare)
		for _, most := range []int{0, 1, 7, entries - 1, entries, entries + 1} {
			var got []hashing.Key
			all, err := Pass{}.First(d, c.order, most, func(i EntryInfo) bool { got = append(got, i.Key); return true })
			require.NoError(t, err)
			require.Equal(t, keys[:min(max(most, 1), entries)], got, "%s, %d", name, most)
			if most != entries { // else nobody may know yet
				require.Equal(t, most > entries, all, "%s, %d", name, most)
			}
		}
		var got []hashing.Key
		all, err := Pass{}.First(d, c.order, 20, func(i EntryInfo) bool { got = append(got, i.Key); return len(got) < 3 })
		require.NoError(t, err)
		require.True(t, all, "three are enough")
		require.Equal(t, keys[:3], got)
	}
	last := entries * 2 * format.InlineMax
	_, err := Pass{}.First(d, BySize, entries, func(i EntryInfo) bool {
		require.LessOrEqual(t, int(i.Stored), last)
		last = int(i.Stored)
		return true
	})
	require.NoError(t, err)
}

// A purge and the stores of others count what is there, whoever is first.
func TestPurgeBesideStores(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	d := openAt(t, path, Options{})
	var all sync.WaitGroup
	for w := range 3 {
		o := openAt(t, path, Options{})
		all.Go(func() {
			for i := range 40 {
				_ = tryStore(o, runOf(fmt.Sprint(w, i%20)), metaNow(), part{0, "x"})
			}
		})
	}
	for range 5 {
		_, err := d.Purge(func(i EntryInfo) bool { return !i.Pending }, false)
		require.NoError(t, err)
	}
	all.Wait()
	require.GreaterOrEqual(t, sizesOf(t, d), usedBytes(t, d))
	countAll(t, d)
	require.Equal(t, usedBytes(t, d), sizesOf(t, d))
}
