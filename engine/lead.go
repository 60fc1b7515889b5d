package engine

import (
	"cmp"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/lock"
	"github.com/cachex-cli/cachex/runner"
)

// lead runs the command into the caller's streams and a pending entry at once, and stores what may be stored. The
// lock is nil where this run leads nobody: after --wait, beside others, or where locks do not work.
//
// What can die, and what is left: during the run, a pending file and a lock file that nobody holds (a waiter takes
// over); between commit and finish, the same lock file beside a good entry (whoever waits looks first, and serves it).
func (r *run) lead(l *lock.Lock) (Outcome, error) {
	c, err := r.caller.command(r.inputs.recipe.Exe, r.inputs.stdin)
	if err != nil {
		return r.notStarted(l, err)
	}
	if l != nil {
		c.Env = setenv(c.Env, heldVariable, lock.ParseHeld(r.caller.Held).With(l))
	}
	r.caller.Tags = withTags(r.caller.Tags, r.lookup.tagsOfOthers)
	r.tiers.fleet().Mark(r.caller.Tags)
	rec := r.record(&c)
	defer rec.discard()
	rec.beginOutputs(&c)
	if found := r.lookup.valueSince(); found != nil {
		rec.discard()
		r.tiers.fleet().Drop()
		return r.answer(l, found, nil)
	}
	r.hold(&c, rec)
	c.Filter = r.output.screen.live(r.output.any())
	if l != nil && r.mayBeFollowed(&c) { // else it is not the run that anybody waits for
		defer rec.publish()()
	}
	rec.observe(&c)
	started := bootNow()
	res, err := r.e.execute(r.caller, c)
	rec.endObserving()
	switch {
	case scarce(err):
		return r.withoutDescriptors(l, rec, err)
	case err != nil:
		return r.notStarted(l, err)
	case res.HoldErr != nil:
		r.remarks.warn(fmt.Errorf("its output could not be held back: %w", res.HoldErr))
	}
	return r.led(l, rec, res, started)
}

// notStarted gives back what this run led with: there is no process.
func (r *run) notStarted(l *lock.Lock, err error) (Outcome, error) {
	finish(l, noteNotStored+err.Error())
	r.tiers.fleet().Drop()
	return r.outcome(stats.Declined), err
}

// led is the end of a run that led: the result is kept, then the lock is given back with a note for those who wait, and
// then the tiers get what is theirs.
func (r *run) led(l *lock.Lock, rec *recording, res runner.Result, started moment) (Outcome, error) {
	out := r.ran(res)
	rec.ended = time.Now()
	if res.Interrupted || res.Cut != nil {
		out.NotStored = "interrupted"
		rec.noteUnstored()
		rec.discard()
		abandon(l) // nothing was learned: one of those who wait takes over
		r.tiers.fleet().Drop()
		r.encloser.report(report{NoStore: "a nested run was interrupted"})
		return out, cmp.Or(r.caller.delivered(res), r.output.mixed(res))
	}
	rec.keep(&out, res, started, asked(l))
	if !out.Stored || out.Code != 0 || out.Signal != 0 {
		rec.noteUnstored()
	}
	rec.discard()
	if out.Stored {
		r.remarks.warn(r.caller.noteTouched(out.Key, out.slot()))
	}
	if out.Stored || r.inputs.learnedMore {
		finish(l, noteStored)
	} else {
		finish(l, noteNotStored+out.NotStored)
	}
	rec.noteRun(&out, res)
	r.push(&out)
	out.Warning = r.remarks.warning
	if res.Dropped && !r.output.any() {
		return r.serveFallback(exitWordsOf(res.Code, res.Signal))
	}
	out.Conditions = storedConditions(r, out)
	return out, r.output.mixed(res)
}

// hold keeps the output of a run back as long as something older would be preferred to its failure, or as it may turn
// out to be something else than what was followed of another run.
func (r *run) hold(c *runner.Command, rec *recording) {
	switch {
	case r.caller.Refresher != nil:
	case !r.output.restart():
		c.Hold = r.output.holdRest()
	case r.lookup.fallback != nil:
		c.Hold = &runner.Hold{Deliver: func(res runner.Result) bool {
			return res.Interrupted || exitNumberOf(res.Code, res.Signal) == 0 || !r.lookup.restoresFallback(rec.before)
		}}
	}
}

// mayBeFollowed says that the output is not held back until the command has succeeded: something older would be printed
// instead of a failure, and then nobody follows either, unless this run has itself followed another. A part of a call
// has all of its output at once.
func (r *run) mayBeFollowed(c *runner.Command) bool {
	return r.caller.Part == nil && (c.Hold == nil || r.output.any())
}

func (r *run) serveInsteadOf(failure *cachedir.Entry) (Outcome, error) {
	if !r.lookup.restoresFallback(nil) {
		return r.replay(failure, r.lookup.served(failure))
	}
	words := exitWords(failure)
	failure.Close()
	return r.serveFallback(words)
}

// serveFallback answers with an old result in place of a failure.
func (r *run) serveFallback(failure string) (Outcome, error) {
	e := r.lookup.fallback
	r.lookup.fallback = nil
	age := Short(r.caller.now().Sub(e.Ended))
	r.remarks.warn(fmt.Errorf("the command %s: this is its result from %s ago", failure, age))
	return r.replay(e, stats.Stale)
}

// withoutDescriptors runs a command that could not be started because the store took the last descriptors: the store
// gives its own back, and the command runs plainly.
func (r *run) withoutDescriptors(l *lock.Lock, rec *recording, cause error) (Outcome, error) {
	rec.discard()
	finish(l, noteNotStored+"too few descriptors")
	r.tiers.fleet().Drop()
	r.dir.Close()
	r.dir = nil
	r.remarks.warn(fmt.Errorf("not cached: %w", cause))
	return r.plain(stats.Uncacheable, "too few descriptors")
}

func scarce(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
