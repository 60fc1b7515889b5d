package cachedir

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The runtime directory counts if it is an absolute path, on a tmpfs, and this user's; else /dev/shm does.
func TestMemoryPath(t *testing.T) {
	if !isTmpfs(sharedMemory) {
		t.Skip("no tmpfs at " + sharedMemory)
	}
	runtime, err := os.MkdirTemp(sharedMemory, "cachex-test-")
	require.NoError(t, err)
	defer os.RemoveAll(runtime)
	shared := filepath.Join(sharedMemory, fmt.Sprintf("cachex-%d", os.Geteuid()))
	disk := t.TempDir()
	for dir, want := range map[string]string{
		"": shared, runtime: filepath.Join(runtime, "cachex"), "relative": shared, runtime + "/absent": shared,
	} {
		got, ok := MemoryPath(func(name string) (string, bool) { return dir, name == "XDG_RUNTIME_DIR" && dir != "" })
		require.True(t, ok)
		require.Equal(t, want, got, dir)
	}
	if !isTmpfs(disk) {
		got, _ := MemoryPath(func(string) (string, bool) { return disk, true })
		require.Equal(t, shared, got)
	}
	if asRoot() {
		require.NoError(t, os.Chown(runtime, 54321, 54321))
		got, _ := MemoryPath(func(string) (string, bool) { return runtime, true })
		require.Equal(t, shared, got, "somebody else's")
	}
}

// In memory the limit is a quarter of what is free there and of what the cache has of it, or less if that is wanted.
func TestMemoryLimit(t *testing.T) {
	path := t.TempDir()
	d := openAt(t, path, Options{InMemory: true})
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(path, &st))
	quarter := float64(st.Bavail) * float64(st.Bsize) / 4
	require.InEpsilon(t, quarter, float64(d.MaxSize()), 0.1)
	require.Equal(t, int64(1<<20), openAt(t, path, Options{InMemory: true, MaxSize: 1 << 20}).MaxSize())
	require.InEpsilon(t, quarter, float64(openAt(t, path, Options{InMemory: true, MaxSize: 1 << 60}).MaxSize()), 0.1)
	require.Equal(t, int64(DefaultMaxSize), openAt(t, path, Options{}).MaxSize())
}
