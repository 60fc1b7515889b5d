//go:build unix && !darwin

package cachedir

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
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
		"XDG empty":        {map[string]string{"HOME": home, "XDG_CACHE_HOME": ""}, filepath.Join(home, ".cache", "cachex")},
		"XDG relative":     {map[string]string{"HOME": home, "XDG_CACHE_HOME": "x"}, filepath.Join(home, ".cache", "cachex")},
		"nothing":          {nil, ""},
		"empty":            {map[string]string{"HOME": ""}, ""},
		"relative":         {map[string]string{"HOME": "x"}, ""},
		"absent":           {map[string]string{"HOME": filepath.Join(home, "absent")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DefaultPath(lookup(c.env))
			require.Equal(t, c.want == "", err != nil)
			require.Equal(t, c.want, got)
		})
	}
	require.NoDirExists(t, filepath.Join(home, "absent"))
}
