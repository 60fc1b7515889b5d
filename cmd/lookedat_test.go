package cmd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Settings are remembered only of a file that still holds what they were made from, whatever its times say.
func TestConfigurationAsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".cachex.toml")
	require.NoError(t, os.WriteFile(path, []byte("scope = \"a\"\n"), 0o644))
	file, err := readConfig(path)
	require.NoError(t, err)
	require.True(t, file.isRead())
	require.NoError(t, os.WriteFile(path, []byte("scope = \"b\"\n"), 0o644))
	require.False(t, file.isRead())
	require.NoError(t, os.Remove(path))
	require.False(t, file.isRead())
}
