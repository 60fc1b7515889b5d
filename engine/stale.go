package engine

import (
	"errors"
	"fmt"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/lock"
)

// An old answer is served at once, and one process renews it. Whoever gets the lock of the recipe starts that process
// and hands it the lock: the same open file, which the kernel frees when the process ends, however it ends. So there
// are never two refreshes of one recipe, a killed one leaves nothing behind but the old answer, and the next caller
// starts another.

// serveStale answers with an old result, and sees to it that it is renewed. Who does not get the lock need not: the one
// who has it runs the command.
func (r *run) serveStale(e *cachedir.Entry) (Outcome, error) {
	how := stats.Hit // it is refreshed early
	if v := fresh(r.lookup.reader(), e); !v.ok() {
		how, r.lookup.miss = stats.Stale, v
	}
	if r.caller.CachedOnly || r.caller.ReadOnly {
		return r.replay(e, how)
	}
	l, ok := r.background().tryLock(r.dir.LockFile(r.inputs.recipe.Key))
	if !ok {
		return r.replay(e, how)
	}
	again, newer := r.lookup.newerThan(e)
	if newer {
		finish(l, noteStored) // somebody has renewed it before we had the lock
		if r.lookup.prefersFallback(again) {
			return r.serveInsteadOf(again)
		}
		return r.replay(again, stats.Hit)
	}
	started := r.background().refresh(l, again.Merged)
	out, err := r.replay(again, how)
	out.Refreshed = started
	return out, err
}

// warm starts a run in the background, unless one is under way.
func (r *run) warm() (Outcome, error) {
	if r.caller.CachedOnly || r.caller.ReadOnly {
		return r.outcome(stats.Declined), nil
	}
	l, err := lock.Try(r.dir.LockFile(r.inputs.recipe.Key), r.caller.about())
	if errors.Is(err, lock.ErrBusy) {
		return r.outcome(stats.Declined), nil
	}
	if err != nil && !errors.Is(err, lock.ErrUnsupported) {
		r.remarks.warn(fmt.Errorf("not warmed: %w", err))
		return r.outcome(stats.Declined), nil
	}
	if found, err := r.lookup.local(fresh); err == nil && found != nil {
		found.Close()
		finish(l, noteStored)
		return r.outcome(stats.Declined), nil
	}
	started := r.background().refresh(l, false)
	out := r.outcome(stats.Declined)
	out.Refreshed = started
	return out, nil
}

// refresh is the life of the process that renews: it has the lock already, runs the command for nobody, and stores. If
// the inputs are others by now, the lock is that of a recipe which nobody asks for any more.
func (r *run) refresh() (Outcome, error) {
	if _, err := r.lookup.local(nothing); err != nil {
		return r.outcome(stats.Declined), nil
	}
	if r.caller.Refresher.Uploads {
		return r.pushOnly()
	}
	l, err := r.caller.Refresher.adopt(r.dir.LockFile(r.inputs.recipe.Key), r.caller.about())
	if err != nil && !errors.Is(err, lock.ErrUnsupported) {
		return r.outcome(stats.Declined), nil
	}
	if r.lookup.isFresh() || r.lookup.renewedElsewhere() {
		finish(l, noteStored)
		return r.outcome(stats.Declined), nil
	}
	r.lookup.miss.reason = stats.Expired
	out, err := r.lead(l)
	if err != nil || out.Served != stats.Missed {
		return out, err
	}
	out.Served = stats.Renewed
	if !out.Stored || !r.caller.CacheExit(exitNumberOf(out.Code, out.Signal)) {
		out.Served = stats.Unfresh
	}
	return out, nil
}

// nothing admits no entry: what is wanted of the look is the recipe.
func nothing(reader, *cachedir.Entry) verdict { return verdict{reason: stats.Forced} }
