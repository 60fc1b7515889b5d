package cachedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// DefaultPath is where the cache lies unless the user says otherwise. Root with somebody else's home, as under sudo -E,
// would make there what its owner cannot use: then foreign is that place, and the path is below root's own home. Owners
// that are trusted are not somebody else.
func DefaultPath(lookup func(string) (string, bool), trust []int) (path, foreign string, err error) {
	if path, err = usualPath(lookup); err != nil || !tree.IsOthers(path, trust) {
		return path, "", err
	}
	own, err := usualPath(func(name string) (string, bool) { return rootHome, name == "HOME" })
	return own, path, err
}

// homeDir returns the directory that a variable names, which must exist.
func homeDir(variable string, lookup func(string) (string, bool)) (string, error) {
	dir, ok := lookup(variable)
	if !ok || dir == "" {
		return "", fmt.Errorf("no place for a cache: %s is not set", variable)
	}
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("no place for a cache: %s=%q is not an absolute path", variable, dir)
	}
	fi, err := os.Stat(dir)
	if err == nil && !fi.IsDir() {
		err = errors.New("not a directory")
	}
	if err != nil {
		return "", fmt.Errorf("no place for a cache: %s=%q: %w", variable, dir, err)
	}
	return dir, nil
}
