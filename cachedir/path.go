package cachedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

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
