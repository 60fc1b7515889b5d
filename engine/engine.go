// Package engine decides: replay a stored result, share a running one, or run.
//
// It is the Go library under the command line. It never prints, and reads no flag, no environment variable and no
// configuration: everything arrives in a Request, everything it has to say leaves in an Outcome. Unless a Request says
// that it owns the process, signals and the process's life are left alone.
//
// One call of Do walks through the house like this: capture the recipe; look in the store without a lock (fresh:
// replay); take the lock of the recipe, or wait for who holds it; look again; run the command into the caller's
// streams and a pending entry at once; capture the inputs again; commit or discard; leave a note for who waited.
// A cache that fails at any of these steps costs a warning, never the command's result.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine/fleet"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// Forever as a time to live means that a result never ages out; as a Wait it means no limit.
const Forever = time.Duration(-1)

// Request is one run as the caller wants it.
type Request struct {
	// Spec is what makes identity. Stdin, Vary, Terminal and User are filled in by the engine, and, unless OwnsProcess is set, what
	// this process has in place of an empty Dir and a nil Environ.
	Spec hashing.Spec

	TTL          time.Duration       // how long a result that exited 0 is fresh; 0: only for concurrent callers; Forever
	TTLFail      time.Duration       // the same for other exit codes
	CacheExit    func(code int) bool // exit codes that may be replayed; nil: 0
	Jitter       float64             // shortens each life by up to this part of it, 0 to 1
	Stale        time.Duration       // how long after its life a result is served while one refresh runs (see Self); Forever
	StaleIfError time.Duration       // how long after its life a result is served if the command fails; Forever
	Early        float64             // refresh early, with a probability that grows towards the end of life; 0: never
	Tags         []string            // labels for purging
	Private      bool                // for this user and this machine alone

	// Until is when a result of a run that started then ends its life, whatever readers want; nil: never.
	Until func(started time.Time) time.Time

	Refresh    bool          // run now and replace what is stored
	Warm       bool          // only see to it that a fresh result will be there: in the background, nothing is printed
	CachedOnly bool          // never run
	NoCache    bool          // run, touch nothing, share with nobody
	Trouble    error         // why it cannot be known what the result depends on: as NoCache, with a warning; nil: it can
	ReadOnly   bool          // use entries, also those of tiers, and store none
	PurgeTags  []string      // run, store nothing, and purge these tags if the command succeeds
	Wait       time.Duration // how long to wait for another run of the same recipe, before this one runs beside it; Forever
	Follow     bool          // print what another run writes while waiting for it
	Replay     Replay        // what is printed of a result that was not made now
	FeedStdin  bool          // read stdin whole, put it in the key, feed it to the command
	Vary       []string      // shell texts whose output belongs to the key
	Explain    bool          // the caller wants Outcome.Detail; finding it may read earlier entries

	MinCost    time.Duration // a result of a run that took less is not stored
	MaxEntry   int64         // bytes of output; a result with more is not stored; 0: no limit
	MaxEntries int           // of this scope and namespace; those used longest ago go; 0: no limit

	Tiers         []fleet.Tier // the same cache on other machines, in their order
	TiersRequired bool         // fail, and do not run, when one of them cannot be asked
	Held          string       // what the environment says that ancestors hold
	Running       string       // what it says that they run
	Encloser      string       // the control file of the run that this one is part of; empty: none
	Configuration []string     // where the settings of this request were looked for; only an Encloser learns of it
	Self          Self         // how to start this program again, for a refresh in the background; zero: it is not, and only CachedOnly serves what is stale
	Refresher     *Refresher   // this is such a process
	FreshOnly     bool         // this run is part of a refresh, to which nothing stale is served

	// Restarted is called when a run that was followed at a terminal has no result, before a new one is printed. midLine says
	// that the last line of what was printed has not ended. nil: such a thing is a *MixedError.
	Restarted func(midLine bool)

	// Waiting is called once when waiting for another run takes long; nil: never.
	Waiting func(Wait)

	// Conditions asks for Outcome.Conditions.
	Conditions bool

	Stdin          *os.File  // nil: the null device
	Stdout, Stderr io.Writer // an *os.File is written to as it is; two that are one are written to in order; nil: nobody

	// OwnsProcess says that this process is there for this run alone. Then it ends as the command would have: of a signal, which the
	// command gets while it runs, and of a pipe that nobody reads. Otherwise signals are the caller's, and such a pipe is a
	// *DeliveryError.
	OwnsProcess bool
}

