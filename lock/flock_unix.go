//go:build unix

package lock

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// lockFile locks f as a whole. The lock belongs to the open file: two descriptors opened apart exclude each other, in
// one process too.
func lockFile(f *os.File, mode lockMode) error {
	how := unix.LOCK_SH
	if mode&exclusive != 0 {
		how = unix.LOCK_EX
	}
	if mode&now != 0 {
		how |= unix.LOCK_NB
	}
	return flock(f, how)
}

func unlockFile(f *os.File) error { return flock(f, unix.LOCK_UN) }

// flock goes through Control, which keeps the descriptor open while the call blocks, even if nobody refers to f any
// more.
func flock(f *os.File, how int) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var locked error
	err = conn.Control(func(fd uintptr) {
		for {
			locked = unix.Flock(int(fd), how)
			if locked != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return meaning(locked)
}

// unsupported is what filesystems without locks answer, and the filters of sandboxes. EOPNOTSUPP and ENOTSUP are two
// numbers on macOS.
var unsupported = []error{unix.ENOLCK, unix.ENOSYS, unix.EOPNOTSUPP, unix.ENOTSUP, unix.EINVAL, unix.EPERM}

func meaning(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return ErrBusy
	case slices.ContainsFunc(unsupported, func(e error) bool { return errors.Is(err, e) }):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return err
}
