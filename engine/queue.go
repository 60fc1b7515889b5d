package engine

import (
	"context"
	"errors"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/lock"
	"github.com/cachex-cli/cachex/runner"
)

// queue is where a run stands that waits for others of its recipe. It prints meanwhile what they publish, if the caller
// is to see that, and tells him if it takes long.
type queue struct {
	caller *caller
	dir    *cachedir.Dir
	inputs *inputs
	lookup *lookup
	output *output
	held   lock.Held // what the environment says that ancestors hold
	notice waitNotice
	waited bool // for another run

	testOnlyWaits func() // is called before it waits; nil: it is not
}

func newQueue(r *run) *queue {
	return &queue{
		caller: r.caller, dir: r.dir, inputs: r.inputs, lookup: r.lookup, output: &r.output,
		held: lock.ParseHeld(r.caller.Held), testOnlyWaits: r.e.testOnlyWaits,
	}
}

// acquire tries for the lock and waits if somebody has it. A nil lock with a nil error means that its holder
// finished, and note is what it left.
func (q *queue) acquire(place lock.File) (l *lock.Lock, note []byte, err error) {
	l, err = lock.Try(place, q.caller.about())
	if !errors.Is(err, lock.ErrBusy) {
		return l, nil, err
	}
	q.waited = true
	held := q.heldByParents()
	if held.Holds(place) {
		return nil, nil, lock.ErrDeadlock
	}
	ctx := q.caller.ctx
	if q.caller.Wait != Forever {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, q.caller.Wait)
		defer cancel()
	}
	defer q.caller.dieOnSignals()()
	defer q.tellWaiting(place)()
	q.caller.waits()
	if q.testOnlyWaits != nil {
		q.testOnlyWaits()
	}
	f := q.follow()
	l, note, err = lock.Wait(ctx, place, held, q.caller.about(), q.askedTags()...)
	if !f.stop(stuck) { // its reader has stopped: that must not hold up who waits for the lock
		abandon(l)
		f.stop(0)
		if l != nil {
			return q.acquire(place)
		}
	}
	return l, note, err
}

// askedTags are the tags that who waits writes into the record of the lock: none where the directory is encrypted, for
// the record is not. Who waited for a result without them runs the command again.
func (q *queue) askedTags() []string {
	if q.dir.Encrypts() {
		return nil
	}
	return q.caller.Tags
}

// follow starts copying if this caller is to see the runs that it waits for.
func (q *queue) follow() *follower {
	if !q.follows() {
		return nil
	}
	return startFollower(q.output, func() (*cachedir.Tail, bool) { return q.dir.Follow(q.inputs.recipe.Key) })
}

// follows reports whether what is under way now is for this caller to see. Unless it asked, it has to be the run of a
// command that is known.
func (q *queue) follows() bool {
	if !q.wantsToFollow() || q.caller.Follow {
		return q.wantsToFollow()
	}
	_, known := q.dir.Command(q.inputs.recipe.Command)
	return known
}

// wantsToFollow reports whether what another run writes is of use to this caller. What --refresh waits for is not what
// it will get, where something older would be preferred to a failure nobody knows yet, who does not want all of a
// stored result printed does not want it sooner, and files come before what is printed.
func (q *queue) wantsToFollow() bool {
	if q.caller.Refresh || q.lookup.fallback != nil || q.caller.replays() != ReplayAll || q.caller.makesFiles() {
		return false
	}
	return q.caller.Follow || runner.IsTerminal(q.caller.io.stdout)
}
