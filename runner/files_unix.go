//go:build unix

package runner

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// SameFile reports whether a and b are the same file, pipe or terminal, so that the order of what is
// written to both can be seen. The null device is not: nobody sees an order there.
func SameFile(a, b *os.File) bool {
	if a == nil || b == nil {
		return false
	}
	defer runtime.KeepAlive(a)
	defer runtime.KeepAlive(b)
	var sa, sb unix.Stat_t
	if unix.Fstat(int(a.Fd()), &sa) != nil || unix.Fstat(int(b.Fd()), &sb) != nil {
		return false
	}
	if isNull(&sa) || isNull(&sb) {
		return false
	}
	if sa.Dev == sb.Dev && sa.Ino == sb.Ino {
		return true
	}
	return IsTerminal(a) && IsTerminal(b) && sameTerminal(a, b)
}

func isNull(st *unix.Stat_t) bool {
	var null unix.Stat_t
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && unix.Stat(os.DevNull, &null) == nil && st.Rdev == null.Rdev
}

// InputWaiting reports whether a read from f would return data at once. It takes nothing and never
// blocks. Terminals and devices have nothing waiting: what they give, nobody has put there.
func InputWaiting(f *os.File) bool {
	if f == nil {
		return false
	}
	defer runtime.KeepAlive(f)
	fd := int(f.Fd())
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		at, err := unix.Seek(fd, 0, io.SeekCurrent)
		return err == nil && at < st.Size
	case unix.S_IFIFO, unix.S_IFSOCK:
		n, err := unix.IoctlGetInt(fd, fionread)
		return err == nil && n > 0
	}
	return false
}

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool {
	if f == nil {
		return false
	}
	defer runtime.KeepAlive(f)
	_, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	return err == nil
}

// Columns returns how wide a terminal is; 0: f is none, or it does not know.
func Columns(f *os.File) int {
	if f == nil {
		return 0
	}
	defer runtime.KeepAlive(f)
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// foregroundOf returns the process group in the foreground of the terminal, or -1.
func foregroundOf(f *os.File) int {
	defer runtime.KeepAlive(f)
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	if err != nil {
		return -1
	}
	return group
}
