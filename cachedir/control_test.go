package cachedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenControl(t *testing.T) {
	d := newDir(t, Options{})
	p, err := d.Begin(runOf("x"))
	require.NoError(t, err)
	defer p.Discard()
	other := newDir(t, Options{})

	c, err := OpenControl(p.ControlPath())
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, p.ControlPath(), c.Path())
	require.True(t, c.IsLive())
	require.True(t, d.OwnsControl(c))
	require.False(t, other.OwnsControl(c))

	base := filepath.Base(p.ControlPath())
	unmarked := filepath.Join(t.TempDir(), "v1", "pending")
	require.NoError(t, os.MkdirAll(unmarked, 0o700))
	for _, path := range []string{
		"", "x", base, filepath.Join("v1", "pending", base), filepath.Join(t.TempDir(), base),
		filepath.Join(unmarked, base), filepath.Join(unmarked, "gone", base),
		p.ControlPath() + "x", d.v1.Path("pending/x.control"), d.v1.Path("locks/" + base),
		d.v1.Path(p.base + runSuffix), filepath.Join(filepath.Dir(p.ControlPath()), "sub", base),
	} {
		_, err := OpenControl(path)
		require.ErrorIs(t, err, ErrNoControl, path)
	}

	require.NoError(t, c.Forbid())
	require.False(t, c.IsLive())
	require.ErrorIs(t, p.Commit(metaNow()), ErrPurged)
}

// One that was killed has nobody to tell; neither has one that is over.
func TestControlOfTheDead(t *testing.T) {
	d := newDir(t, Options{})
	p, err := d.Begin(runOf("x"))
	require.NoError(t, err)
	c, err := OpenControl(p.ControlPath())
	require.NoError(t, err)
	defer c.Close()
	p.entry.Close()
	require.False(t, c.IsLive())
	require.NoError(t, d.v1.Remove(p.base+runSuffix))
	require.False(t, c.IsLive())
	require.Error(t, c.Forbid())
}
