package runner

import (
	"os"

	"golang.org/x/sys/unix"
)

// grow enlarges our pipe. A refusal (the user's allowance is used up) only costs speed.
func grow(f *os.File, size int) {
	if conn, err := f.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size) })
	}
}
