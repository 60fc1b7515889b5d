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
func (l *lookup) conditions(e *cachedir.Entry, out Outcome) *Conditions {
	q := l.caller.Request
	if !q.Conditions || l.inputs.learned != nil || l.remarks.warning != nil || l.remarks.doubt != nil ||
		len(q.Tiers) > 0 || q.Early > 0 ||
		q.MaxEntries > 0 || q.Encloser != "" || q.ReadOnly {
		return nil
	}
	of, ok := e.Conditions(stats.Record{
		Served: stats.Hit, Family: l.caller.family(), Bytes: out.Bytes, Saved: out.Saved, Time: l.caller.startTime,
		Command: l.inputs.shortCommand(),
	})
	if !ok {
		return nil
	}
	c := &Conditions{Conditions: of, NotBefore: e.Ended.Add(-clockSlack), Alone: l.caller.admitsFailures()}
	if end, ends := l.reader().end(e); ends {
		c.Until = end
	}
	return c
}
