//go:build unix

package lock

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func openNoFollow(path string, mode openMode) (*os.File, error) {
	flags := unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	switch mode {
	case makeIfAbsent:
		flags |= os.O_RDWR | os.O_CREATE
	case readOnly:
		flags |= os.O_RDONLY
	case appendOnly:
		flags |= os.O_RDWR | os.O_APPEND
	}
	return os.OpenFile(path, flags, 0o600)
}

// links counts the names of f; 1 if that cannot be told.
func links(f *os.File) uint64 {
	info, err := f.Stat()
	if err != nil {
		return 1
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 1
	}
	return uint64(st.Nlink)
}

// checkOurs refuses a file of another user.
func checkOurs(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d", f.Name(), st.Uid)
	}
	return nil
}
