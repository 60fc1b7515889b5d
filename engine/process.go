package engine

import (
	"syscall"

	"github.com/cachex-cli/cachex/runner"
)

// dieOnSignals makes this process die of signals until stop, if it is there for this run alone: see runner.DieOnSignals.
func (r *run) dieOnSignals() (stop func()) {
	if !r.req.OwnsProcess {
		return func() {}
	}
	return runner.DieOnSignals()
}

// dieOfPipe ends this process as the command would have ended of a pipe that nobody reads, if it is there for this run alone.
func (r *run) dieOfPipe() {
	if r.req.OwnsProcess {
		runner.Die(int(syscall.SIGPIPE))
	}
}
