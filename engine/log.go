package engine

import (
	"errors"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// log writes the one journal record of this run, after the output was delivered. A journal that cannot be written is
// not worth a warning: it is a lost statistic. What never was a run, because the command line was wrong or the
// program is not there, is not counted.
func (r *run) log(out Outcome, err error) {
	var uncached *NotCachedError
	refused := errors.As(err, &uncached) || errors.Is(err, ErrNothingYet)
	if r.dir == nil || out.Served == stats.Declined && !refused {
		return
	}
	rec := stats.Record{
		Time: r.caller.startTime, Served: out.Served, Reason: out.Reason, Family: r.caller.family(),
		Bytes: out.Bytes, Saved: out.Saved, Command: r.inputs.shortCommand(), Compared: out.compared,
	}
	if out.Served == stats.Missed && out.Reason == stats.Evicted {
		at, _ := r.dir.EvictedAt(r.lookup.missed)
		rec.Regret = rec.Time.Sub(at) < stats.RegretWithin
	}
	switch out.Served {
	case stats.Missed, stats.Bypassed, stats.Renewed, stats.Unfresh:
		rec.Spent = out.Took
	}
	if out.Served == stats.Missed && !out.Stored {
		rec.Reason = stats.Uncacheable // what keeps later runs from being hits matters more than why this was none
	}
	_ = r.dir.Journal.Log(rec)
	if r.caller.MaxEntries > 0 {
		countScope(r.dir, &r.caller.Spec, out.Served)
	}
	if rec.Spent > 0 {
		r.dir.Journal.Fold()
	}
}

// countScope counts an answer under a limit of entries, in the scope's own counts. Whom nobody answered is not counted.
func countScope(dir *cachedir.Dir, spec *hashing.Spec, served stats.Served) {
	scope := ScopeID(spec.Namespace, spec.Scope)
	switch served {
	case stats.Hit, stats.Stale, stats.Shared:
		_ = dir.CountScope(scope, true)
	case stats.Missed:
		_ = dir.CountScope(scope, false)
	}
}
