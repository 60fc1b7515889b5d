//go:build unix

package lock

import (
	"os"

	"golang.org/x/sys/unix"
)

// passesOn is nil: a process that inherits an open file has its lock, too.
func passesOn() error { return nil }

// closeOnExec keeps f from the children of this process.
func closeOnExec(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Control(func(fd uintptr) { unix.CloseOnExec(int(fd)) })
}
