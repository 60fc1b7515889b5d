// Package engine decides: replay a stored result, share a running one, or run.
//
// It is the Go library under the command line. It never prints, never exits, and reads no flag, no environment
// variable and no configuration: everything arrives in a Request, everything it has to say leaves in an Outcome.
//
// One call of Do walks through the house like this: capture the recipe; look in the store without a lock (fresh:
// replay); take the lock of the recipe, or wait for who holds it; look again; run the command into the caller's
// streams and a pending entry at once; capture the inputs again; commit or discard; leave a note for who waited.
// A cache that fails at any of these steps costs a warning, never the command's result.
package engine

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// Forever as a time to live means that a result never ages out; as a Wait it means no limit.
const Forever = time.Duration(-1)

// Request is one run as the caller wants it.
type Request struct {
	Spec hashing.Spec // what makes identity; Stdin is filled in by the engine when FeedStdin is set

	TTL       time.Duration       // how long a result that exited 0 is fresh; 0: only for concurrent callers; Forever
	TTLFail   time.Duration       // the same for other exit codes
	CacheExit func(code int) bool // exit codes that may be replayed
	Tags      []string            // labels for purging

	Refresh    bool          // run now and replace what is stored
	CachedOnly bool          // never run
	NoCache    bool          // run, touch nothing, share with nobody
	ReadOnly   bool          // use entries, store none
	Wait       time.Duration // how long to wait for another run of the same recipe; Forever
	FeedStdin  bool          // read stdin whole, put it in the key, feed it to the command
	Held       string        // what the environment says that ancestors hold
	Explain    bool          // the caller wants Outcome.Detail; finding it may read earlier entries

	Stdin, Stdout, Stderr *os.File
}

// Outcome is what happened.
type Outcome struct {
	Served    cachedir.Served
	Reason    cachedir.Reason // why it was not a hit; empty for a hit
	Detail    string          // the reason in a person's words: "file go.sum changed"
	Key       hashing.Key     // zero where no recipe could be made
	Code      int             // the command's exit code
	Signal    int             // the signal it died of, or 0
	Age       time.Duration   // how old the replayed result is
	Took      time.Duration   // how long the command ran, now or when it was recorded
	Saved     time.Duration   // how much of that was saved for this caller
	Bytes     int64           // of output
	Stored    bool
	NotStored string // why a finished run was not stored
	Warning   error  // what went wrong with the cache; the command's result stands
}

// NotCachedError is what Do returns under CachedOnly when there is nothing to replay.
type NotCachedError struct {
	Reason cachedir.Reason
	Detail string
}

func (e *NotCachedError) Error() string {
	return "no result to replay: " + explainMiss(e.Reason, e.Detail)
}

// DeliveryError says that the result could not be handed to the caller's stdout or stderr.
type DeliveryError struct{ Err error }

func (e *DeliveryError) Error() string { return fmt.Sprintf("deliver the output: %v", e.Err) }
func (e *DeliveryError) Unwrap() error { return e.Err }

// Engine runs requests against one store. The store is opened at the first need, because a broken one must
// become a warning of the run and not a reason to refuse it.
type Engine struct {
	Open func() (*cachedir.Dir, error) // opens the store
	Now  func() time.Time              // the wall clock; nil: time.Now

	once sync.Once
	dir  *cachedir.Dir
	err  error
}

func (e *Engine) store() (*cachedir.Dir, error) {
	e.once.Do(func() { e.dir, e.err = e.Open() })
	return e.dir, e.err
}

func (e *Engine) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}

// Do serves one request. The error is nil whenever the command's result was delivered; otherwise it is one of
// *NotCachedError, *DeliveryError, *runner.StartError, or one of hashing's errors about the command line, and the
// command has not run (or, for *DeliveryError, its output was cut).
func (e *Engine) Do(req Request) (Outcome, error) {
	r := &run{e: e, req: req, arrived: bootNow(), began: e.now()}
	out, err := r.do()
	r.log(out, err)
	return out, err
}

// run is the state of one request on its way through the house.
type run struct {
	e       *Engine
	req     Request
	arrived moment    // P9: results that ended after this were made for us too
	began   time.Time // wall clock, for the journal
	dir     *cachedir.Dir
	recipe  hashing.Recipe
	input   *input
	warning error // the first thing that went wrong: one warning a run

	reason cachedir.Reason // why the first look was not a hit
	detail string
}

