package cachedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func isSame(what string) func(string) bool { return func(other string) bool { return other == what } }

func making(t *testing.T, d *Dir, dir, what string, partOf ...string) *Making {
	t.Helper()
	m, err := d.Making(dir, what, partOf, isSame(what))
	require.NoError(t, err)
	return m
}

// Two who make the same in one directory at one time are told so, both of them, and nobody else is.
func TestMakingAtOnce(t *testing.T) {
	d := newDir(t, Options{})
	first, other, elsewhere := making(t, d, "/w", "a"), making(t, d, "/w", "b"), making(t, d, "/v", "a")
	require.False(t, first.Disturbed())
	part := making(t, d, "/w", "a", first.Name())
	require.False(t, first.Disturbed() || part.Disturbed(), "a part of the first one")
	part.End()
	second := making(t, d, "/w", "a")
	for _, m := range []*Making{first, second} {
		require.True(t, m.Disturbed())
	}
	require.False(t, other.Disturbed() || elsewhere.Disturbed())
	second.End()
	require.True(t, first.Disturbed(), "it was there")
	first.End()
	third := making(t, d, "/w", "a")
	require.False(t, third.Disturbed(), "the others are gone")
	for _, m := range []*Making{third, other, elsewhere} {
		m.End()
	}
	left, err := filepath.Glob(filepath.Join(d.Path(), "v1", "pending", "*"+makingSuffix))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Who was killed makes nothing any more; his file goes with the next who looks.
func TestMakingKilled(t *testing.T) {
	d := newDir(t, Options{})
	killed := making(t, d, "/w", "a")
	killed.f.Close() // as the kernel does, with the lock
	next := making(t, d, "/w", "a")
	require.False(t, next.Disturbed())
	require.NoFileExists(t, d.v1.Path(killed.name))
	next.End()
}

// What is added to the file by anybody, or cannot be told, disturbs.
func TestMakingUnsure(t *testing.T) {
	d := newDir(t, Options{})
	m := making(t, d, "/w", "a")
	f, err := os.OpenFile(d.v1.Path(m.name), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("?")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.True(t, m.Disturbed())
	m.End()
}
