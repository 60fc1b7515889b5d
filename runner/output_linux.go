package runner

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// output is where the user wants a stream. Writes go past os.File, which would raise SIGPIPE for
// descriptors 1 and 2, and which cannot write to a descriptor that somebody else made non-blocking.
type output struct {
	f  *os.File
	fd int // valid as long as f is alive

	put func(fd int, b []byte) (int, error)
}

func newOutput(f *os.File) *output {
	o := &output{f: f, fd: int(f.Fd()), put: unix.Write}
	var st unix.Stat_t
	if unix.Fstat(o.fd, &st) == nil {
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFIFO:
			o.put = putPipe
		case unix.S_IFSOCK:
			o.put = putSocket
		}
	}
	return o
}

// putPipe writes what a pipe has room for, without touching its flags, which others share.
func putPipe(fd int, b []byte) (int, error) {
	n, err := unix.Pwritev2(fd, [][]byte{b}, -1, unix.RWF_NOWAIT)
	if !errors.Is(err, unix.EOPNOTSUPP) && !refused(err) {
		return n, err
	}
	// Before Linux 6.4, and in a sandbox that does not know the call: where there is room at all, there is room for
	// PIPE_BUF.
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(fds, 0); err == nil && n == 0 {
		return 0, unix.EAGAIN
	}
	return unix.Write(fd, b[:min(len(b), pipeBuf)])
}

// refused reports whether a system call is one that is not there, or not allowed.
func refused(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL)
}

const pipeBuf = 4096 // PIPE_BUF of pipe(7)

func putSocket(fd int, b []byte) (int, error) {
	return unix.SendmsgN(fd, b, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// write writes some of b. It does not wait for whoever reads a pipe or a socket, nor on what is
// non-blocking: errFull says to wait first.
func (o *output) write(b []byte) (int, error) {
	defer runtime.KeepAlive(o.f)
	for {
		n, err := o.put(o.fd, b)
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
