package engine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
)

// A depfile that was written in the same tick of the clock in which the run began is not of that run.
func TestDepfileOfTheSameTick(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.d")
	for range 100 {
		require.NoError(t, os.WriteFile(path, []byte("x.o: x.c\n"), 0o600))
		w := watchDepfile("x.d", dir)
		sameTick := hashing.ChangedSince(path, w.since)
		_, err := w.read(false)
		require.ErrorIs(t, err, errNoDepfile)
		if sameTick {
			return
		}
	}
	t.Skip("files have a finer clock here")
}

func TestDepfileOfThisRun(t *testing.T) {
	dir := t.TempDir()
	w := watchDepfile("x.d", dir)
	_, err := w.read(false)
	require.ErrorIs(t, err, errNoDepfile)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.d"), []byte("x.o: x.c\n"), 0o600))
	used, err := w.read(false)
	require.NoError(t, err)
	require.Equal(t, []string{"x.c"}, used.Files)
}
