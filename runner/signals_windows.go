package runner

import (
	"os"
	"syscall"
)

// fatalSignals is empty: what the console sends ends this process as it ends any other.
func fatalSignals() []os.Signal { return nil }

// interruptions are caught while a command runs, so that this process outlives it. The console sends
// them to the command as well, which shares it.
func interruptions() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// passedSignals is empty: there are no others.
func passedSignals() []os.Signal { return nil }

// brokenPipe is a signal that does not come: writes to a closed pipe just fail.
const brokenPipe = syscall.SIGPIPE

func interrupts(s syscall.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGTERM }

func deadly(int) bool { return false }

// ends reports whether the default effect of s is death.
func ends(s syscall.Signal) bool { return interrupts(s) }

func resizes(syscall.Signal) bool { return false }

// typed reports whether the console sends s to all its processes.
func typed(syscall.Signal) bool { return true }

func continues(syscall.Signal) bool { return false }

func suspends(syscall.Signal) bool { return false }

func foreground() bool { return true }

func stopSelf() {}

func deliverPending() {}

// Die returns at once, for no process dies of a signal here. Only a caught interrupt, after which
// nobody waits for a result, ends the process with the status that the console would have set.
func Die(signal int) {
	if interrupts(syscall.Signal(signal)) {
		os.Exit(statusControlC)
	}
}

const statusControlC = -0x3ffffec6 // STATUS_CONTROL_C_EXIT, 0xc000013a
