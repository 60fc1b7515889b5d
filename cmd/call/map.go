package call

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/engine/batch"
	"github.com/cachex-cli/cachex/runner"
)

// Words are what a command is called with at once.
type Words struct {
	All  []string
	Null bool // records end in NUL bytes
	Most int  // words of one call; 0: as many as the system takes
}

// Map answers each of some words by what is stored, and by as few calls of the command as can be. The error is for
// ExitCode.
func (p *Process) Map(c *Call, words Words) error {
	const exitWrong ExitStatus = 1
	var note string
	eng := engine.Engine{Open: func() (dir *cachedir.Dir, err error) {
		dir, note, err = p.openStore(c.CacheDir, c.Store)
		return dir, err
	}}
	defer eng.Close()
	c.Request.Spec.Environ = p.Environ
	out, err := batch.Run(context.Background(), batch.Request{
		Engine: &eng, Each: p.request(c, false), Words: words.All, Null: words.Null, Most: words.Most,
		Stdout: p.Stdout, Stderr: p.Stderr,
	})
	if note != "" {
		c.Warnings = append(c.Warnings, note)
	}
	if !c.Quiet {
		p.warnOnce(engine.Outcome{Warning: out.Warning}, c.Warnings, false)
	}
	if c.Explain {
		p.Warn(fmt.Sprintf("%d cached, %d made by %d calls of the command", out.Cached, out.Made, out.Calls))
	}
	var failed *batch.CallError
	switch {
	case errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrClosedPipe):
		runner.Die(int(syscall.SIGPIPE))
		return ExitStatus(128 + int(syscall.SIGPIPE))
	case !errors.As(err, &failed):
		return err
	case failed.Signal != 0:
		runner.Die(failed.Signal)
		return ExitStatus(128 + failed.Signal)
	case failed.Code != 0:
		p.Warn(failed.Error() + ": nothing of this call was stored")
		return ExitStatus(failed.Code)
	}
	p.Warn(failed.Error() + "; nothing of this call was stored")
	p.Warn("hint: try it by hand with two words; --null if what it prints for one has line feeds")
	return exitWrong
}