func (r *run) warn(err error) {
	if r.warning == nil && err != nil {
		r.warning = err
	}
}

func (r *run) do() (Outcome, error) {
	if r.req.NoCache {
		return r.plain(cachedir.Uncacheable, "no-cache is set")
	}
	dir, err := r.e.store()
	if err != nil {
		return r.withoutStore(err)
	}
	r.dir = dir
	if err := r.capture(); err != nil {
		return r.uncapturable(err)
	}
	defer r.input.close()

	found := r.look(fresh)
	if found != nil {
		return r.replay(found, cachedir.Hit)
	}
	r.explain()
	if r.req.CachedOnly {
		return r.outcome(cachedir.Declined), &NotCachedError{Reason: r.reason, Detail: r.detail}
	}
	if r.req.ReadOnly {
		return r.plain(r.reason, "read-only is set")
	}
	return r.share()
}

// withoutStore answers when there is no usable cache directory (P8, P14).
func (r *run) withoutStore(err error) (Outcome, error) {
	r.warn(fmt.Errorf("not cached: %w", err))
	if r.req.CachedOnly {
		return r.outcome(cachedir.Declined), &NotCachedError{Reason: cachedir.Uncacheable, Detail: err.Error()}
	}
	return r.plain(cachedir.Uncacheable, "no cache directory")
}

// capture turns the request into a recipe, reading stdin first where it belongs to the key.
func (r *run) capture() error {
	if r.req.FeedStdin {
		in, err := readInput(r.req.Stdin)
		r.input = in
		if err != nil {
			return &hashing.InputError{Path: "standard input", Err: err}
		}
		r.req.Spec.Stdin = &in.digest
	}
	recipe, err := hashing.Capture(r.req.Spec, r.dir.Digests())
	r.recipe = recipe
	return err
}

// uncapturable answers when no recipe could be made. What the caller got wrong is an error and nothing runs; what
// the world got wrong (an input that cannot be read) costs the caching, not the command.
func (r *run) uncapturable(err error) (Outcome, error) {
	var (
		unreadable *hashing.InputError
		tooLarge   *hashing.TooLarge
	)
	if !errors.As(err, &unreadable) && !errors.As(err, &tooLarge) {
		r.input.close()
		return r.outcome(cachedir.Declined), err
	}
	defer r.input.close()
	r.warn(fmt.Errorf("not cached: %w", err))
	if r.req.CachedOnly {
		return r.outcome(cachedir.Declined), &NotCachedError{Reason: cachedir.Uncacheable, Detail: err.Error()}
	}
	return r.plain(cachedir.Uncacheable, "")
}

// plain runs the command as if cachex were not there: its own descriptors, no capture, nothing stored or shared.
func (r *run) plain(reason cachedir.Reason, why string) (Outcome, error) {
	if r.reason == "" {
		r.reason = reason
	}
	c, err := r.command()
	if err != nil {
		return r.outcome(cachedir.Declined), err
	}
	res, err := runner.Run(c)
	if err != nil {
		return r.outcome(cachedir.Declined), err
	}
	out := r.ran(res)
	out.Served, out.NotStored = cachedir.Bypassed, why
	return out, delivered(res)
}

// outcome is the part of an Outcome that every way out shares.
func (r *run) outcome(s cachedir.Served) Outcome {
	return Outcome{Served: s, Reason: r.reason, Detail: r.detail, Key: r.recipe.Key, Warning: r.warning}
}

// ran is the outcome of a command that ended now.
func (r *run) ran(res runner.Result) Outcome {
	out := r.outcome(cachedir.Missed)
	out.Code, out.Signal, out.Took = res.Code, res.Signal, res.Ended.Sub(res.Started)
	return out
}

// delivered turns a cut delivery into the caller's error. A reader that went away is not one: the command was told
// by SIGPIPE, and its own end is the answer.
func delivered(res runner.Result) error {
	if res.Cut == nil || isBrokenPipe(res.Cut) {
		return nil
	}
	return &DeliveryError{Err: res.Cut}
}
