package runner

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const (
	fionread   = unix.TIOCINQ
	getTermios = unix.TCGETS
	setTermios = unix.TCSETSW
)

// sameTerminal compares two terminals by the device behind them: /dev/tty is one by another name.
func sameTerminal(a, b *os.File) bool {
	defer runtime.KeepAlive(a)
	defer runtime.KeepAlive(b)
	da, errA := unix.IoctlGetUint32(int(a.Fd()), unix.TIOCGDEV)
	db, errB := unix.IoctlGetUint32(int(b.Fd()), unix.TIOCGDEV)
	return errA == nil && errB == nil && da == db
}
