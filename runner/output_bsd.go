//go:build unix && !linux

package runner

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// output is where the user wants a stream. Writes go past os.File, which would raise SIGPIPE for
// descriptors 1 and 2, and which cannot write to a descriptor that somebody else made non-blocking.
//
// These systems cannot write to a pipe just what it has room for, so while one stream waits for its
// reader the other waits too.
type output struct {
	f  *os.File
	fd int // valid as long as f is alive
}

func newOutput(f *os.File) *output { return &output{f: f, fd: int(f.Fd())} }

// write writes some of b. errFull says to wait first.
func (o *output) write(b []byte) (int, error) {
	defer runtime.KeepAlive(o.f)
	for {
		n, err := unix.Write(o.fd, b)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return 0, errFull
		case err != nil:
			return 0, os.NewSyscallError("write", err)
		}
		return n, nil
	}
}
