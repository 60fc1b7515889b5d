//go:build unix

package runner

import (
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// fatalSignals are those whose default effect the Go runtime changes: it prints stacks for QUIT and
// ABRT and drops the others. INT, TERM and HUP end a Go program as they end any other.
func fatalSignals() []os.Signal {
	return []os.Signal{unix.SIGQUIT, unix.SIGABRT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM}
}

// interruptions are the signals with which people and programs end a command.
func interruptions() []os.Signal {
	return []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT}
}

// passedSignals are, beside the interruptions, what a running command is told; and brokenPipe.
func passedSignals() []os.Signal {
	return append(fatalSignals(), unix.SIGTSTP, unix.SIGCONT, unix.SIGWINCH, brokenPipe)
}

// brokenPipe is caught, but is nobody's business. Not caught it would end this process half-way at a
// write to a closed stdout; ignored, it would be ignored by the command as well.
const brokenPipe = unix.SIGPIPE

// interrupts reports whether a command that got s may have stopped short.
func interrupts(s syscall.Signal) bool {
	return slices.Contains(interruptions(), os.Signal(s))
}

// deadly reports whether a command that died of signal s was interrupted rather than at fault.
func deadly(s int) bool {
	sig := syscall.Signal(s)
	return interrupts(sig) || sig == unix.SIGKILL || sig == unix.SIGPIPE
}

// ends reports whether the default effect of s, one of passedSignals, is death.
func ends(s syscall.Signal) bool {
	return s != unix.SIGTSTP && s != unix.SIGCONT && s != unix.SIGWINCH
}

func resizes(s syscall.Signal) bool { return s == unix.SIGWINCH }

// typed reports whether the terminal sends s to its whole foreground group.
func typed(s syscall.Signal) bool {
	return s == unix.SIGINT || s == unix.SIGQUIT || s == unix.SIGTSTP || s == unix.SIGWINCH
}

// continues reports whether s ends a stop.
func continues(s syscall.Signal) bool { return s == unix.SIGCONT }

// suspends reports whether the default effect of s is a stop.
func suspends(s syscall.Signal) bool { return s == unix.SIGTSTP }

// foreground reports whether this process belongs to the group that gets what is typed at its
// terminal. Without a terminal it does not.
func foreground() bool {
	group := unix.Getpgrp()
	if tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0); err == nil {
		defer tty.Close()
		return foregroundOf(tty) == group
	}
	// No terminal, or no descriptor left to open it with.
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if foregroundOf(f) == group {
			return true
		}
	}
	return false
}
