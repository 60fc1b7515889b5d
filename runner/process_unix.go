//go:build unix

package runner

import (
	"errors"
	"os"
	"syscall"
)

// shell runs what the kernel refuses as not executable, as execvp(3) has it.
const shell = "/bin/sh"

// start starts the command with the given descriptors 0, 1 and 2. A script without `#!` is run by
// the shell. tty is not nil if the command is to have that terminal and a session of its own.
func start(c Command, files [3]*os.File, tty *terminal) (*process, error) {
	if c.Env == nil {
		c.Env = os.Environ()
	}
	inheriting.RLock()
	defer inheriting.RUnlock()
	p, err := fork(c, files, tty)
	if errors.Is(err, syscall.ENOEXEC) {
		c.Argv = append([]string{shell, c.Path}, c.Argv[min(1, len(c.Argv)):]...)
		c.Path = shell
		p, err = fork(c, files, tty)
	}
	return p, err
}
