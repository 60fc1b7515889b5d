package runner

import (
	"os"
	"os/signal"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The first process of a container gets the children of whoever dies before them. Each stays a zombie, and counts
// against the limit of processes, until it is waited for.
var (
	isFirst = os.Getpid() == 1

	started struct { // by this process itself, and not waited for yet; only kept in a first process
		sync.Mutex
		pids map[int]bool
	}
	childEnded  = make(chan os.Signal, 1)
	reapOrphans = sync.OnceFunc(func() {
		started.pids = map[int]bool{}
		signal.Notify(childEnded, unix.SIGCHLD)
		go func() {
			for range childEnded {
				for reapOrphan() {
				}
			}
		}()
	})
)

// startChild calls start, which returns the pid of a new process, and keeps orphans apart from that one.
func startChild(start func() (pid int, err error)) (int, error) {
	if !isFirst {
		return start()
	}
	started.Lock()
	defer started.Unlock()
	reapOrphans()
	pid, err := start()
	if err == nil {
		started.pids[pid] = true
	}
	return pid, err
}

// waitChild waits for a process that startChild returned.
func waitChild(pid int) (status unix.WaitStatus, err error) {
	for {
		if _, err = unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			break
		}
	}
	if isFirst {
		started.Lock()
		delete(started.pids, pid)
		started.Unlock()
		select { // an orphan may have ended behind this one
		case childEnded <- unix.SIGCHLD:
		default:
		}
	}
	return status, err
}

// reapOrphan waits for one process that has ended, and reports whether there may be another. The kernel shows one at a
// time: behind a child of our own, the rest has to wait until that one is waited for.
func reapOrphan() bool {
	started.Lock()
	defer started.Unlock()
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil); err != nil ||
		info.Signo == 0 {
		return err == unix.EINTR
	}
	pid := endedPid(&info)
	if started.pids[pid] {
		return false
	}
	_, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
	return err == nil || err == unix.EINTR
}

// endedPid is the first of the fields that depend on the signal (si_pid, man 2 sigaction); they are aligned as a
// pointer is.
func endedPid(info *unix.Siginfo) int {
	const header, word = 3 * 4, unsafe.Sizeof(uintptr(0))
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), (header+word-1)/word*word)))
}
