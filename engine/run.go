package engine

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// run is one request on its way through the house: it decides what is done, in which order. What is known on the way
// belongs to its parts, each of which is given those above it that it needs, and none the run:
//
//	caller      who wants a result: request, streams, clocks
//	remarks     what there is to be said besides the result
//	inputs      what the result depends on, as far as it is known: recipes, words, stdin
//	tiers       the same cache on other machines
//	lookup      what the caller may be answered with, and why that is nothing
//	output      what he has got already, of a run that he followed
//	encloser    the run that this one is part of
//	queue       while this run waits for another one: the lock, and a follower of what that one publishes
//	recording   while it leads: its output on the way into the store
//	background  when it is over: this program again, for a refresh or an upload
type run struct {
	e        *Engine
	caller   *caller
	dir      *cachedir.Dir // nil: there is none that can be used
	remarks  remarks
	inputs   *inputs
	tiers    *tiers
	lookup   *lookup
	output   output
	encloser *encloser // the run that this one is part of; nil: there is none to report to
}

// newRun is a run that knows no store yet.
func newRun(e *Engine, c *caller) *run {
	r := &run{e: e, caller: c, output: output{caller: c, screen: newScreen(c)}}
	r.useStore(nil)
	return r
}

// useStore makes ready what is asked of a store. Without one a command can only be run.
func (r *run) useStore(dir *cachedir.Dir) {
	r.dir = dir
	r.inputs = newInputs(r.caller, dir, &r.remarks)
	r.tiers = newTiers(r.caller, r.inputs)
	r.lookup = &lookup{caller: r.caller, dir: dir, inputs: r.inputs, tiers: r.tiers, remarks: &r.remarks}
}

// doAndLog answers the request, and enters that into the journal.
func (r *run) doAndLog() (Outcome, error) {
	r.encloser, r.remarks.doubt = r.e.findEncloser(r.caller.Request)
	r.caller.recorded = r.encloser != nil
	defer r.encloser.close()
	out, err := r.do()
	if gaveUp := r.caller.ctx.Err(); gaveUp != nil && err == nil && (out.Code != 0 || out.Signal != 0) {
		err = gaveUp // which is why it was killed, as far as can be told
	}
	out.Doubt = r.remarks.doubt
	if err == nil {
		out.Copy = r.lookup.copyOf(out)
	}
	var uncached *NotCachedError
	if errors.As(err, &uncached) || errors.Is(err, ErrNothingYet) {
		r.encloser.report(report{NoStore: "a nested run had nothing to replay"})
	}
	r.log(out, err)
	return out, err
}

// do answers it: without the cache where that is wished or nothing else will do.
func (r *run) do() (Outcome, error) {
	if err := passOverWrappers(&r.caller.Spec, r.caller.Running); err != nil {
		return r.outcome(stats.Declined), err
	}
	switch {
	case len(r.caller.PurgeTags) > 0 && r.caller.CachedOnly: // of which one may come from a rule
		err := fmt.Errorf("it purges %s", strings.Join(r.caller.PurgeTags, ", "))
		return r.uncached(err, err.Error())
	case len(r.caller.PurgeTags) > 0:
		r.caller.passStdin = true
		return r.write()
	case r.caller.NoCache && (r.caller.NoWait || r.caller.CachedOnly):
		return r.uncached(errNoCache, errNoCache.Error())
	case r.caller.NoCache:
		r.caller.passStdin = true
		return r.plain(stats.Uncacheable, errNoCache.Error())
	case r.caller.Trouble != nil:
		r.remarks.warn(fmt.Errorf("not cached: %w", r.caller.Trouble))
		return r.uncached(r.caller.Trouble, "")
	case r.caller.interactive():
		r.caller.passStdin = true
		return r.uncached(errInteractive, errInteractive.Error())
	}
	if r.caller.Spec.Trace != nil && r.caller.isObserved() {
		return r.uncached(errObserved, errObserved.Error())
	}
	if err := r.caller.unmet(); err != nil {
		r.caller.passStdin = true
		return r.uncached(err, err.Error())
	}
	dir, err := r.e.store()
	if err != nil {
		return r.withoutStore(err)
	}
	r.useStore(dir)
	return r.fromCache()
}

// fromCache answers from the store, or as a miss.
func (r *run) fromCache() (Outcome, error) {
	defer r.lookup.dropFallback()
	defer r.tiers.close()
	if err := r.inputs.capture(); err != nil {
		return r.uncapturable(err)
	}
	defer r.inputs.stdin.close()
	if r.caller.Refresher != nil {
		return r.refresh()
	}
	found, err := r.lookup.local(servable)
	if err != nil {
		return r.uncapturable(err)
	}
	r.inputs.doubtKey()
	if found == nil || exitNumber(found) != 0 {
		r.lookup.seekFallback()
	}
	switch {
	case found != nil && r.caller.Warm:
		found.Close()
		return r.outcome(stats.Declined), nil
	case found != nil:
		return r.serve(found)
	}
	return r.missed()
}

// missed answers what the store has no result for.
func (r *run) missed() (Outcome, error) {
	r.lookup.explain()
	if !r.caller.NoWait { // whose miss makes nothing now
		r.inputs.doubtMiss()
	}
	if r.inputs.loosen() {
		if _, err := r.lookup.local(nothing); err != nil {
			return r.uncapturable(err)
		}
	}
	switch {
	case r.caller.Warm:
		return r.warm()
	case r.caller.NoWait:
		return r.missedAtOnce()
	case r.caller.CachedOnly:
		return r.cachedOnly()
	case r.caller.ReadOnly:
		return r.readOnly()
	}
	return r.share(newQueue(r))
}