// Outcome is what happened.
type Outcome struct {
	Served     stats.Served
	Reason     stats.Reason  // why it was not a hit; empty for a hit
	Detail     string        // the reason in a person's words: "file go.sum changed"
	Key        hashing.Key   // zero where no recipe could be made
	Code       int           // the command's exit code
	Signal     int           // the signal it died of, or 0
	Age        time.Duration // how old the replayed result is
	Took       time.Duration // how long the command ran, now or when it was recorded
	Saved      time.Duration // how much of that was saved for this caller
	Bytes      int64         // of output
	Stored     bool
	NotStored  string      // why a finished run was not stored
	Unknown    []string    // lines of the command's control file that mean nothing
	Refreshed  bool        // a refresh was started in the background
	Warning    error       // what went wrong with the cache; the command's result stands
	Conditions *Conditions // what a hit rests on; nil: it is none, or was not asked for, or rests on more than that can tell
	Doubt      error       // nothing went wrong, but what the key leaves out may make a later hit a wrong one
	KeptStdin  bool        // the command got the caller's stdin as it is
}

// NotCachedError is what Do returns under CachedOnly when there is nothing to replay.
type NotCachedError struct {
	Reason stats.Reason
	Detail string
}

func (e *NotCachedError) Error() string {
	return "no result to replay: " + explainMiss(e.Reason, e.Detail)
}

// TierError is what Do returns under TiersRequired when a tier cannot be asked.
type TierError struct{ Err error }

func (e *TierError) Error() string { return e.Err.Error() }

func (e *TierError) Unwrap() error { return e.Err }

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

// Close closes the store, if it was opened. Nothing may be asked of the engine then.
func (e *Engine) Close() {
	e.once.Do(func() { e.err = errClosed })
	if e.dir != nil {
		e.dir.Close()
	}
}

var errClosed = errors.New("the engine is closed")

func (e *Engine) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}

// Do serves one request. An engine serves any number of them, also at the same time. The error is nil whenever the command's result was
// delivered. Otherwise it is, to be told by errors.As and errors.Is,
//
//   - *NotCachedError: CachedOnly, and there is nothing to replay
//   - *TierError: TiersRequired, and a tier cannot be asked
//   - *hashing.NotFound, *hashing.NotExecutable, *hashing.PatternError or *runner.StartError: the command could not be started
//   - *DeliveryError: the output was cut, because a stream of the caller failed
//   - *MixedError: part of another run's output was delivered, and that run has come to nothing
//   - context.Canceled or context.DeadlineExceeded: ctx ended first, and the command, if it ran already, was killed
//
// Only with the last three may a command have run.
func (e *Engine) Do(ctx context.Context, req Request) (out Outcome, err error) {
	if err := ctx.Err(); err != nil {
		return Outcome{Served: stats.Declined}, err
	}
	req.setDefaults()
	files, err := openStreams(&req)
	if err != nil {
		return Outcome{Served: stats.Declined}, &DeliveryError{Err: err}
	}
	defer func() {
		if failed := files.close(); failed != nil {
			err = &DeliveryError{Err: failed}
		}
	}()
	r := &run{e: e, ctx: ctx, req: req, io: files, arrived: bootNow(), began: e.now()}
	return r.doAndLog()
}

// setDefaults gives fields that nobody has set the meaning that their comments give them.
func (q *Request) setDefaults() {
	if q.CacheExit == nil {
		q.CacheExit = func(code int) bool { return code == 0 }
	}
	if !q.OwnsProcess && q.Spec.Dir == "" {
		q.Spec.Dir, _ = os.Getwd() // without one, capturing says so
	}
	if !q.OwnsProcess && q.Spec.Environ == nil {
		q.Spec.Environ = os.Environ()
	}
	if q.Self.Path == "" && !q.CachedOnly {
		q.Stale, q.Early = 0, 0
	}
}

