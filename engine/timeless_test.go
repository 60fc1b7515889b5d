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
		{"/usr/bin/lsattr", "/w", false, hashing.UseChange | hashing.UseInode},
		{"/usr/bin/python3.12", "/w/m.py", true, 0},
		{"/usr/bin/python3.12", "/w/data", false, hashing.UseChange},
		{"/usr/local/go/bin/go", "/w/m.go", true, 0},
		{"/usr/local/go/bin/go", "/w/data", false, hashing.UseChange},
		{"/usr/local/go/bin/go", "/go/pkg/mod/cache/download/h.example/m/@v/v1.0.0.info", true, 0},
		{"/usr/local/go/bin/go", "/go/pkg/mod/cache/download/h.example/m/@v/v1.0.0.zip", false, hashing.UseChange},
		{"/usr/local/go/bin/go", "/w/v1.0.0.info", false, hashing.UseChange},
		{"/usr/bin/git", "/go/pkg/mod/cache/download/h.example/m/@v/v1.0.0.info", false, hashing.UseChange},
		{"/usr/local/go/bin/gofmt", "/w/m.go", false, hashing.UseChange},
		{"/usr/local/go/pkg/tool/linux_amd64/vet", "/w/m.go", true, 0},
		{"/home/u/bin/anything", "/w/data", false, hashing.UseChange},
	}
	for _, test := range tests {
		l := newLooks()
		require.Equal(t, test.none, l.noTimes(test.program, test.file), test)
		require.Equal(t, test.more, l.uses[test.file], test)
	}
}

// gzip writes down when the file that it reads was modified.
func TestOpenTimes(t *testing.T) {
	o := &observation{}
	seen := trace.Seen{Path: "/w/f", Use: trace.Read}
	programs := []trace.Program{{Path: "/usr/bin/cat"}}
	o.openTimes = tellsOpenTimes(programs)
	require.Equal(t, hashing.UseContent, o.usesOf(seen))
	o.openTimes = tellsOpenTimes(append(programs, trace.Program{Path: "/usr/bin/gzip"}))
	require.Equal(t, hashing.UseContent|hashing.UseTimes, o.usesOf(seen))
	o.anyTimes = true
	require.Equal(t, hashing.UseContent, o.usesOf(seen))
}

// Of what is open a program can ask for the mode, unless it is known that it makes no use of it.
func TestOpenModes(t *testing.T) {
	of := func(paths ...string) (programs []trace.Program) {
		for _, path := range paths {
			programs = append(programs, trace.Program{Path: path})
		}
		return programs
	}
	build := of("/usr/bin/make", "/bin/sh", "/usr/bin/x86_64-linux-gnu-gcc-13", "/usr/libexec/gcc/x86_64-linux-gnu/13/cc1",
		"/usr/bin/as", "/usr/local/go/bin/go", "/usr/local/go/pkg/tool/linux_amd64/compile", "/usr/bin/grep")
	require.False(t, tellsOpenModes(build))
	require.False(t, tellsOpenModes(append(build, trace.Program{Path: "/w/script", Text: "/bin/sh"})))
	for _, other := range []string{"/usr/bin/gzip", "/usr/bin/xz", "/usr/bin/python3.12", "/home/u/bin/anything", "/w/cc"} {
		require.Equal(t, other != "/w/cc", tellsOpenModes(append(build, of(other)...)), other)
	}
	o := &observation{openModes: true}
	require.Equal(t, hashing.UseContent|hashing.UseMode, o.usesOf(trace.Seen{Path: "/w/f", Use: trace.Read}))
	require.Equal(t, hashing.UseNames, o.usesOf(trace.Seen{Path: "/w/d", Use: trace.Listed}))
}
