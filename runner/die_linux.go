package runner

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Die ends this process by the given signal, without a core file, so that its parent sees what it
// would have seen of the command. It returns only if that is impossible: for a number that is no
// signal, or one that does not end a process.
//
// os/signal cannot do this for the signals that the runtime handles itself (QUIT, SEGV, ABRT, ...),
// so the disposition is set behind its back. Nothing of this process runs after that.
func Die(signal int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The limit does not stop a core_pattern that pipes into a program; being not dumpable does.
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	raise(syscall.Signal(signal))
}

// stopSelf stops this process as TSTP does by default, so that its parent sees a stop by TSTP. It
// returns when the process was continued.
func stopSelf() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	handler := raise(unix.SIGTSTP)
	sigaction(unix.SIGTSTP, &handler, nil)
}

// raise makes s have its default effect. It is sent to this very thread, with s unblocked, so the
// kernel acts before the system call returns; sent to the process it could come at any time, and
// find the handler back in its place. Returned is the disposition that s had.
func raise(s syscall.Signal) (old disposition) {
	sigaction(s, &disposition{}, &old)
	var only, mask unix.Sigset_t
	add(&only, s)
	unix.PthreadSigmask(unix.SIG_UNBLOCK, &only, &mask)
	unix.Tgkill(os.Getpid(), unix.Gettid(), s)
	unix.PthreadSigmask(unix.SIG_SETMASK, &mask, nil)
	return old
}

// disposition is the kernel's struct sigaction, large enough for every architecture. Zero means the default effect on
// all of them; else it is what the kernel returned, or, for a letterbox, made as two of them have it.
type disposition [8]uint64

func sigaction(s syscall.Signal, set, old *disposition) {
	const size = 8 // of the kernel's sigset_t
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), size, 0, 0)
}

// add puts s into the set.
func add(set *unix.Sigset_t, s syscall.Signal) {
	if i, bit, ok := place(set, s); ok {
		set.Val[i] |= 1 << bit
	}
}

func has(set *unix.Sigset_t, s syscall.Signal) bool {
	i, bit, ok := place(set, s)
	return ok && set.Val[i]&(1<<bit) != 0
}

func place(set *unix.Sigset_t, s syscall.Signal) (i, bit int, ok bool) {
	const bits = int(unsafe.Sizeof(set.Val[0])) * 8
	n := int(s) - 1
	return n / bits, n % bits, n >= 0 && n < len(set.Val)*bits
}

// deliverPending makes signals that wait for any thread of this process be delivered to this one.
// Unblocking is what makes the kernel look.
func deliverPending() {
	var all, mask unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	unix.PthreadSigmask(unix.SIG_SETMASK, &all, &mask)
	unix.PthreadSigmask(unix.SIG_SETMASK, &mask, nil)
}
