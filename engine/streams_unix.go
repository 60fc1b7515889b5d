//go:build unix

package engine

import (
	"os"

	"golang.org/x/sys/unix"
)

// notStandard returns f, or, if it is stdout or stderr of this process, another descriptor of the same: a write to a
// pipe that nobody reads ends a Go program if it goes to descriptor 1 or 2, and fails otherwise.
func notStandard(f *os.File) (*os.File, error) {
	fd := f.Fd()
	if fd != 1 && fd != 2 {
		return f, nil
	}
	other, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(other), f.Name()), nil
}
