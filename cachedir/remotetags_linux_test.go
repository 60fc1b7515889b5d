package cachedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/cachedir/stats"
)

// What ends between the purge and the count purges again the next time: here the count cannot be written, because its
// place is on another filesystem.
func TestRemoteTagIsPurgedBeforeItIsCounted(t *testing.T) {
	d := newDir(t, Options{})
	require.NoError(t, d.NoteTag("redis", "users", 1, NoPurge))
	tagged(t, d, "x", "users")
	dir := filepath.Join(d.Path(), "v1", "tags", "remote")
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=700"); err != nil {
		t.Skipf("no right to mount a filesystem: %v", err)
	}
	err := d.NoteTag("redis", "users", 2, HardPurge)
	require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH))
	require.Error(t, err)
	requireMiss(t, d, runOf("x"), Good, stats.Purged)
	count, _, known := d.TagSeen("redis", "users")
	require.True(t, known)
	require.Equal(t, int64(1), count)
	require.Empty(t, names(t, d, "pending"))
}

// Where the purge fails, no count says that it was made.
func TestRemoteTagOnFullDisk(t *testing.T) {
	dir := smallDisk(t)
	d := openAt(t, filepath.Join(dir, "cache"), Options{})
	require.NoError(t, d.NoteTag("redis", "users", 1, NoPurge))
	tagged(t, d, "x", "users")
	place := filepath.Join(d.Path(), "v1", remoteTagName(remoteTag("redis", "users")))
	before, err := os.Stat(place)
	require.NoError(t, err)
	free := fill(t, dir)
	require.ErrorIs(t, d.NoteTag("redis", "users", 2, HardPurge), unix.ENOSPC)
	after, err := os.Stat(place)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
	free()
	require.NoError(t, d.NoteTag("redis", "users", 2, HardPurge))
	requireMiss(t, d, runOf("x"), Good, stats.New) // removed, to make room for the count
}
