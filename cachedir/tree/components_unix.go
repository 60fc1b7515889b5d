//go:build unix

package tree

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// openByComponents opens a name one component after the other, so that no link is followed in any of them. A directory
// on the way need not be readable.
func openByComponents(dirfd int, name string, flags int, mode uint32) (int, error) {
	fd, owned := dirfd, false
	if path.IsAbs(name) {
		root, err := openRetry(unix.AT_FDCWD, "/", searchOnly|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		fd, owned = root, true
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
	if len(parts) == 0 {
		parts = []string{"."}
	}
	for i, part := range parts {
		f, m := searchOnly|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, uint32(0)
		if i == len(parts)-1 {
			f, m = flags, mode
		}
		next, err := openRetry(fd, part, f, m)
		if owned {
			_ = unix.Close(fd)
		}
		if err != nil {
			return -1, err
		}
		fd, owned = next, true
	}
	return fd, nil
}

func openRetry(dirfd int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dirfd, name, flags, mode)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}
