//go:build unix && !darwin

package cachedir

import "path/filepath"

// usualPath is $XDG_CACHE_HOME/cachex, else ~/.cache/cachex.
// Without a home directory there is none: it is not made.
func usualPath(lookup func(string) (string, bool)) (string, error) {
	// others are ignored, says the XDG specification
	if dir, ok := lookup("XDG_CACHE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "cachex"), nil
	}
	home, err := homeDir("HOME", lookup)
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".cache", "cachex"), nil
}

// rootHome is the home of root.
const rootHome = "/root"
