package cachedir

import "path/filepath"

// usualPath is where the cache lies: %LocalAppData%\cachex. Without such a directory
// there is none: it is not made.
func usualPath(lookup func(string) (string, bool)) (string, error) {
	if dir, ok := lookup("XDG_CACHE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "cachex"), nil
	}
	local, err := homeDir("LocalAppData", lookup)
	if err != nil {
		return "", err
	}
	return filepath.Join(local, "cachex"), nil
}

const rootHome = ""