func (r *run) doAndLog() (Outcome, error) {
	r.encloser, r.doubt = r.e.findEncloser(&r.req)
	defer r.encloser.close()
	out, err := r.do()
	if gaveUp := r.ctx.Err(); gaveUp != nil && err == nil && (out.Code != 0 || out.Signal != 0) {
		err = gaveUp // which is why it was killed, as far as can be told
	}
	out.Doubt = r.doubt
	var uncached *NotCachedError
	if errors.As(err, &uncached) {
		r.encloser.report(report{NoStore: "a nested run had nothing to replay"})
	}
	r.log(out, err)
	return out, err
}

// run is the state of one request on its way through the house.
type run struct {
	e       *Engine
	ctx     context.Context
	io      *streams
	req     Request
	arrived moment    // P9: results that ended after this were made for us too
	began   time.Time // wall clock, for the journal
	dir     *cachedir.Dir
	base    hashing.Recipe   // of what the caller named
	known   *hashing.Learned // what is known besides, from earlier runs; nil: nothing
	recipe  hashing.Recipe   // base, extended by what is known
	words   words            // what is known of the words that name files
	input   *input
	warning error // the first thing that went wrong: one warning a run
	doubt   error

	reason stats.Reason // why the first look was not a hit
	detail string

	fallback   *cachedir.Entry // what is served if the command fails; nil: nothing
	tiers      *fleet.Fleet    // the caller's, once they were needed; call fleet for them
	otherTags  []string        // of results that this run may replace
	followed   followed        // of a run that was waited for
	encloser   *encloser       // the run that this one is part of; nil: there is none to report to
	notice     waitNotice      // that it waits
	learnedNow bool            // more is known of the recipe's inputs than when this run began
	unrecorded string          // why this run could not be recorded; empty: it was
	keepStdin  bool            // the caller wants no caching of this: the command gets stdin as it is
}

func (r *run) warn(err error) {
	if r.warning == nil && err != nil {
		r.warning = err
	}
}

func (r *run) do() (Outcome, error) {
	if err := passOverWrappers(&r.req.Spec, r.req.Running); err != nil {
		return r.outcome(stats.Declined), err
	}
	switch {
	case len(r.req.PurgeTags) > 0:
		r.keepStdin = true
		return r.write()
	case r.req.NoCache:
		r.keepStdin = true
		return r.plain(stats.Uncacheable, "no-cache is set")
	case r.req.Trouble != nil:
		r.warn(fmt.Errorf("not cached: %w", r.req.Trouble))
		return r.uncached(r.req.Trouble, "")
	case r.interactive():
		r.keepStdin = true
		return r.uncached(errInteractive, errInteractive.Error())
	}
	dir, err := r.e.store()
	if err != nil {
		return r.withoutStore(err)
	}
	r.dir = dir
	defer r.dropFallback()
	defer r.closeTiers()
	if err := r.capture(); err != nil {
		return r.uncapturable(err)
	}
	defer r.input.close()
	if r.req.Refresher != nil {
		return r.refresh()
	}
	found, err := r.look(servable)
	if err != nil {
		return r.uncapturable(err)
	}
	r.doubtKey()
	if found == nil || exitNumber(found) != 0 {
		r.seekFallback()
	}
	switch {
	case found != nil && r.req.Warm:
		found.Close()
		return r.outcome(stats.Declined), nil
	case found != nil:
		return r.serve(found)
	}
	r.explain()
	r.doubtMiss()
	if err := r.loosen(); err != nil {
		return r.uncapturable(err)
	}
	switch {
	case r.req.Warm:
		return r.warm()
	case r.req.CachedOnly:
		return r.cachedOnly()
	case r.req.ReadOnly:
		return r.readOnly()
	}
	return r.share()
}

