//go:build unix && !linux

package runner

import "syscall"

// session gives a command its own session on the terminal that is its stdout.
func session(tty *terminal) *syscall.SysProcAttr {
	if tty == nil {
		return nil
	}
	return &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
}

// signal sends s to the command, or to its process group.
func (p *process) signal(s syscall.Signal, group bool) {
	if group {
		syscall.Kill(-p.p.Pid, s)
		return
	}
	p.p.Signal(s)
}
