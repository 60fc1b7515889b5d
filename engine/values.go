package engine

import (
	"os"
	"time"

	"github.com/cachex-cli/cachex/engine/fleet"
	"github.com/cachex-cli/cachex/engine/values"
	"github.com/cachex-cli/cachex/runner"
)

// ValuesConfig says whose values are meant, and who asks.
type ValuesConfig struct {
	Namespace      string
	Tiers          []fleet.Tier // the same cache on other machines, in their order
	Stdout, Stderr *os.File     // of who asks: see values.Store
	Warn           func(error)  // takes what went wrong with a tier; nil: nobody
}

// Values returns the values of a namespace: what runs with a name and no other inputs have stored, and what was set. It
// is to be closed before the engine is.
func (e *Engine) Values(c ValuesConfig) (*values.Store, error) {
	dir, err := e.store()
	if err != nil {
		return nil, err
	}
	s := &values.Store{Dir: dir, Namespace: c.Namespace, Clock: clockOf(e.now), UID: userID()}
	if c.Stdout != nil && c.Stderr != nil {
		s.Merged = runner.SameFile(c.Stdout, c.Stderr)
	}
	if len(c.Tiers) == 0 {
		return s, nil
	}
	warn := c.Warn
	if warn == nil {
		warn = func(error) {}
	}
	s.Fleet = fleet.New(fleet.Config{
		Tiers: c.Tiers, Store: dir, Clock: s.Clock, Warn: warn, Spool: runner.UnnamedFile,
		Usual: func() time.Duration { return 0 },
	})
	return s, nil
}

// clockOf is the clocks of this machine, for tiers.
func clockOf(now func() time.Time) fleet.Clock {
	return fleet.Clock{Now: now, Boot: func() ([16]byte, int64) { return clockID(), int64(bootNow()) }}
}
