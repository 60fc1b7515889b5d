//go:build !linux

package runner

import (
	"os"
	"syscall"
	"time"
)

// process is a started command.
type process struct {
	p     *os.Process
	since time.Time
	bond  bond
}

// fork starts a program. There is no way round libc to the signal mask on these systems: the command
// gets the runtime's.
func fork(c Command, files [3]*os.File, tty *terminal) (*process, error) {
	since := time.Now()
	p, err := os.StartProcess(c.Path, c.Argv, &os.ProcAttr{Dir: c.Dir, Env: c.Env, Files: files[:], Sys: session(tty)})
	if err != nil {
		return nil, err
	}
	return &process{p: p, since: since, bond: bind(p)}, nil
}

// kill ends the command at once.
func (p *process) kill() { _ = p.p.Kill() }

// wait returns the exit code, or the signal that ended the command.
func (p *process) wait() (code, signal int) {
	state, err := p.p.Wait()
	p.bond.release()
	if err != nil {
		return unknownCode, 0
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 0, int(status.Signal())
	}
	return state.ExitCode(), 0
}

// ignoredAtStart is empty: the runtime does not tell which of its signals it found ignored.
func ignoredAtStart() []syscall.Signal { return nil }

// leftIgnored is not known here beyond what os/signal tells.
func leftIgnored(os.Signal) bool { return false }

// unknownCode is the answer if somebody else in this process has waited for the command.
const unknownCode = 125
