package runner

import (
	"os"

	"golang.org/x/sys/unix"
)

// outputPipe returns a pipe of which a command writes one end. The runtime waits for the other one alone: an end that
// it knows of is reported as soon as it has room, and each report wakes a thread.
func outputPipe() (r, w *os.File, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	w = os.NewFile(uintptr(ends[1]), "output")
	if err := unix.SetNonblock(ends[0], true); err != nil {
		unix.Close(ends[0])
		w.Close()
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(ends[0]), "output"), w, nil
}

// grow enlarges our pipe. A refusal (the user's allowance is used up) only costs speed.
func grow(f *os.File, size int) {
	if conn, err := f.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size) })
	}
}
