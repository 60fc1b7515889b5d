//go:build unix && !linux

package runner

import (
	"os"

	"golang.org/x/sys/unix"
)

const (
	fionread   = 0x4004667f // FIONREAD of sys/filio.h
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETAW
)

// sameTerminal compares two terminals by their foreground group: /dev/tty is one by another name.
func sameTerminal(a, b *os.File) bool {
	group := foregroundOf(a)
	return group > 0 && group == foregroundOf(b)
}
