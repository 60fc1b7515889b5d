package cachedir

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/stats"
)

func tagged(t testing.TB, d *Dir, name string, tags ...string) {
	t.Helper()
	m := metaNow()
	for _, name := range tags {
		m.Tags = append(m.Tags, Tag{Name: name, Seq: OwnSeq})
	}
	storeMeta(t, d, runOf(name), m, part{0, name})
}

func TestPurgeTag(t *testing.T) {
	d := newDir(t, Options{})
	tagged(t, d, "none")
	tagged(t, d, "a", "a")
	tagged(t, d, "ab", "a", "b")
	tagged(t, d, "b", "b")
	require.NoError(t, d.PurgeTag("a", false))
	requireHit(t, d, runOf("none"), Good, part{0, "none"})
	requireHit(t, d, runOf("b"), Good, part{0, "b"})
	requireMiss(t, d, runOf("a"), Good, stats.Purged)
	requireMiss(t, d, runOf("ab"), Good, stats.Purged)
	e, err := d.Load(runOf("a").Key, Good)
	require.NoError(t, err, "it can still be shown")
	_, err = d.CheckTags(e.Meta)
	require.Error(t, err)
	e.Close()

	tagged(t, d, "a", "a")
	requireHit(t, d, runOf("a"), Good, part{0, "a"})
	require.NoError(t, d.PurgeTag("c", false))
	requireHit(t, d, runOf("a"), Good, part{0, "a"})
	requireMiss(t, d, runOf("ab"), Good, stats.Purged)
	require.NoError(t, d.PurgeTag("b", false))
	requireMiss(t, d, runOf("b"), Good, stats.Purged)
	requireHit(t, d, runOf("a"), Good, part{0, "a"})
	requireHit(t, d, runOf("none"), Good, part{0, "none"})
}

func TestPurgeAllBeginsAnEpoch(t *testing.T) {
	d := newDir(t, Options{})
	tagged(t, d, "x", "a")
	old, err := os.ReadFile(filepath.Join(d.Path(), "v1", entryName(runOf("x").Key, Good)))
	require.NoError(t, err)
	n, err := d.PurgeAll()
	require.NoError(t, err)
	require.Equal(t, 1, n)
	requireMiss(t, d, runOf("x"), Good, stats.New)
	require.NoError(t, os.WriteFile(filepath.Join(d.Path(), "v1", entryName(runOf("x").Key, Good)), old, 0o600))
	requireMiss(t, d, runOf("x"), Good, stats.Purged) // as if its store had come late
	tagged(t, d, "x", "a")
	requireHit(t, d, runOf("x"), Good, part{0, "x"})
}

