//go:build unix && !linux

package runner

import (
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Die ends this process by the given signal, without a core file, so that its parent sees what it
// would have seen of the command. It returns only if that is impossible.
//
// Without a way to set a disposition behind the runtime's back this process becomes a shell, which
// has none of the runtime's handlers, and which sends the signal to itself.
func Die(signal int) {
	if signal <= 0 {
		return
	}
	text := "ulimit -c 0; kill -" + strconv.Itoa(signal) + " $$"
	syscall.Exec("/bin/sh", []string{"sh", "-c", text}, os.Environ())
}

// stopSelf stops this process until it is continued. Its parent sees a stop by STOP.
func stopSelf() {
	unix.Kill(os.Getpid(), unix.SIGSTOP)
}

// deliverPending has nothing to do where wait returns after the delivery of signals sent before.
func deliverPending() {}
