//go:build unix

package runner

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// wait waits until the user's side has room, or has gone, which the next write will tell.
func (o *output) wait() error {
	defer runtime.KeepAlive(o.f)
	fds := []unix.PollFd{{Fd: int32(o.fd), Events: unix.POLLOUT}}
	for {
		_, err := unix.Poll(fds, -1)
		if err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
	}
}
