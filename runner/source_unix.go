//go:build unix

package runner

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// readNow reads what there is, io.EOF at the end, or errOpen if there is nothing but more may come.
// It goes past the deadline of f.
func readNow(f *os.File, b []byte) (n int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	readErr := conn.Control(func(fd uintptr) {
		for {
			n, err = unix.Read(int(fd), b)
			if err != unix.EINTR {
				return
			}
		}
	})
	switch {
	case readErr != nil:
		return 0, readErr
	case err == unix.EAGAIN:
		return 0, errOpen
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// endOfTerminal makes what a pseudo-terminal answers when nobody has its other side open an io.EOF.
func endOfTerminal(err error) error {
	if errors.Is(err, unix.EIO) {
		return io.EOF
	}
	return err
}
