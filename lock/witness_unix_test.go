//go:build unix

package lock

import (
	"os"

	"golang.org/x/sys/unix"
)

// openWitness opens a file under a number above all locks. A process that is killed must not free a lock while it still
// has its witness: Linux lets go of the files of a dying process from the highest number down (since 4.4, when work
// that a task leaves behind began to be done last in, first out).
func openWitness(path string) (*os.File, error) {
	const above = 500
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, above)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}
