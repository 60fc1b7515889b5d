package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/trace"
)

func TestNoTimes(t *testing.T) {
	tests := []struct {
		program, file string
		none          bool // no times
		more          hashing.Uses
	}{
		{"/usr/bin/cat", "/w/f", true, 0},
		{"/usr/libexec/gcc/x86_64-linux-gnu/13/cc1", "/w/f.h", true, 0},
		{"/usr/bin/x86_64-linux-gnu-gcc-13", "/w/f.h", false, 0},
		{"/usr/bin/dash", "/w/f", false, 0},
		{"/usr/bin/make", "/w", false, hashing.UseInode},
		{"/usr/bin/git", "/w/f", false, hashing.UseChange},
		{"/usr/bin/ls", "/w", false, hashing.UseChange | hashing.UseInode},
		{"/usr/bin/python3.12", "/w/m.py", true, 0},
		{"/usr/bin/python3.12", "/w/data", false, hashing.UseChange},
		{"/home/u/bin/anything", "/w/data", false, hashing.UseChange},
	}
	for _, test := range tests {
		l := looks{}
		require.Equal(t, test.none, l.noTimes(test.program, test.file), test)
		require.Equal(t, test.more, l[test.file], test)
	}
}

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
