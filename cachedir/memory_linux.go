package cachedir

import (
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// MemoryPath is where a cache lies in memory: in the user's runtime directory, which ends with his last session, else
// in /dev/shm, which everybody may write to, so that what lies there is looked at like any cache directory (P14). ok is
// false where neither is a tmpfs.
func MemoryPath(lookup func(string) (string, bool)) (path string, ok bool) {
	if dir, _ := lookup("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && isTmpfs(dir) && isOwn(dir) {
		return filepath.Join(dir, "cachex"), true
	}
	if isTmpfs(sharedMemory) {
		return filepath.Join(sharedMemory, "cachex-"+strconv.Itoa(os.Geteuid())), true
	}
	return "", false
}

const sharedMemory = "/dev/shm"

func isTmpfs(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Type == unix.TMPFS_MAGIC
}

// isOwn reports whether a directory is this user's: under sudo -E it is the one of who called it.
func isOwn(dir string) bool {
	var st unix.Stat_t
	return unix.Stat(dir, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && int(st.Uid) == os.Geteuid()
}