// readOnly answers a miss of the local store from the tiers, or runs the command. Neither is stored.
func (r *run) readOnly() (Outcome, error) {
	if found := r.lookup.inTiers(servable); found != nil {
		return r.serve(found)
	}
	if failure := r.tiers.fleet().Failure(); failure != nil && r.caller.TiersRequired {
		r.remarks.warning = nil // the error says it
		return r.outcome(stats.Declined), &TierError{failure}
	}
	return r.plain(r.lookup.miss.reason, "read-only is set")
}

// cachedOnly answers a miss of the local store from the tiers, or not at all.
func (r *run) cachedOnly() (Outcome, error) {
	if found := r.lookup.inTiers(servable); found != nil {
		return r.serve(found)
	}
	return r.outcome(stats.Declined), r.lookup.notCached()
}

// serve answers with an entry: at once if it is fresh, and with a refresh in the background if it is not.
func (r *run) serve(e *cachedir.Entry) (Outcome, error) {
	if r.lookup.prefersFallback(e) {
		return r.serveInsteadOf(e)
	}
	if fresh(r.lookup.reader(), e).ok() && !r.lookup.reader().early(e) && !r.lookup.unasked {
		if verifies(r) {
			return verify(r, e)
		}
		return r.replay(e, stats.Hit)
	}
	return r.serveStale(e)
}

// withoutStore answers when there is no usable cache directory (P8, P14).
func (r *run) withoutStore(err error) (Outcome, error) {
	r.remarks.warn(fmt.Errorf("not cached: %w", err))
	return r.uncached(err, "no cache directory")
}

var (
	errNoCache  = errors.New("no-cache is set")
	errObserved = errors.New("it is part of a run that is observed")
)

// uncached answers what cannot be cached: the command runs, unless that was not wanted.
func (r *run) uncached(err error, why string) (Outcome, error) {
	switch {
	case r.caller.NoWait:
		r.lookup.miss = verdict{stats.Uncacheable, err.Error()}
		return r.nothingYet()
	case r.caller.CachedOnly:
		return r.outcome(stats.Declined), &NotCachedError{Reason: stats.Uncacheable, Detail: err.Error()}
	case r.caller.Warm || r.caller.Refresher != nil:
		return r.outcome(stats.Declined), nil // a run whose result nobody gets has no use
	}
	return r.plain(stats.Uncacheable, why)
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
		defer r.inputs.stdin.close()
		return r.uncached(err, err.Error())
	}
	if !errors.As(err, &unreadable) && !errors.As(err, &tooLarge) {
		r.inputs.stdin.close()
		return r.outcome(stats.Declined), err
	}
	defer r.inputs.stdin.close()
	r.remarks.warn(fmt.Errorf("not cached: %w", err))
	return r.uncached(err, "")
}

// plain runs the command as if cachex were not there: its own descriptors, no capture, nothing stored or shared. What
// it writes into its control file is read by nobody but an enclosing run.
func (r *run) plain(reason stats.Reason, why string) (Outcome, error) {
	if r.lookup.miss.reason == "" {
		r.lookup.miss.reason = reason
	}
	c, err := r.caller.command(r.inputs.recipe.Exe, r.inputs.stdin)
	if err != nil {
		return r.outcome(stats.Declined), err
	}
	if !r.output.restart() {
		c.Hold = r.output.holdRest()
	}
	c.Filter = r.output.screen.live(r.output.any())
	res, err := r.e.execute(r.caller, c)
	if err != nil {
		return r.outcome(stats.Declined), err
	}
	out := r.ran(res)
	out.Served, out.NotStored = stats.Bypassed, why
	r.encloser.report(report{Plain: true})
	return out, cmp.Or(r.caller.delivered(res), r.output.mixed(res))
}

// write runs a command that changes what others have read, and purges their tags if it succeeded.
func (r *run) write() (Outcome, error) {
	dir, unusable := r.e.store()
	r.useStore(dir)
	tags := strings.Join(r.caller.PurgeTags, ", ")
	out, err := r.plain(stats.Uncacheable, "it failed, so "+tags+" is not purged")
	if err != nil || out.Code != 0 || out.Signal != 0 {
		return out, err
	}
	out.NotStored = "it purges " + tags
	for _, tag := range r.caller.PurgeTags {
		if unusable == nil {
			unusable = dir.PurgeTag(tag, false)
		}
	}
	if unusable == nil {
		defer r.tiers.close()
		unusable = r.tiers.fleet().Purge(r.caller.PurgeTags)
	}
	if unusable != nil {
		out.NotStored = tags + " could not be purged"
		out.Warning = fmt.Errorf("results that this command made outdated were not purged: %w", unusable)
	}
	return out, nil
}

// outcome is the part of an Outcome that every way out shares.
func (r *run) outcome(s stats.Served) Outcome {
	miss := r.lookup.miss
	return Outcome{
		Served: s, Reason: miss.reason, Detail: miss.detail, Key: r.inputs.recipe.Key, Warning: r.remarks.warning,
	}
}

// ran is the outcome of a command that ended now.
func (r *run) ran(res runner.Result) Outcome {
	out := r.outcome(stats.Missed)
	out.Code, out.Signal, out.Took = res.Code, res.Signal, res.Ended.Sub(res.Started)
	out.KeptStdin, out.Cut = r.caller.passStdin, res.Interrupted
	return out
}
