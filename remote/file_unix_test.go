//go:build !windows

package remote

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Links and pipes in the place of a value are not followed and not waited for; a store takes the place.
func TestFileNotPlain(t *testing.T) {
	tier, base := openDir(t)
	put(t, tier, "k", []byte("v"))
	path := fileOf(t, base)
	foreign := filepath.Join(t.TempDir(), "foreign")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(foreign, whole, 0o600))
	for name, place := range map[string]func() error{
		"link": func() error { return os.Symlink(foreign, path) },
		"pipe": func() error { return syscall.Mkfifo(path, 0o600) },
	} {
		require.NoError(t, os.Remove(path))
		require.NoError(t, place(), name)
		_, err := read(guarded(t), tier, "k")
		requireKind(t, err, ErrServer)
		put(t, tier, "k", []byte(name))
		requireValue(t, []byte(name), tier, "k")
	}
	got, err := os.ReadFile(foreign)
	require.NoError(t, err)
	require.Equal(t, whole, got)

	// A directory of the fan that leads elsewhere.
	elsewhere := filepath.Join(t.TempDir(), "fan")
	require.NoError(t, os.Rename(filepath.Dir(path), elsewhere))
	require.NoError(t, os.Symlink(elsewhere, filepath.Dir(path)))
	_, err = read(guarded(t), tier, "k")
	requireKind(t, err, ErrServer)
	requireKind(t, tier.Put(guarded(t), "k", strings.NewReader("x"), 1, 0), ErrServer)
	_, err = Clear(guarded(t), tier)
	requireKind(t, err, ErrServer)
}

func TestFileModes(t *testing.T) {
	old := syscall.Umask(0o277)
	defer syscall.Umask(old)
	tier, base := openDir(t)
	put(t, tier, "entry/k", []byte("v"))
	path := fileOf(t, base)
	for path != base {
		st, err := os.Stat(path)
		require.NoError(t, err)
		want := os.FileMode(0o700)
		if !st.IsDir() {
			want = 0o600
		}
		require.Equal(t, want, st.Mode().Perm(), path)
		path = filepath.Dir(path)
	}
}
