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

// What Node asks of the memory at each start does not count, if nobody else may have asked.
func TestMemoryOfNode(t *testing.T) {
	seen := trace.Seen{Path: "/proc/meminfo", Use: trace.Read}
	o := &observation{}
	o.report.Programs = []trace.Program{{Path: "/w/tool.js", Text: "/usr/bin/env"}, {Path: "/usr/bin/env"}, {Path: "/usr/bin/node"}}
	_, counts, doubt := o.sightOf(seen)
	require.False(t, counts)
	require.Empty(t, doubt)
	o.report.Programs = append(o.report.Programs, trace.Program{Path: "/usr/bin/free"})
	_, _, doubt = o.sightOf(seen)
	require.Equal(t, "it reads what is only true now: /proc/meminfo", doubt)
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
