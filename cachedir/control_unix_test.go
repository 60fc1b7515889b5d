//go:build unix

package cachedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Root keeps anybody's run from being stored; nobody else is let in by a directory of another user's.
func TestControlOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a directory of somebody else's")
	}
	d := newDir(t, Options{})
	p, err := d.Begin(runOf("x"))
	require.NoError(t, err)
	defer p.Discard()
	require.NoError(t, filepath.WalkDir(d.Path(), func(path string, _ os.DirEntry, err error) error {
		require.NoError(t, err)
		return os.Chown(path, 12345, -1)
	}))
	c, err := OpenControl(p.ControlPath())
	require.NoError(t, err)
	defer c.Close()
	require.True(t, c.IsLive())
	require.NoError(t, c.Forbid())
	require.ErrorIs(t, p.Commit(metaNow()), ErrPurged)
}
