package runner

import (
	"os"
	"syscall"
)

// start starts the command with the given descriptors 0, 1 and 2.
func start(c Command, files [3]*os.File, tty *terminal) (*process, error) {
	return fork(c.Path, c.Argv, c.Env, files, tty)
}

func session(*terminal) *syscall.SysProcAttr { return nil }

// ended is not asked for anything that matters: signals are not passed on.
func (p *process) ended() bool { return false }

// signal does nothing: the console has sent s to the command already.
func (p *process) signal(syscall.Signal, bool) {}
