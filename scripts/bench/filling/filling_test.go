package filling

import (
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
)

var (
	entries  = flag.Int("entries", 30, "how many `N`")
	cacheDir = flag.String("cache-dir", "", "a `DIR` that is empty or not there")
	expired  = flag.Float64("expired", 0.5, "this `SHARE` of them is past its life and unused")
)

// TestFillCacheDir makes a cache for scripts/bench/fill.
func TestFillCacheDir(t *testing.T) {
	if *cacheDir == "" {
		t.Skip("no --cache-dir")
	}
	require.NoError(t, Fill(*cacheDir, *entries, *expired))
}

// What is filled in are results that a run finds, of which some have not been used for long.
func TestFill(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, Fill(path, 30, 0.5))
	d, err := cachedir.Open(path, cachedir.Options{ReadOnly: true})
	require.NoError(t, err)
	defer d.Close()
	spec, err := echo()
	require.NoError(t, err)
	spec.Argv = []string{"echo", "7"}
	recipe, err := hashing.Capture(spec, d.Digests())
	require.NoError(t, err)
	e, err := d.Lookup(recipe.Key, recipe.Text, cachedir.Good)
	require.NoError(t, err)
	e.Close()
	found, unused := 0, 0
	require.NoError(t, d.Check(func(i cachedir.EntryInfo) error { return i.Err }))
	require.NoError(t, d.Walk(func(i cachedir.EntryInfo) error {
		found++
		if time.Since(i.Entry.LastUse) > cachedir.DefaultKeep {
			unused++
		}
		return nil
	}))
	require.Equal(t, 30, found)
	require.Positive(t, unused)
	require.Less(t, unused, found)
	require.Error(t, Fill(t.TempDir(), 0, 0))
	require.Error(t, Fill(t.TempDir(), 1, 2))
}
