package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/lock"
)

// The lock of a recipe decides who runs; the notes that its holders leave decide who may stop waiting. A holder that
// ends well unlinks the lock file while it still holds it and leaves a note in it: everybody who was blocked on
// that file reads the note and goes to look at the store, or, when the result could not be stored, runs at once,
// all side by side (P9: nobody waits for more than one run). A holder that is killed, or whose command was
// interrupted, leaves the file where it is and no note: the kernel hands the lock to exactly one of those who
// wait, and that one runs (P10).

const (
	noteStored    = "stored"
	noteNotStored = "not stored: "
)

// share answers a miss: it takes the lock of the recipe or waits for who has it, looks again, and runs if need be. The
// recipe is the most specific one known; if more was learned while this run waited, it goes on under the new key.
func (r *run) share(q *queue) (Outcome, error) {
	for round := 1; ; round++ {
		key := r.inputs.recipe.Key
		place := r.dir.LockFile(key)
		l, note, err := q.acquire(place)
		switch {
		case errors.Is(err, lock.ErrDeadlock) && r.passesOver(q, place):
			return r.startOver(q)
		case errors.Is(err, lock.ErrDeadlock):
			r.remarks.warn(errWaitsForUs)
			return r.plain(stats.Uncacheable, "waiting would never end")
		case errors.Is(err, context.DeadlineExceeded):
			r.lookup.miss = verdict{stats.LockTimeout, "waited " + Short(r.caller.Wait) + " for another run"}
			return r.lead(nil)
		case errors.Is(err, lock.ErrUnsupported):
			if r.dir.OncePerDay("no-locks") {
				const words = "this filesystem has no file locks: caching without sharing concurrent runs"
				r.remarks.warn(fmt.Errorf("%s: %w", words, err))
			}
			return r.lead(nil)
		case err != nil:
			r.remarks.warn(fmt.Errorf("lock: %w", err))
			return r.lead(nil)
		}
		found, err := r.lookup.afterLock(either, q.waited)
		if found == nil && err == nil && l != nil && r.inputs.recipe.Key == key {
			found, err = r.lookup.further()
			if failure := r.tiers.fleet().Failure(); found == nil && failure != nil && r.caller.TiersRequired {
				abandon(l)
				r.tiers.fleet().Drop()
				r.remarks.warning = nil // the error says it
				return r.outcome(stats.Declined), &TierError{failure}
			}
		}
		if err != nil || found != nil {
			return r.answer(l, found, err)
		}
		switch {
		case l == nil && strings.HasPrefix(string(note), noteNotStored):
			return r.besideOthers()
		case r.inputs.recipe.Key != key:
			finish(l, noteStored) // everybody who waits for this key shall derive it anew
			if round == mostRounds {
				return r.lead(nil)
			}
		case l != nil:
			return r.lead(l)
		}
	}
}

var errWaitsForUs = errors.New("this command is already being run by one that waits for it: running it uncached")

// mostRounds is how often a key is derived anew: a file that a word names may change each time.
const mostRounds = 5

// passesOver leaves the program out of the search that an ancestor of this run runs already, if another one has its
// name.
func (r *run) passesOver(q *queue, place lock.File) bool {
	return q.heldByParents().Holds(place) && passOver(&r.caller.Spec, r.inputs.recipe.Exe)
}

// startOver goes on with the recipe of another program.
func (r *run) startOver(q *queue) (Outcome, error) {
	r.inputs.learned = nil
	if err := r.inputs.captureFirst(); err != nil {
		return r.uncapturable(err)
	}
	switch found, err := r.lookup.local(servable); {
	case err != nil:
		return r.uncapturable(err)
	case found != nil:
		return r.serve(found)
	}
	return r.share(q)
}

// replayFound serves what was there after a wait. The failure of a run that was under way is everybody's, unless
// something older is preferred to it.
func (r *run) replayFound(e *cachedir.Entry) (Outcome, error) {
	if r.lookup.prefersFallback(e) {
		return r.serveInsteadOf(e)
	}
	return r.replay(e, r.lookup.served(e))
}

// besideOthers runs a command whose result the last holder could not store. Whoever gets the lock leads, so that
// those who arrive now have one run to wait for; the others run without it.
func (r *run) besideOthers() (Outcome, error) {
	l, err := lock.Try(r.dir.LockFile(r.inputs.recipe.Key), r.caller.about())
	if err != nil {
		return r.lead(nil)
	}
	key := r.inputs.recipe.Key
	found, err := r.lookup.afterWait(either)
	if err != nil || found != nil {
		return r.answer(l, found, err)
	}
	if r.inputs.recipe.Key != key {
		finish(l, noteStored)
		return r.lead(nil)
	}
	return r.lead(l)
}

// answer gives the lock back after a look that ends the run: an entry is there now, or no recipe can be made any more.
func (r *run) answer(l *lock.Lock, found *cachedir.Entry, err error) (Outcome, error) {
	if err != nil {
		abandon(l)
		return r.uncapturable(err)
	}
	finish(l, noteStored)
	return r.replayFound(found)
}

// finish gives a lock back with a note for those who wait. That it fails is harmless: the lock ends with the process.
func finish(l *lock.Lock, note string) {
	if l != nil {
		_ = l.Finish([]byte(note))
	}
}

// asked lists the tags of those who wait for a run: its result is to be purged with theirs.
func asked(l *lock.Lock) []string {
	if l == nil {
		return nil
	}
	return l.Asked()
}

// abandon gives a lock back to who waits.
func abandon(l *lock.Lock) {
	if l != nil {
		_ = l.Abandon()
	}
}
