package runner

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/entry"
)

// What a process gets from its parent through exec, the command must get from this process: the
// signal mask, and the signals that are ignored. But the Go runtime changes both before main. It
// unblocks HUP, INT, QUIT, ABRT, TERM, CHLD and others, and of the ignored signals it leaves only
// HUP, INT and the terminal's stops alone: QUIT in a background job of sh, or PIPE in a service of
// systemd, would have their effect on the command again.
//
// The kernel forgets. So the entry of the program, which is before the runtime's, asks it first and notes the answers.
// Where there is none what the runtime has left is all there is to know.

// SeesSignals reports whether the command gets the signal mask and the ignored signals that this process was started
// with, all of them.
func SeesSignals() bool { return entry.Seen() }

// inheritance is what the parent of this process chose for its child.
type inheritance struct {
	mask    unix.Sigset_t
	ignored []syscall.Signal // without those that the runtime leaves ignored
}

// maskAtInit is what the runtime has left of the inherited mask, seen before anybody could change it.
var maskAtInit = currentMask()

// atStart is what was inherited.
var atStart = sync.OnceValue(inherited)

// ignoredAtStart returns the signals that this process must ignore again.
func ignoredAtStart() []syscall.Signal { return atStart().ignored }

// leftIgnored reports whether a signal is ignored by this process now. Of the terminal's stops the runtime keeps no
// account, and os/signal takes them for signals with a default effect.
func leftIgnored(s os.Signal) bool {
	const ignore = 1 // SIG_IGN
	n, ok := s.(syscall.Signal)
	if !ok {
		return false
	}
	var now disposition
	sigaction(n, nil, &now)
	return *(*uintptr)(unsafe.Pointer(&now)) == ignore
}

const signalCount = 65 // with the signal 0, which is none

func inherited() inheritance {
	in := inheritance{mask: maskAtInit}
	if !entry.Seen() {
		return in
	}
	blocked, ignored := entry.Signals()
	setMaskWord(&in.mask, blocked)
	for s := syscall.Signal(1); s < signalCount; s++ {
		if ignored&(1<<(s-1)) != 0 && mayIgnore(s) {
			in.ignored = append(in.ignored, s)
		}
	}
	return in
}

// mayIgnore reports whether s can be ignored by this process, so that its command ignores it. The
// exit codes of children are lost to whoever ignores CHLD, and the runtime has a use for the others.
func mayIgnore(s syscall.Signal) bool {
	switch s {
	case unix.SIGCHLD, unix.SIGURG, unix.SIGPROF, unix.SIGILL, unix.SIGTRAP, unix.SIGBUS,
		unix.SIGFPE, unix.SIGSEGV, unix.SIGSYS, 32, 33, 34,
		16: // STKFLT, where there is an entry; other architectures do not all have it
		return false
	}
	return true
}

func currentMask() (mask unix.Sigset_t) {
	unix.PthreadSigmask(unix.SIG_SETMASK, nil, &mask)
	return mask
}

// setMaskWord makes a set of the signals in word, 1 as the lowest bit.
func setMaskWord(set *unix.Sigset_t, word uint64) {
	*set = unix.Sigset_t{}
	for s := syscall.Signal(1); s < signalCount; s++ {
		if word&(1<<(s-1)) != 0 {
			add(set, s)
		}
	}
}
