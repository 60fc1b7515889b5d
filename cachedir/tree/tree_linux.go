package tree

import (
	"errors"

	"golang.org/x/sys/unix"
)

// searchOnly opens a directory on the way to another one.
const searchOnly = unix.O_PATH

// openBelow opens a name below a directory without following any link. openat2 (Linux 5.6) does that in one call;
// where the kernel or a sandbox does not have it, the components are opened one by one.
func openBelow(dirfd int, name string, flags int, mode uint32) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_LARGEFILE),
		Mode:    uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	return openHow(dirfd, name, how, func() (int, error) { return openByComponents(dirfd, name, flags, mode) })
}

// openLinkFree opens an absolute path of a directory that has no link in it; unix.ELOOP or ENOTDIR if it has one.
func openLinkFree(path string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOFOLLOW
	how := unix.OpenHow{Flags: flags | unix.O_LARGEFILE, Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	return openHow(unix.AT_FDCWD, path, how, func() (int, error) {
		return openByComponents(unix.AT_FDCWD, path, flags, 0)
	})
}

func openHow(dirfd int, name string, how unix.OpenHow, otherwise func() (int, error)) (int, error) {
	for {
		fd, err := unix.Openat2(dirfd, name, &how)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EINVAL):
			return otherwise()
		default:
			return fd, err
		}
	}
}

// exchange swaps two names, both of which must be there, in one step. Some filesystems cannot, NFS among them.
func exchange(fromFD int, from string, toFD int, to string) bool {
	return unix.Renameat2(fromFD, from, toFD, to, unix.RENAME_EXCHANGE) == nil
}

// moveNew renames a file to a name that must not be there; unix.EEXIST if it is.
func moveNew(fromFD int, from string, toFD int, to string) error {
	return unix.Renameat2(fromFD, from, toFD, to, unix.RENAME_NOREPLACE)
}

// blockSize is the unit in which statfs counts.
func blockSize(st *unix.Statfs_t) int64 {
	if st.Frsize > 0 {
		return int64(st.Frsize) // 32 bits on some machines
	}
	return int64(st.Bsize)
}
