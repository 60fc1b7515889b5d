//go:build !windows

package cmd

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFIFOs: a FIFO that nobody writes to must not hold a command up.
func TestFIFOs(t *testing.T) {
	s := newSite(t)
	path := filepath.Join(s.repo, "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, _, err := s.load("--secret-file", path)
	require.EqualError(t, err, `secret-file "`+path+`": not a regular file`)

	path = filepath.Join(s.repo, ".cachex.yaml")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, _, err = s.load()
	require.EqualError(t, err, path+": cannot be read: not a regular file")
}
