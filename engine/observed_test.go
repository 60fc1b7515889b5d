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