// readOnly answers a miss of the local store from the tiers, or runs the command. Neither is stored.
func (r *run) readOnly() (Outcome, error) {
	if found := r.fromTiers(servable); found != nil {
		return r.serve(found)
	}
	if failure := r.fleet().Failure(); failure != nil && r.req.TiersRequired {
		r.warning = nil // the error says it
		return r.outcome(stats.Declined), &TierError{failure}
	}
	return r.plain(r.reason, "read-only is set")
}

// cachedOnly answers a miss of the local store from the tiers, or not at all.
func (r *run) cachedOnly() (Outcome, error) {
	if found := r.fromTiers(servable); found != nil {
		return r.serve(found)
	}
	return r.outcome(stats.Declined), &NotCachedError{Reason: r.reason, Detail: r.detail}
}

// serve answers with an entry: at once if it is fresh, and with a refresh in the background if it is not.
func (r *run) serve(e *cachedir.Entry) (Outcome, error) {
	if r.prefersFallback(e) {
		return r.serveInsteadOf(e)
	}
	if fresh(r.reader(), e).ok() && !r.reader().early(e) {
		return r.replay(e, stats.Hit)
	}
	return r.serveStale(e)
}

// withoutStore answers when there is no usable cache directory (P8, P14).
func (r *run) withoutStore(err error) (Outcome, error) {
	r.warn(fmt.Errorf("not cached: %w", err))
	return r.uncached(err, "no cache directory")
}

// uncached answers what cannot be cached: the command runs, unless that was not wanted.
func (r *run) uncached(err error, why string) (Outcome, error) {
	switch {
	case r.req.CachedOnly:
		return r.outcome(stats.Declined), &NotCachedError{Reason: stats.Uncacheable, Detail: err.Error()}
	case r.req.Warm || r.req.Refresher != nil:
		return r.outcome(stats.Declined), nil // a run whose result nobody gets has no use
	}
	return r.plain(stats.Uncacheable, why)
}

// readingLong is how long the inputs may be read before this process learns to die of QUIT as others do: most runs are done
// with it by then.
const readingLong = 20 * time.Millisecond

// capture turns the request into a recipe, reading stdin first where it belongs to the key.
func (r *run) capture() error {
	if r.req.OwnsProcess {
		defer runner.DieOfQuitAfter(readingLong)()
	}
	if r.req.FeedStdin {
		in, err := readInput(r.io.stdin)
		r.input = in
		if err != nil {
			return &hashing.InputError{Path: "standard input", Err: err}
		}
		r.req.Spec.Stdin = &in.digest
	}
	return r.captureRecipe()
}

// captureRecipe makes the recipe of what is known before anything was looked up.
func (r *run) captureRecipe() error {
	recipe, err := r.captureBase()
	r.base, r.recipe, r.words.before = recipe, recipe, recipe
	return err
}

// doubtKey notes what is known to make a trap of this key. It is done before the command runs, which may remove the traces.
func (r *run) doubtKey() {
	names := r.req.Spec.Files
	if r.known != nil {
		names = slices.Concat(names, r.known.Files)
	}
	if file, log, found := r.recipe.Unlogged(names, nil); found {
		r.doubt = fmt.Errorf("file %s: %s beside it is not in the key; add --file %s", file, log, log)
	}
}

// doubtMiss notes what is reported only before a result is made: when it is served it is too late.
func (r *run) doubtMiss() {
	unmatched := r.base.Unmatched()
	switch {
	case r.doubt != nil:
	case len(unmatched) > 0:
		r.doubt = errors.New(unmatched[0].String())
	case r.recipe.SharesRepo() && !r.recipe.HasFiles():
		r.doubt = errors.New("clones of this repository share the result, whatever they hold; name what the command reads with --file")
	}
}

// terminal is the size that a pseudo-terminal of this run has.
func (r *run) terminal() hashing.Size {
	if r.req.Refresher != nil {
		return r.req.Refresher.Terminal
	}
	return hashing.Size(runner.TerminalSize(r.io.stdout, r.io.stderr, r.io.stdin))
}

