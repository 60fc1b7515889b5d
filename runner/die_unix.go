//go:build unix && !linux

package runner

import (
	"os"
	ossignal "os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Die ends this process by the given signal, without a core file, so that its parent sees what it
// would have seen of the command. It returns only if that is impossible.
//
// Without a way to set a disposition behind the runtime's back this process becomes a shell, which
// has none of the runtime's handlers, and which sends the signal to itself. A shell leaves a signal
// ignored that it finds so; one that is caught has its default effect in what is executed. Where the
// shell lives all the same, its exit code tells of the signal.
func Die(signal int) {
	if signal <= 0 {
		return
	}
	ossignal.Notify(make(chan os.Signal, 1), syscall.Signal(signal))
	text := "ulimit -c 0; kill -" + strconv.Itoa(signal) + " $$; exit " + strconv.Itoa(128+signal)
	syscall.Exec("/bin/sh", []string{"sh", "-c", text}, os.Environ())
}

// stopSelf stops this process until it is continued. Its parent sees a stop by STOP.
func stopSelf() {
	unix.Kill(os.Getpid(), unix.SIGSTOP)
}

// deliverPending has nothing to do where wait returns after the delivery of signals sent before.
func deliverPending() {}
