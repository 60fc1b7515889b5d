//go:build !windows

package hashing

import (
	"io"

	"golang.org/x/sys/unix"
)

// isInherited reports whether a command will inherit the descriptor: all that this program opens is close-on-exec.
func isInherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// offsetOf returns where the next read from a descriptor begins.
func offsetOf(fd int) (int64, error) { return unix.Seek(fd, 0, io.SeekCurrent) }
