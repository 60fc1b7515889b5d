package engine

import (
	"errors"

	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/lock"
)

// A prompt wants an answer now. Under NoWait nothing is waited for: no lock, no other run, no tier, no command. What is
// stored is the answer, however old Stale lets it be; where there is nothing, there is none. What is missing or old is
// renewed by one process in the background, as after --stale. What can only be asked of a tier is asked there.

// ErrNothingYet is what Do returns under NoWait when there is nothing to replay.
var ErrNothingYet = errors.New("nothing to replay yet")

// missedAtOnce answers a miss under NoWait, and sees to it that there will be a result.
func (r *run) missedAtOnce() (Outcome, error) {
	if r.caller.CachedOnly || r.caller.ReadOnly {
		return r.nothingYet()
	}
	if r.lookup.reader().inherits() {
		r.remarks.warn(errors.New("not refreshed: the command reads an open file, " +
			"which no process in the background has"))
		return r.nothingYet()
	}
	l, ok := r.background().tryLock(r.dir.LockFile(r.inputs.recipe.Key))
	if !ok {
		return r.nothingYet()
	}
	if found, err := r.lookup.local(servable); err == nil && found != nil {
		finish(l, noteStored) // it was stored before we had the lock
		return r.serve(found)
	}
	return r.promise(l)
}

// damagedAtOnce answers under NoWait when an entry turned out to be damaged.
func (r *run) damagedAtOnce() (Outcome, error) {
	if r.caller.CachedOnly || r.caller.ReadOnly {
		return r.nothingYet()
	}
	l, ok := r.background().tryLock(r.dir.LockFile(r.inputs.recipe.Key))
	if !ok {
		return r.nothingYet()
	}
	return r.promise(l)
}

// promise answers with nothing, and hands the lock to a process that makes a result.
func (r *run) promise(l *lock.Lock) (Outcome, error) {
	started := r.background().refresh(l, r.caller.merged())
	out, err := r.nothingYet()
	out.Refreshed = started
	return out, err
}

// nothingYet is the answer of a run that neither has a result nor waits for one. What makes a trap of its key is told
// with the result.
func (r *run) nothingYet() (Outcome, error) {
	r.remarks.doubt = nil
	return r.outcome(stats.Declined), ErrNothingYet
}
