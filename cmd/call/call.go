// Package call makes one call of "cachex run" whose settings are decided: it hands it to the engine, says what there is
// to be said, and turns the outcome into an exit code. It knows no flags and no configuration files, and nothing that
// does, so that a call which is remembered need not wait until all that is initialised (package memo).
package call

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/runner"
)

// Call is one run as the settings want it.
type Call struct {
	Request   engine.Request // what comes from the process, and what follows from the rest of Call, is added to it
	CacheExit ExitSet        // exit codes that may be replayed
	CacheDir  string         // absolute; empty: the system's place for caches; Store.InMemory comes before it
	Store     cachedir.Options
	Explain   bool     // say on one line what happened
	Quiet     bool     // no warnings
	Status    *os.File // gets the same as JSON; nil: nobody does
	Memory    *Memory  // who calls remembers results himself; nil: he does not
	Warnings  []string // about settings

	// PlainTiers warns of servers that are talked to in the clear, and of what is new there, which is nothing after a
	// hit; nil: there are none.
	PlainTiers func(dir *cachedir.Dir, hit bool) []string

	// Configuration is what the settings rest on; false if that changed after before. nil: nobody knows.
	Configuration func(before time.Time) ([]fastpath.FileState, bool)

	// Places lists the files in which configuration was looked for, also those that were not there.
	Places func() []string

	AnyCommand bool // another command would have the same settings
}

// Answer is what became of a call.
type Answer struct {
	engine.Outcome
	Err    error         // nil: the outcome is the command's
	Began  time.Time     // of the call
	Dir    *cachedir.Dir // nil: it could not be opened
	Unread bool          // stdin has data that the command did not get
}

// OpenStore opens the cache directory in memory, if that is wanted, else at a path; empty: at the system's place for
// caches.
func (p *Process) OpenStore(path string, o cachedir.Options) (*cachedir.Dir, error) {
	dir, note, err := p.openStore(path, o)
	if o.InMemory && note != "" && !o.ReadOnly {
		p.Warn(note)
	}
	return dir, err
}

// openStore also returns what there is to be said of the place, which is worth saying once.
func (p *Process) openStore(path string, o cachedir.Options) (dir *cachedir.Dir, note string, err error) {
	if o.InMemory {
		memory, ok := cachedir.MemoryPath(p.LookupEnv)
		if ok {
			dir, err = cachedir.Open(memory, o)
			return dir, "", err
		}
		o.InMemory = false
		if dir, note, err = p.openStore(path, o); err == nil && dir.OncePerDay("no-memory") {
			note = "in-memory: no tmpfs here is your own: results are kept on disk, in " + dir.Path()
		}
		return dir, note, err
	}
	if path != "" {
		dir, err = cachedir.Open(path, o)
		return dir, "", err
	}
	path, foreign, err := cachedir.DefaultPath(p.LookupEnv, o.TrustOwners)
	if err != nil {
		return nil, "", err
	}
	if dir, err = cachedir.Open(path, o); err == nil && foreign != "" && dir.OncePerDay("foreign-home") {
		note = foreign + " belongs to another user: the results of root are kept in " + path
	}
	return dir, note, err
}

// Ask makes a call, and prints the output and the one warning that it may have. With conditions the answer says what it
// rests on, if it is a hit that may be given again.
func (p *Process) Ask(c *Call, conditions bool) Answer {
	a := Answer{Began: time.Now()}
	var note string
	eng := engine.Engine{Open: func() (_ *cachedir.Dir, err error) {
		a.Dir, note, err = p.openStore(c.CacheDir, c.Store)
		return a.Dir, err
	}}
	c.Request.Spec.Environ = p.Environ
	q := p.request(c, conditions)
	p.ciLogOf().prepare(p, c, &q)
	a.Outcome, a.Err = eng.Do(context.Background(), q)
	a.Unread = !c.Request.FeedStdin && !a.KeptStdin && !c.Request.NoWait && runner.InputWaiting(p.Stdin)
	quiet := c.Quiet || len(c.Warnings) > 0 || a.Warning != nil || a.Doubt != nil || a.Unread
	if !quiet && a.Dir != nil && c.PlainTiers != nil {
		c.Warnings = c.PlainTiers(a.Dir, a.Served == stats.Hit)
	}
	if note != "" {
		c.Warnings = append(c.Warnings, note)
	}
	if !c.Quiet {
		p.warnOnce(a.Outcome, c.Warnings, a.Unread)
	}
	return a
}

// Conclude says what became of a call, to who wanted to know. The error is never nil, and for ExitCode.
func (p *Process) Conclude(c *Call, a Answer) error {
	nothing := errors.Is(a.Err, engine.ErrNothingYet)
	if nothing {
		a.Code = exitNothing
	}
	if c.Explain && (nothing || a.Served != stats.Declined) { // else the error says it
		p.explain(c, a.Outcome)
	}
	if c.Status != nil {
		if err := writeStatus(c.Status, a.Outcome); err != nil && !c.Quiet {
			p.Warn("--status-fd: " + err.Error())
		}
	}
	if a.Err != nil && !nothing {
		return a.Err
	}
	c.Memory.write(a.Outcome)
	if a.Signal != 0 {
		runner.Die(a.Signal)
		return ExitStatus(128 + a.Signal) // where a process cannot die of it
	}
	return ExitStatus(a.Code)
}

// request completes a request.
func (p *Process) request(c *Call, conditions bool) engine.Request {
	q := c.Request
	q.CacheExit, q.CopyUpTo = c.CacheExit.Has, c.Memory.wants(q.Replay)
	if c.Memory != nil && c.Memory.Alone {
		q.Replay, q.CachedOnly = engine.ReplayNone, true
	}
	q.Explain = c.Explain || c.Status != nil
	q.Held, _ = p.LookupEnv("CACHEX_HELD")
	q.Touched, _ = p.LookupEnv("CACHEX_TOUCHED")
	q.Running, _ = p.LookupEnv("CACHEX_RUNNING")
	q.Making, _ = p.LookupEnv(engine.MakingVariable)
	if q.Encloser, _ = p.LookupEnv(engine.ControlVariable); q.Encloser != "" && c.Places != nil {
		q.Configuration = c.Places()
	}
	_, q.FreshOnly = p.LookupEnv(engine.FreshVariable)
	q.Self, q.Waiting, q.Restarted = p.self(q.Spec.Dir), p.waiting(c.Quiet), p.restarted
	q.Conditions = conditions && q.Held == "" && !q.FreshOnly
	q.MostFiles, q.MostFileBytes = fastpath.MaxMade, fastpath.MaxMadeSize
	q.Stdin, q.Stdout, q.Stderr, q.OwnsProcess = p.Stdin, p.Stdout, p.Stderr, true
	return q
}