// captureBase looks at what the caller named.
func (r *run) captureBase() (hashing.Recipe, error) {
	spec := r.req.Spec
	spec.User = r.dir.SharedAs()
	if spec.Pty {
		spec.Terminal = r.terminal()
	}
	var err error
	if spec.Vary, err = VaryOutputs(r.ctx, r.req.Vary, spec, r.req.OwnsProcess); err != nil {
		exe, _ := hashing.LookPath(spec.Argv[0], spec.Dir, spec.Environ, spec.Past...)
		return hashing.Recipe{Exe: exe}, err
	}
	return hashing.Capture(spec, r.dir.Digests())
}

// uncapturable answers when no recipe could be made. What the caller got wrong is an error and nothing runs; what
// the world got wrong (an input that cannot be read) costs the caching, not the command.
func (r *run) uncapturable(err error) (Outcome, error) {
	var (
		unreadable *hashing.InputError
		stream     *hashing.StreamError
		tooLarge   *hashing.TooLarge
	)
	if errors.As(err, &stream) {
		defer r.input.close()
		return r.uncached(err, err.Error())
	}
	if !errors.As(err, &unreadable) && !errors.As(err, &tooLarge) {
		r.input.close()
		return r.outcome(stats.Declined), err
	}
	defer r.input.close()
	r.warn(fmt.Errorf("not cached: %w", err))
	return r.uncached(err, "")
}

// plain runs the command as if cachex were not there: its own descriptors, no capture, nothing stored or shared. What it
// writes into its control file is read by nobody but an enclosing run.
func (r *run) plain(reason stats.Reason, why string) (Outcome, error) {
	if r.reason == "" {
		r.reason = reason
	}
	c, err := r.command()
	if err != nil {
		return r.outcome(stats.Declined), err
	}
	if !r.restart() {
		c.Hold = r.holdRest()
	}
	res, err := runner.Run(c)
	if err != nil {
		return r.outcome(stats.Declined), err
	}
	out := r.ran(res)
	out.Served, out.NotStored = stats.Bypassed, why
	r.encloser.report(report{NoStore: "a nested run was not cached"})
	return out, cmp.Or(r.delivered(res), r.mixed(res))
}

// write runs a command that changes what others have read, and purges their tags if it succeeded.
func (r *run) write() (Outcome, error) {
	dir, unusable := r.e.store()
	r.dir = dir
	tags := strings.Join(r.req.PurgeTags, ", ")
	out, err := r.plain(stats.Uncacheable, "it failed, so "+tags+" is not purged")
	if err != nil || out.Code != 0 || out.Signal != 0 {
		return out, err
	}
	out.NotStored = "it purges " + tags
	for _, tag := range r.req.PurgeTags {
		if unusable == nil {
			unusable = dir.PurgeTag(tag, false)
		}
	}
	if unusable == nil {
		defer r.closeTiers()
		unusable = r.fleet().Purge(r.req.PurgeTags)
	}
	if unusable != nil {
		out.NotStored = tags + " could not be purged"
		out.Warning = fmt.Errorf("results that this command made outdated were not purged: %w", unusable)
	}
	return out, nil
}

// outcome is the part of an Outcome that every way out shares.
func (r *run) outcome(s stats.Served) Outcome {
	return Outcome{Served: s, Reason: r.reason, Detail: r.detail, Key: r.recipe.Key, Warning: r.warning}
}

// ran is the outcome of a command that ended now.
func (r *run) ran(res runner.Result) Outcome {
	out := r.outcome(stats.Missed)
	out.Code, out.Signal, out.Took = res.Code, res.Signal, res.Ended.Sub(res.Started)
	out.KeptStdin = r.keepStdin
	return out
}

// delivered turns a cut delivery into the caller's error. A reader that went away is not one for a process that is there for this
// run alone: the command was told by SIGPIPE, and its own end is the answer.
func (r *run) delivered(res runner.Result) error {
	if res.Cut == nil || r.req.OwnsProcess && isBrokenPipe(res.Cut) {
		return nil
	}
	return &DeliveryError{Err: res.Cut}
}