// Purges at the same time are all counted: none may be lost in another.
func TestConcurrentPurges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	d := openAt(t, path, Options{})
	const n = 20
	for i := range n {
		tagged(t, d, string(rune('a'+i)), string(rune('a'+i)))
	}
	before, err := d.readPurges(seqName)
	require.NoError(t, err)
	var all sync.WaitGroup
	for i := range n {
		o := openAt(t, path, Options{})
		all.Go(func() {
			if err := o.PurgeTag(string(rune('a'+i)), false); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	after, err := d.readPurges(seqName)
	require.NoError(t, err)
	require.Equal(t, before.Seq+n, after.Seq)
	for i := range n {
		requireMiss(t, d, runOf(string(rune('a'+i))), Good, stats.Purged)
	}
}

// What cannot be read says nothing, and nothing is believed of what was stored before.
func TestDamagedCountOfPurges(t *testing.T) {
	d := newDir(t, Options{})
	require.NoError(t, d.PurgeTag("x", false))
	tagged(t, d, "a", "a")
	tagged(t, d, "none")
	name := filepath.Join(d.Path(), "v1", seqName)
	require.NoError(t, os.Truncate(name, 7))
	requireMiss(t, d, runOf("a"), Good, stats.Purged)
	requireMiss(t, d, runOf("none"), Good, stats.Purged)
	tagged(t, d, "a", "a")
	requireHit(t, d, runOf("a"), Good, part{0, "a"})
	requireMiss(t, d, runOf("none"), Good, stats.Purged)

	old, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, d.PurgeTag("y", false))
	tagged(t, d, "b", "a")
	require.NoError(t, os.WriteFile(name, old, 0o600)) // restored from a backup
	requireMiss(t, d, runOf("b"), Good, stats.Purged)
}

// Nothing that was stored outlives the loss of the count, whatever is purged and counted afterwards.
func TestLostCountOfPurges(t *testing.T) {
	d := newDir(t, Options{})
	for range 3 {
		require.NoError(t, d.PurgeTag("x", false))
	}
	tagged(t, d, "a", "a")
	require.NoError(t, os.RemoveAll(filepath.Join(d.Path(), "v1", "tags")))
	requireMiss(t, d, runOf("a"), Good, stats.Purged)
	require.NoError(t, d.PurgeTag("a", false))
	for range 5 {
		require.NoError(t, d.PurgeTag("x", false))
		requireMiss(t, d, runOf("a"), Good, stats.Purged)
	}
	tagged(t, d, "a", "a")
	requireHit(t, d, runOf("a"), Good, part{0, "a"})
}

func TestDamagedTag(t *testing.T) {
	d := newDir(t, Options{})
	tagged(t, d, "a", "a")
	require.NoError(t, d.PurgeTag("a", false))
	tagged(t, d, "b", "a")
	require.NoError(t, d.PurgeTag("c", false))
	require.NoError(t, os.Truncate(filepath.Join(d.Path(), "v1", markName("a")), 3))
	requireMiss(t, d, runOf("b"), Good, stats.Purged)
	tagged(t, d, "b", "a") // a tag learned during the run; it finds the damage and counts as purged itself
	requireMiss(t, d, runOf("b"), Good, stats.Purged)
	tagged(t, d, "b", "a")
	requireHit(t, d, runOf("b"), Good, part{0, "b"})
	require.NoError(t, d.PurgeTag("c", false))
	requireHit(t, d, runOf("b"), Good, part{0, "b"})
	requireMiss(t, d, runOf("a"), Good, stats.Purged)
}

// TestSoftPurge: softly purged entries can still be served, hard purges beat soft ones in either order, and whoever
// stored since is not concerned.
func TestSoftPurge(t *testing.T) {
	soft := func(d *Dir, name string) bool {
		t.Helper()
		r := runOf(name)
		e, err := d.Lookup(r.Key, r.Recipe, Good)
		require.NoError(t, err)
		defer e.Close()
		return e.Soft
	}
	only := func(name string) func(EntryInfo) bool {
		return func(i EntryInfo) bool { return i.Key == runOf(name).Key }
	}
	for _, tt := range []struct {
		name  string
		purge func(t *testing.T, d *Dir)
		x, y  bool // softly purged
		xGone bool
	}{
		{name: "by tag", purge: func(t *testing.T, d *Dir) { require.NoError(t, d.PurgeTag("a", true)) }, x: true},
		{name: "another tag", purge: func(t *testing.T, d *Dir) { require.NoError(t, d.PurgeTag("z", true)) }},
		{name: "all", purge: func(t *testing.T, d *Dir) { require.NoError(t, d.PurgeAllSoftly()) }, x: true, y: true},
		{name: "one", purge: func(t *testing.T, d *Dir) {
			n, err := d.PurgeSoftly(only("y"), false)
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}, y: true},
		{name: "dry", purge: func(t *testing.T, d *Dir) {
			n, err := d.PurgeSoftly(only("y"), true)
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}},
		{name: "hard, then soft", purge: func(t *testing.T, d *Dir) {
			require.NoError(t, d.PurgeTag("a", false))
			require.NoError(t, d.PurgeTag("a", true))
		}, xGone: true},
		{name: "soft, then hard", purge: func(t *testing.T, d *Dir) {
			require.NoError(t, d.PurgeTag("a", true))
			require.NoError(t, d.PurgeTag("a", false))
		}, xGone: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDir(t, Options{})
			tagged(t, d, "x", "a")
			tagged(t, d, "y", "b")
			tt.purge(t, d)
			if tt.xGone {
				requireMiss(t, d, runOf("x"), Good, stats.Purged)
			} else {
				require.Equal(t, tt.x, soft(d, "x"))
			}
			require.Equal(t, tt.y, soft(d, "y"))
			tagged(t, d, "x", "a")
			tagged(t, d, "y", "b")
			require.False(t, soft(d, "x"), "stored since")
			require.False(t, soft(d, "y"), "stored since")
			require.NoError(t, d.PurgeTag("unrelated", false))
			require.False(t, soft(d, "x"))
		})
	}
}

// TestTagOfNestedRun: a tag that came with a replayed result counts from where that result stands.
func TestTagOfNestedRun(t *testing.T) {
	d := newDir(t, Options{})
	require.NoError(t, d.PurgeTag("inner", true))
	m := metaNow()
	m.Tags = []Tag{{Name: "inner", Seq: 0}}
	storeMeta(t, d, runOf("outer"), m, part{0, "x"})
	r := runOf("outer")
	e, err := d.Lookup(r.Key, r.Recipe, Good)
	require.NoError(t, err)
	require.True(t, e.Soft, "what it replayed had been purged softly before")
	e.Close()
	require.NoError(t, d.PurgeTag("inner", false))
	requireMiss(t, d, r, Good, stats.Purged)
}

// A store that knows its tags from the start heals them before it begins: its own result is valid.
func TestDamagedTagIsHealedByTheNextStore(t *testing.T) {
	d := newDir(t, Options{})
	require.NoError(t, d.PurgeTag("a", false))
	tagged(t, d, "old", "a")
	tagged(t, d, "b", "a")
	require.NoError(t, d.PurgeTag("c", false))
	require.NoError(t, os.Truncate(filepath.Join(d.Path(), "v1", markName("a")), 3))
	r, m := runOf("b"), metaNow()
	r.Tags, m.Tags = []string{"a"}, []Tag{{Name: "a", Seq: OwnSeq}}
	storeMeta(t, d, r, m, part{0, "b"})
	requireHit(t, d, r, Good, part{0, "b"})
	requireMiss(t, d, runOf("old"), Good, stats.Purged)
}
