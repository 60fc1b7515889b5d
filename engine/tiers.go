package engine

import (
	"cmp"
	"errors"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine/fleet"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// What a run has to do with the same cache on other machines: it asks there for what is not here, leads among all
// hosts, and hands on what it has stored.

// tiers are those of the caller. They are made ready when they are first needed.
type tiers struct {
	config fleet.Config
	opened *fleet.Fleet
}

func newTiers(c *caller, in *inputs) *tiers {
	return &tiers{config: fleet.Config{
		Tiers: c.Tiers, ReadOnly: c.ReadOnly, Store: in.dir, Warn: in.remarks.warn, Usual: in.usual,
		Spool: runner.UnnamedFile,
		Clock: clockOf(c.now),
	}}
}

func (t *tiers) fleet() *fleet.Fleet {
	if t.opened == nil {
		t.opened = fleet.New(t.config)
	}
	return t.opened
}

// close gives back what the tiers that were asked hold.
func (t *tiers) close() {
	if t.opened != nil {
		t.opened.Close()
	}
}

// query asks for a result of this run's recipe that the judge admits.
func (l *lookup) query(admit judge) fleet.Query {
	return fleet.Query{
		Run:      runOf(l.inputs.recipe),
		Tags:     l.caller.Tags,
		Failures: l.caller.admitsFailures(),
		Waits:    l.caller.waits,
		Refresh:  l.caller.Refresh,
		Deliver:  func(e *cachedir.Entry) bool { return l.reader().deliverable(e).ok() },
		Admit: func(e *cachedir.Entry) bool {
			ok := admit(l.reader(), e).ok()
			if !ok {
				l.keepTags(e.Tags)
			}
			return ok
		},
	}
}

// querySet asks for a result of a recipe that this run's may turn out to be.
func (l *lookup) querySet(set hashing.Key, admit judge) fleet.Query {
	q := l.query(admit)
	first := &l.inputs.firstRecipe
	q.Run = cachedir.Run{Key: set, Command: first.Command, Recipe: first.Text, Begins: true}
	return q
}

// inTiers is the result of a tier that the judge admits, for a run that waits for nobody; nil: there is none. What is
// found may be the inputs that were learned of the recipe: then the result is that of another one.
func (l *lookup) inTiers(admit judge) *cachedir.Entry {
	for range 2 {
		key := l.inputs.recipe.Key
		detached, found := l.tiers.fleet().Find(l.query(admit))
		if !found {
			return nil
		}
		e, err := l.taken(detached, admit)
		if e != nil || err != nil || l.inputs.recipe.Key == key {
			return e
		}
	}
	return nil
}

// taken returns what was found, or learns from it. If it is not detached, it is in the store.
func (l *lookup) taken(detached *cachedir.Entry, admit judge) (*cachedir.Entry, error) {
	if detached == nil {
		return l.localOrSets(admit)
	}
	if detached.Learned == nil {
		return detached, nil
	}
	defer detached.Close()
	if sets := detached.Learned.Sets; len(sets) > 0 {
		return l.detachedSet(sets, admit), nil
	}
	return nil, l.inputs.extend(detached.Learned)
}

// further looks into the tiers for what the local store has not. The caller holds the lock of the recipe. Without
// an entry this run leads, here and, where a tier can lend a lease, among all hosts.
func (l *lookup) further() (*cachedir.Entry, error) {
	if len(l.caller.Tiers) == 0 {
		return nil, nil
	}
	if !l.caller.Refresh {
		if _, found := l.tiers.fleet().Find(l.query(fresh)); found {
			return l.localOrSets(either)
		}
	}
	if l.leadsHosts() {
		return nil, nil
	}
	return l.localOrSets(either)
}

// leadsHosts makes this run the leader of all hosts, or reports that the result of the host that leads has come.
func (l *lookup) leadsHosts() bool {
	if !l.tiers.fleet().Lends() {
		return true
	}
	defer l.caller.dieOnSignals()()
	switch found, err := l.tiers.fleet().Lead(l.caller.ctx, l.query(fresh), l.caller.Wait); {
	case found:
		return false
	case l.caller.ctx.Err() != nil: // which ends this run before its command starts
	case errors.Is(err, fleet.ErrWaited):
		l.miss = verdict{stats.LockTimeout, "waited " + Short(l.caller.Wait) + " for another host"}
	case err != nil:
		l.miss = verdict{stats.LockTimeout, err.Error()}
	}
	return true
}

// push hands the result of a run to the tiers, and gives back the lease. The caller has its output already, and the
// local lock is free. A tier that is written to in the background gets it from another process.
func (r *run) push(out *Outcome) {
	if len(r.caller.Tiers) == 0 {
		return
	}
	notShared := out.NotStored
	if _, local := hashing.Local(r.inputs.recipe.Text); local {
		notShared = cmp.Or(notShared, cachedir.ErrLocal.Error())
	}
	later := r.tiers.fleet().Publish(published(r.inputs, out.slot()), notShared)
	switch {
	case r.tiers.fleet().Superseded():
		out.Stored, out.NotStored = false, cachedir.ErrSuperseded.Error()
	case later:
		r.background().push(out.slot())
	}
}

// published is the result of a run as it is in the store.
func published(in *inputs, slot cachedir.Slot) fleet.Result {
	p := fleet.Result{Key: in.recipe.Key, Slot: slot, Watched: in.named()}
	if in.learned != nil {
		p.Redirect = &in.firstRecipe.Key
	}
	return p
}

func (out *Outcome) slot() cachedir.Slot {
	if out.Code != 0 || out.Signal != 0 {
		return cachedir.Failed
	}
	return cachedir.Good
}

// pushOnly is the life of such a process. If the inputs are others by now, there may be nothing to push.
func (r *run) pushOnly() (Outcome, error) {
	if _, err := r.lookup.local(nothing); err == nil {
		r.tiers.fleet().PublishBackground(published(r.inputs, r.caller.Refresher.Push))
	}
	return r.outcome(stats.Declined), nil
}
