package engine

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/trace"
)

// What a run tried to make, and found to be there, counts as what it looked at afterwards: mkdir -p d; ls d.
func TestAttemptToWrite(t *testing.T) {
	o := &observation{since: hashing.FileTime() + int64(1e12)}
	s, counts, doubt := o.written(trace.Seen{
		Path: t.TempDir(), Use: trace.Claimed | trace.Written, After: trace.Listed | trace.Looked, Before: trace.Something,
	})
	require.Empty(t, doubt)
	require.True(t, counts)
	require.Equal(t, hashing.UseNames|hashing.UseMode, s.Uses)
}

// What Node asks of the memory at each start does not count; what others ask does.
func TestReadsAtStart(t *testing.T) {
	require.True(t, readsAtStart("/opt/v20/bin/node", "/proc/meminfo"))
	require.True(t, readsAtStart("/usr/bin/nodejs", "/proc/meminfo"))
	require.False(t, readsAtStart("/usr/bin/free", "/proc/meminfo"))
	require.False(t, readsAtStart("/usr/bin/node", "/proc/uptime"))
}

// What was there when a run looked, and is not there when it has ended, somebody else has removed.
func TestRemovedByOthers(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	was := trace.File{Device: 1, Inode: 1, Known: true}
	doubt := byOthers(trace.Seen{Path: gone, Use: trace.Read, Before: trace.Something, Led: was})
	require.Equal(t, "others removed "+gone+" while it ran", doubt)
	s, counts, doubt := (&observation{}).sightOf(trace.Seen{Path: gone, Use: trace.Read, Before: trace.Nothing})
	require.Empty(t, doubt)
	require.True(t, counts)
	require.Equal(t, hashing.Sight{Path: gone, Uses: hashing.UseContent}, s)
}

// What was compared just before is not compared again, unless there are other sets, or of another recipe.
func TestComparedJustNow(t *testing.T) {
	in := &inputs{firstRecipe: hashing.Recipe{Key: hashing.Key{1}}}
	recipe := hashing.Recipe{Key: hashing.Key{2}}
	find := func(c comparedSets) bool {
		in.compared, in.recipe = c, in.firstRecipe
		_, found := in.findSet(nil) // without sets nothing is found
		require.Equal(t, found, in.recipe.Key == recipe.Key)
		return found
	}
	first, others := in.firstRecipe.Key, []hashing.Key{{3}}
	require.True(t, find(comparedSets{first: first, found: &recipe, justNow: true}))
	require.False(t, find(comparedSets{first: first, justNow: true}))
	require.False(t, find(comparedSets{first: first, found: &recipe}))
	require.False(t, find(comparedSets{first: first, found: &recipe, sets: others, justNow: true}))
	require.False(t, find(comparedSets{first: hashing.Key{4}, found: &recipe, justNow: true}))
}
