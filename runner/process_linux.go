package runner

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a started command.
type process struct {
	pid   int
	since time.Time

	mu     sync.Mutex
	reaped bool // the pid may be somebody else's by now
}

// fork starts a program. The caller has locked its thread and keeps it until the program has ended,
// or the parent-death signal would come early.
//
// Why not os.StartProcess: it forks a probe of pidfds first, which costs as much as a short command.
//
// The signal that ends the command with this process reaches a command whose parent died before it
// could ask for the signal, too: syscall.ForkExec compares the parent's pid after asking. Descriptors
// from 3 up that this process was started with are not close-on-exec, and everything opened here is.
// ForkExec also restores the limit of descriptors that the runtime raised.
func fork(c Command, files [3]*os.File, tty *terminal) (*process, error) {
	attr := &syscall.ProcAttr{
		Dir:   c.Dir,
		Env:   c.Env,
		Files: []uintptr{files[0].Fd(), files[1].Fd(), files[2].Fd()},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	}
	if tty != nil {
		attr.Sys.Setsid, attr.Sys.Setctty, attr.Sys.Ctty = true, true, 1
	}
	since := time.Now()
	pid, err := spawn(c, attr)
	if refused(err) { // the program, or, in a sandbox, that the command may ask for the signal
		attr.Sys.Pdeathsig = 0
		since = time.Now()
		pid, err = spawn(c, attr)
	}
	runtime.KeepAlive(files)
	if err != nil {
		return nil, err
	}
	return &process{pid: pid, since: since}, nil
}

// forkExec starts a program with the signal mask that this process was started with. The caller has locked its thread.
func forkExec(path string, argv []string, attr *syscall.ProcAttr) (pid int, err error) {
	start, mask := atStart().mask, unix.Sigset_t{}
	unix.PthreadSigmask(unix.SIG_SETMASK, &start, &mask)
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &mask, nil)
	return startChild(func() (int, error) { return syscall.ForkExec(path, argv, attr) })
}

// wait returns the exit code, or the signal that ended the command.
func (p *process) wait() (code, signal int) {
	// Leave it a zombie first: its pid cannot be given away while p.signal may still use it.
	for unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	status, err := waitChild(p.pid)
	if err != nil {
		return unknownCode, 0
	}
	if status.Signaled() {
		return 0, int(status.Signal())
	}
	return status.ExitStatus(), 0
}

// unknownCode is the answer if somebody else in this process has waited for the command.
const unknownCode = 125

// ended reports whether the command has ended, also if nobody has waited for it yet.
func (p *process) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return true
	}
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	return err == nil && info.Signo != 0
}

// kill ends the command at once.
func (p *process) kill() { p.signal(syscall.SIGKILL, false) }

// signal sends s to the command, or to its process group.
func (p *process) signal(s syscall.Signal, group bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	pid := p.pid
	if group {
		pid = -pid
	}
	unix.Kill(pid, s)
}
