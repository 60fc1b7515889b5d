package memo

import (
	"os"
	"slices"
	"time"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/late"
)

// A remembered call is made here, while the program is still being initialised: Go initialises
// packages in the order of their import paths, and of all that this one does not import, cobra, viper, net/http and the
// clients of servers come later. They are a seventh of what a run of "true" costs.
//
// What it does is what cmd would have done: the memo was made by cmd, for the same command line, environment, directory
// and program, and what the settings rest on is as it was. If there is anything else about it, cmd decides.
//
// Medians of 200 to 300, interleaved: --refresh of true adds 4.04 ms instead of 4.63, a command that is new behind
// remembered flags 6.17 instead of 6.75, and the first call in a directory pays 0.1 ms for the memo.

func init() {
	p := &call.Process{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if hit := fastpath.Unfinished(); hit != nil {
		os.Exit(finish(p, hit))
	}
	m := fastpath.Remembered()
	if m == nil {
		return
	}
	p.Args, p.Environ = slices.Concat(m.Args[1:], m.Words), os.Environ()
	if c := callOf(m); c != nil {
		runUnbound(p, c)
	}
}

// runUnbound makes a call in a goroutine of its own, and ends the process there: the one that initialises packages is
// bound to its thread, and would have to get back onto that each time it waited for another. It returns if the call
// needs what package late holds: then packages are initialised until that is there, and no further.
func runUnbound(p *call.Process, c *call.Call) {
	late.Expect()
	go func() {
		call.GrowStack()
		os.Exit(p.ExitCode(run(p, c, true)))
	}()
	<-late.Wanted()
}

// callOf makes the call that a memo speaks of; nil: cmd has to, also for a call that must report where its settings
// come from.
func callOf(m *fastpath.RememberedCall) *call.Call {
	if _, nested := os.LookupEnv(engine.ControlVariable); nested {
		return nil
	}
	c := resolvedCall(m.Call, m.Args[1:], m.Dir, fastpath.CacheDir(m.Environ))
	if c == nil {
		return nil
	}
	if m.Open {
		c.Request.Spec.Argv = m.Words
	}
	if len(c.Request.Spec.Argv) == 0 {
		return nil
	}
	c.Configuration = func(time.Time) ([]fastpath.FileState, bool) {
		files := slices.Clone(m.Files)
		return files, fastpath.Hold(files, nil)
	}
	return c
}
