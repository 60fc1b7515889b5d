//go:build unix

package tree

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestPlantedLinksWithoutOpenat2(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	require.NoError(t, os.MkdirAll(filepath.Join(outside, "sub"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "in", "sub"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(outside, "sub", "file"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "in", "sub", "file"), nil, 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "in", "link")))
	require.NoError(t, os.Symlink("sub/file", filepath.Join(dir, "in", "name")))
	in, err := openLinkFree(filepath.Join(dir, "in"))
	require.NoError(t, err)
	defer func() { _ = unix.Close(in) }()
	for name, want := range map[string]bool{
		"sub/file": true, ".": true, "sub": true, "link": false, "link/sub": false, "link/sub/file": false,
		"name":   false,
		"absent": false,
	} {
		fd, err := openByComponents(in, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		require.Equal(t, want, err == nil, "%s: %v", name, err)
		if err == nil {
			_ = unix.Close(fd)
		}
	}
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := openByComponents(unix.AT_FDCWD, filepath.Join(dir, "in", "link"), flags, 0)
	require.Error(t, err, "%d", fd)
}
