package engine

import (
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
)

// Conditions is what a hit rests on besides the recipe.
type Conditions struct {
	cachedir.Conditions
	NotBefore time.Time // a clock that says less is not believed
	Until     time.Time // the end of its life for this reader; zero: without end
	Alone     bool      // it counts only as long as the other slot is empty
}

// conditions says what a hit rests on, to a caller who means to give the same answer again without asking.
func (r *run) conditions(e *cachedir.Entry, out Outcome) *Conditions {
	q := r.caller.Request
	if !q.Conditions || r.inputs.learned != nil || r.remarks.warning != nil || r.remarks.doubt != nil || len(q.Tiers) > 0 || q.Early > 0 ||
		q.MaxEntries > 0 || q.Encloser != "" || q.ReadOnly {
		return nil
	}
	of, ok := e.Conditions(stats.Record{
		Served: stats.Hit, Family: r.caller.family(), Bytes: out.Bytes, Saved: out.Saved, Time: r.caller.startTime,
	})
	if !ok {
		return nil
	}
	c := &Conditions{Conditions: of, NotBefore: e.Ended.Add(-clockSlack), Alone: r.caller.admitsFailures()}
	if end, ends := r.lookup.reader().end(e); ends {
		c.Until = end
	}
	return c
}
