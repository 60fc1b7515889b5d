//go:build unix && !linux

package runner

import (
	"errors"
	"os"
	"syscall"
)

// session gives a command its own session on the terminal that is its stdout.
func session(tty *terminal) *syscall.SysProcAttr {
	if tty == nil {
		return nil
	}
	return &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
}

// forkExec starts a program.
func forkExec(path string, argv []string, attr *syscall.ProcAttr) (pid int, err error) {
	return syscall.ForkExec(path, argv, attr)
}

// SeesSignals reports whether the command gets the signal mask and the ignored signals that this process was started
// with, all of them.
func SeesSignals() bool { return false }

// waitChild waits for a process that forkExec returned.
func waitChild(pid int) (status syscall.WaitStatus, err error) {
	for {
		if _, err = syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			return status, err
		}
	}
}

// ended reports whether the command was waited for.
func (p *process) ended() bool {
	return errors.Is(p.p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// signal sends s to the command, or to its process group.
func (p *process) signal(s syscall.Signal, group bool) {
	if group {
		syscall.Kill(-p.p.Pid, s)
		return
	}
	p.p.Signal(s)
}

// bond is nothing: there is no parent-death signal on these systems.
type bond struct{}

func bind(*os.Process) bond { return bond{} }

func (bond) release() {}
