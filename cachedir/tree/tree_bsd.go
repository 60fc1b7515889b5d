//go:build unix && !linux

package tree

import "golang.org/x/sys/unix"

// searchOnly opens a directory on the way to another one.
const searchOnly = unix.O_SEARCH

// openBelow opens a name below a directory without following any link.
func openBelow(dirfd int, name string, flags int, mode uint32) (int, error) {
	return openByComponents(dirfd, name, flags, mode)
}

// openLinkFree opens an absolute path of a directory that has no link in it; unix.ELOOP or ENOTDIR if it has one.
func openLinkFree(path string) (int, error) {
	return openByComponents(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
}

func exchange(int, string, int, string) bool { return false }

func moveNew(int, string, int, string) error { return unix.ENOSYS }

// blockSize is the unit in which statfs counts.
func blockSize(st *unix.Statfs_t) int64 { return int64(st.Bsize) }
