package memo

import (
	"errors"
	"os"
	"syscall"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/runner"
)

// finish writes what the short way could not.
func finish(p *call.Process, hit *fastpath.Unwritten) int {
	out := [2]*os.File{p.Stdout, p.Stderr}
	err := hit.Rest(func(stream uint8, b []byte) error {
		_, err := out[stream].Write(b)
		return err
	})
	switch {
	case err == nil:
		hit.Log()
		return hit.Code
	case errors.Is(err, syscall.EPIPE):
		runner.Die(int(syscall.SIGPIPE)) // as the command would have
	}
	return p.ExitCode(&engine.DeliveryError{Err: err})
}
