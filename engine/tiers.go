package engine

import (
	"errors"
	"fmt"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine/fleet"
	"github.com/cachex-cli/cachex/runner"
)

// What a run has to do with the same cache on other machines: it asks there for what is not here, leads among all
// hosts, and hands on what it has stored.

// fleet is the caller's tiers.
func (r *run) fleet() *fleet.Fleet {
	if r.tiers == nil {
		r.tiers = fleet.New(fleet.Config{
			Tiers: r.caller.Tiers, ReadOnly: r.caller.ReadOnly, Store: r.dir, Warn: r.remarks.warn, Usual: r.inputs.usual, Spool: runner.UnnamedFile,
			Clock: fleet.Clock{Now: r.caller.now, Boot: func() ([16]byte, int64) { return clockID(), int64(bootNow()) }},
		})
	}
	return r.tiers
}

// closeTiers gives back what the tiers that were asked hold.
func (r *run) closeTiers() {
	if r.tiers != nil {
		r.tiers.Close()
	}
}

// query asks for a result of this run's recipe that the judge admits.
func (r *run) query(admit judge) fleet.Query {
	return fleet.Query{
		Run:      runOf(r.inputs.recipe),
		Tags:     r.caller.Tags,
		Failures: r.caller.admitsFailures(),
		Refresh:  r.caller.Refresh,
		Deliver:  func(e *cachedir.Entry) bool { return r.reader().deliverable(e).ok() },
		Admit: func(e *cachedir.Entry) bool {
			ok := admit(r.reader(), e).ok()
			if !ok {
				r.keepTags(e.Tags)
			}
			return ok
		},
	}
}

// fromTiers is the result of a tier that the judge admits, for a run that waits for nobody; nil: there is none. What is
// found may be the inputs that were learned of the recipe: then the result is that of another one.
func (r *run) fromTiers(admit judge) *cachedir.Entry {
	for range 2 {
		key := r.inputs.recipe.Key
		detached, found := r.fleet().Find(r.query(admit))
		if !found {
			return nil
		}
		e, err := r.taken(detached, admit)
		if e != nil || err != nil || r.inputs.recipe.Key == key {
			return e
		}
	}
	return nil
}

// taken returns what was found, or learns from it. If it is not detached, it is in the store.
func (r *run) taken(detached *cachedir.Entry, admit judge) (*cachedir.Entry, error) {
	if detached == nil {
		return r.look(admit)
	}
	if detached.Learned == nil {
		return detached, nil
	}
	defer detached.Close()
	return nil, r.inputs.extend(detached.Learned)
}

// lookFurther looks into the tiers for what the local store has not. The caller holds the lock of the recipe. Without
// an entry this run leads, here and, where a tier can lend a lease, among all hosts.
func (r *run) lookFurther() (*cachedir.Entry, error) {
	if len(r.caller.Tiers) == 0 {
		return nil, nil
	}
	if !r.caller.Refresh {
		if _, found := r.fleet().Find(r.query(fresh)); found {
			return r.look(either)
		}
	}
	if r.leadsHosts() {
		return nil, nil
	}
	return r.look(either)
}

// leadsHosts makes this run the leader of all hosts, or reports that the result of the host that leads has come.
func (r *run) leadsHosts() bool {
	if !r.fleet().Lends() {
		return true
	}
	defer r.caller.dieOnSignals()()
	switch found, err := r.fleet().Lead(r.query(fresh), r.caller.Wait); {
	case found:
		return false
	case errors.Is(err, fleet.ErrWaited):
		r.reason, r.detail = stats.LockTimeout, "waited "+Short(r.caller.Wait)+" for another host"
	case err != nil:
		r.reason, r.detail = stats.LockTimeout, err.Error()
	}
	return true
}

// push hands the result of a run to the tiers, and gives back the lease. The caller has its output already, and the
// local lock is free. A tier that is written to in the background gets it from another process.
func (r *run) push(out *Outcome) {
	if len(r.caller.Tiers) > 0 && r.fleet().Publish(r.published(out.slot()), out.NotStored) {
		r.pushLater(out.slot())
	}
}

// published is the result of this run as it is in the store.
func (r *run) published(slot cachedir.Slot) fleet.Result {
	p := fleet.Result{Key: r.inputs.recipe.Key, Slot: slot}
	if r.inputs.learned != nil {
		p.Redirect = &r.inputs.firstRecipe.Key
	}
	return p
}

func (out *Outcome) slot() cachedir.Slot {
	if out.Code != 0 || out.Signal != 0 {
		return cachedir.Failed
	}
	return cachedir.Good
}

// pushLater starts a process that pushes to the tiers of the background.
func (r *run) pushLater(slot cachedir.Slot) {
	env := r.apart()
	stdin, err := r.inputs.stdin.again()
	if err == nil {
		err = runner.Detach(runner.Detached{
			Path: r.caller.Self.Path, Argv: r.caller.Self.Argv, Stdin: stdin, Env: setenv(env, RefreshVariable, pushWord+" "+slot.String()),
		})
	}
	if err != nil {
		r.remarks.warn(fmt.Errorf("not uploaded: %w", err))
	}
}

// pushOnly is the life of such a process. If the inputs are others by now, there may be nothing to push.
func (r *run) pushOnly() (Outcome, error) {
	if _, err := r.look(nothing); err == nil {
		r.fleet().PublishBackground(r.published(r.caller.Refresher.Push))
	}
	return r.outcome(stats.Declined), nil
}

// tagsSynced makes the purges here that other hosts have made of an entry's tags, and reports whether the entry still
// stands, or was purged softly only now. Counts that cannot be asked for are a miss. It does not ask for an entry that
// is not admitted anyway.
func (r *run) tagsSynced(e *cachedir.Entry, v verdict) (soft, stands bool) {
	if len(e.Tags) == 0 || !v.ok() {
		return false, true
	}
	if !r.fleet().Sync(e.Tags) {
		return false, false
	}
	soft, err := r.dir.CheckTags(e.Meta)
	return soft && !e.Soft, err == nil
}
