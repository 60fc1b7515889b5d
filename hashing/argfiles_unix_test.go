//go:build !windows

package hashing

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nothing about a word waits, and what cannot be reached does not keep a result from being stored.
func TestArgOtherKinds(t *testing.T) {
	dir, spec := argSpec(t, "pipe", "loop", "/dev/null", strings.Repeat("a", 300), "f", "link")
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	require.NoError(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	require.NoError(t, os.Symlink("f", filepath.Join(dir, "link")))
	put(t, dir, "f", "one")
	r := captured(t, spec)
	require.Equal(t, 3, strings.Count(string(r.Text), "\narg "), "%s", r.Text)
	require.Contains(t, string(r.Text), "\narg 2 unreachable\n")
	require.Equal(t, "file loop changed", Diff(r.Text, []byte(strings.Replace(string(r.Text), "unreachable", DigestOf(t, "x"), 1)))[0].Text)
	require.Equal(t, r.Args()[3].State, r.Args()[4].State, "a link counts as what it leads to")

	names, ok := r.ArgNames()
	require.False(t, ok, "what cannot be read cannot be told to an enclosing run")
	require.Contains(t, names, "f")
	spec.Argv = []string{spec.Argv[0], "f", "[x]"}
	names, ok = captured(t, spec).ArgNames()
	require.True(t, ok)
	require.Equal(t, []string{"f", "[[]x]"}, names)
}

// A text that is too long for a name is no name of a file: looking for one would fail.
func TestTooLongForName(t *testing.T) {
	for n, want := range map[int]int{255: 1, 256: 0} {
		args := ArgFiles(&Spec{Argv: []string{"true", "dir/" + strings.Repeat("x", n)}})
		require.Len(t, args, want, n)
	}
}
