package engine

import (
	"os"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

const (
	heldVariable = "CACHEX_HELD" // names the locks that the command's ancestors hold

	// ControlVariable names the control file to the command.
	ControlVariable = "CACHEX_CONTROL"

	// MakingVariable names, to a command that makes files, who says so in the cache directory.
	MakingVariable = "CACHEX_MAKING"

	// FreshVariable tells runs nested in a refresh that they are.
	FreshVariable = "CACHEX_FRESH"
)

// command is the process to start for a caller: the program, if it is known, and else the one that its name finds.
func (c *caller) command(exe string, in *stdin) (runner.Command, error) {
	if err := c.ctx.Err(); err != nil {
		return runner.Command{}, err
	}
	if exe == "" {
		var err error
		exe, err = hashing.LookPath(c.Spec.Argv[0], c.Spec.Dir, c.Spec.Environ, c.Spec.Past...)
		if err != nil {
			return runner.Command{}, err
		}
	}
	p := runner.Command{
		Path: exe, Argv: c.Spec.Argv, Env: withRunning(c.environ(), c.Running, runningOf(&c.Spec, exe)),
		Stdout: c.io.stdout, Stderr: c.io.stderr, Merged: c.merged(), Pty: c.Spec.Pty, Canceled: c.ctx.Done(),
	}
	if !c.OwnsProcess {
		p.Dir, p.KeepSignals = c.Spec.Dir, true
	}
	if p.Pty {
		p.Terminal = runner.Size(c.terminal())
	}
	if c.Refresher != nil {
		p.Stdout, p.Stderr = nil, nil
		p.Env = setenv(p.Env, FreshVariable, "1")
	}
	switch {
	case in != nil:
		p.Stdin, p.Input = in.feed()
	case c.FeedStdin || c.passStdin:
		p.Stdin = c.io.stdin
	case p.Pty && runner.IsTerminal(c.io.stdin):
		p.Stdin, p.NoKeys = c.io.stdin, true
	}
	return p, nil
}

// environ is what the command sees of the environment. Where nothing is recorded it can write into the control file all
// the same: that of the enclosing run, or one that nobody reads.
func (c *caller) environ() []string {
	if c.Encloser == "" {
		return setenv(c.Spec.Environ, ControlVariable, os.DevNull)
	}
	return c.Spec.Environ
}

// setenv returns a copy of environ with one variable set.
func setenv(environ []string, name, value string) []string {
	return append(unsetenv(environ, name), name+"="+value)
}

// unsetenv returns a copy of environ without a variable.
func unsetenv(environ []string, name string) []string {
	out := make([]string, 0, len(environ)+1)
	for _, kv := range environ {
		if !strings.HasPrefix(kv, name+"=") {
			out = append(out, kv)
		}
	}
	return out
}
