package lock

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// A sign of life is a lock on one byte far behind the end of the file (fcntl's open file description locks, Linux
// 3.15). They do not touch flock's, vanish with the process, and, unlike flock's, can be asked about without being
// taken.

// firstSign is the lowest offset of a sign: no record is as long.
const firstSign = 1 << 40

// showLife locks a byte of f for the waiter and returns its offset: 0 if that is impossible. The lock is shared, so
// that two waiters which by chance choose the same byte do not get into each other's way.
func showLife(f *os.File, nonce string) int64 {
	n, err := strconv.ParseUint(nonce[:8], 16, 32)
	if err != nil {
		return 0
	}
	sign := firstSign + int64(n)
	if fcntl(f, unix.F_OFD_SETLK, byteLock(unix.F_RDLCK, sign)) != nil {
		return 0
	}
	return sign
}

// showsLife reports whether somebody shows life at this offset; when it cannot be told, they do.
func showsLife(f *os.File, sign int64) bool {
	l := byteLock(unix.F_WRLCK, sign)
	err := fcntl(f, unix.F_OFD_GETLK, l)
	return err != nil || l.Type != unix.F_UNLCK
}

func byteLock(kind int16, at int64) *unix.Flock_t {
	return &unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: at, Len: 1}
}

func fcntl(f *os.File, cmd int, l *unix.Flock_t) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var called error
	if err := conn.Control(func(fd uintptr) { called = unix.FcntlFlock(fd, cmd, l) }); err != nil {
		return err
	}
	return called
}
