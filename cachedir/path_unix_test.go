//go:build unix && !darwin

package cachedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestDefaultPath(t *testing.T) {
	home := t.TempDir()
	lookup := func(env map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	}
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"home":             {map[string]string{"HOME": home}, filepath.Join(home, ".cache", "cachex")},
		"XDG":              {map[string]string{"HOME": home, "XDG_CACHE_HOME": "/x/y"}, "/x/y/cachex"},
		"XDG without home": {map[string]string{"XDG_CACHE_HOME": "/x/y"}, "/x/y/cachex"},
		"XDG empty": {
			map[string]string{"HOME": home, "XDG_CACHE_HOME": ""}, filepath.Join(home, ".cache", "cachex"),
		},
		"XDG relative": {
			map[string]string{"HOME": home, "XDG_CACHE_HOME": "x"}, filepath.Join(home, ".cache", "cachex"),
		},
		"nothing":  {nil, ""},
		"empty":    {map[string]string{"HOME": ""}, ""},
		"relative": {map[string]string{"HOME": "x"}, ""},
		"absent":   {map[string]string{"HOME": filepath.Join(home, "absent")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, foreign, err := DefaultPath(lookup(c.env), nil)
			require.Empty(t, foreign)
			require.Equal(t, c.want == "", err != nil)
			require.Equal(t, c.want, got)
		})
	}
	require.NoDirExists(t, filepath.Join(home, "absent"))
}

// Root with the home of somebody else leaves nothing there that its owner could not use.
func TestHomeOfAnother(t *testing.T) {
	if !asRoot() {
		t.Skip("needs to be root")
	}
	const stranger = 54321
	home := t.TempDir()
	require.NoError(t, os.Chown(home, stranger, stranger))
	lookup := func(name string) (string, bool) { return home, name == "HOME" }
	there := filepath.Join(home, ".cache", "cachex")

	path, foreign, err := DefaultPath(lookup, nil)
	require.NoError(t, err)
	require.Equal(t, there, foreign)
	require.Equal(t, filepath.Join(rootHome, ".cache", "cachex"), path)
	path, foreign, err = DefaultPath(lookup, []int{stranger})
	require.NoError(t, err)
	require.Empty(t, foreign)
	require.Equal(t, there, path)

	for name, c := range map[string]struct {
		trust []int
		owner uint32 // of the directory itself
	}{"named": {nil, 0}, "trusted": {[]int{stranger}, stranger}} {
		path := filepath.Join(home, name, "cache", "cachex")
		openAt(t, path, Options{TrustOwners: c.trust})
		for dir, owner := range map[string]uint32{
			filepath.Join(home, name): stranger, filepath.Dir(path): stranger, path: c.owner,
		} {
			var st unix.Stat_t
			require.NoError(t, unix.Stat(dir, &st))
			require.Equal(t, owner, st.Uid, dir)
		}
	}
}
