package cachedir

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func tagged(t testing.TB, d *Dir, name string, tags ...string) {
	t.Helper()
	m := metaNow()
	m.Tags = tags
	storeMeta(t, d, runOf(name), m, part{0, name})
}

func TestPurgeTag(t *testing.T) {
	d := newDir(t, Options{})
	tagged(t, d, "none")
	tagged(t, d, "a", "a")
	tagged(t, d, "ab", "a", "b")
	tagged(t, d, "b", "b")
	require.NoError(t, d.PurgeTag("a"))
	requireHit(t, d, runOf("none"), Good, part{0, "none"})
	requireHit(t, d, runOf("b"), Good, part{0, "b"})
	requireMiss(t, d, runOf("a"), Good, Purged)
	requireMiss(t, d, runOf("ab"), Good, Purged)
	e, err := d.Load(runOf("a").Key, Good)
	require.NoError(t, err, "it can still be shown")
	require.Error(t, d.CheckTags(e.Meta))
	e.Close()

	tagged(t, d, "a", "a")
	requireHit(t, d, runOf("a"), Good, part{0, "a"})
	require.NoError(t, d.PurgeTag("c"))
	requireHit(t, d, runOf("a"), Good, part{0, "a"})
	requireMiss(t, d, runOf("ab"), Good, Purged)
	require.NoError(t, d.PurgeTag("b"))
	requireMiss(t, d, runOf("b"), Good, Purged)
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
	requireMiss(t, d, runOf("x"), Good, New)
	require.NoError(t, os.WriteFile(filepath.Join(d.Path(), "v1", entryName(runOf("x").Key, Good)), old, 0o600))
	requireMiss(t, d, runOf("x"), Good, Purged) // as if its store had come late
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
	before, err := d.readMark(seqName)
	require.NoError(t, err)
	var all sync.WaitGroup
	for i := range n {
		o := openAt(t, path, Options{})
		all.Go(func() {
			if err := o.PurgeTag(string(rune('a' + i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	after, err := d.readMark(seqName)
	require.NoError(t, err)
	require.Equal(t, before.Seq+n, after.Seq)
	for i := range n {
		requireMiss(t, d, runOf(string(rune('a'+i))), Good, Purged)
	}
}

// What cannot be read says nothing, and nothing is believed of what was stored before.
func TestDamagedCountOfPurges(t *testing.T) {
	d := newDir(t, Options{})
	require.NoError(t, d.PurgeTag("x"))
	tagged(t, d, "a", "a")
	tagged(t, d, "none")
	name := filepath.Join(d.Path(), "v1", seqName)
	require.NoError(t, os.Truncate(name, 7))
	requireMiss(t, d, runOf("a"), Good, Purged)
	requireMiss(t, d, runOf("none"), Good, Purged)
	tagged(t, d, "a", "a")
	requireHit(t, d, runOf("a"), Good, part{0, "a"})
	requireMiss(t, d, runOf("none"), Good, Purged)

	old, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, d.PurgeTag("y"))
	tagged(t, d, "b", "a")
	require.NoError(t, os.WriteFile(name, old, 0o600)) // restored from a backup
	requireMiss(t, d, runOf("b"), Good, Purged)
}

// Nothing that was stored outlives the loss of the count, whatever is purged and counted afterwards.
func TestLostCountOfPurges(t *testing.T) {
	d := newDir(t, Options{})
	for range 3 {
		require.NoError(t, d.PurgeTag("x"))
	}
	tagged(t, d, "a", "a")
	require.NoError(t, os.RemoveAll(filepath.Join(d.Path(), "v1", "tags")))
	requireMiss(t, d, runOf("a"), Good, Purged)
	require.NoError(t, d.PurgeTag("a"))
	for range 5 {
		require.NoError(t, d.PurgeTag("x"))
		requireMiss(t, d, runOf("a"), Good, Purged)
	}
	tagged(t, d, "a", "a")
	requireHit(t, d, runOf("a"), Good, part{0, "a"})
}

func TestDamagedTag(t *testing.T) {
	d := newDir(t, Options{})
	tagged(t, d, "a", "a")
	require.NoError(t, d.PurgeTag("a"))
	tagged(t, d, "b", "a")
	require.NoError(t, d.PurgeTag("c"))
	require.NoError(t, os.Truncate(filepath.Join(d.Path(), "v1", markName("a")), 3))
	requireMiss(t, d, runOf("b"), Good, Purged)
	tagged(t, d, "b", "a") // finds the damage: counts as purged itself
	tagged(t, d, "b", "a")
	requireHit(t, d, runOf("b"), Good, part{0, "b"})
	require.NoError(t, d.PurgeTag("c"))
	requireHit(t, d, runOf("b"), Good, part{0, "b"})
	requireMiss(t, d, runOf("a"), Good, Purged)
}
