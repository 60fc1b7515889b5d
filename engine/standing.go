package engine

import (
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
)

// Standing is what a hit rests on besides the recipe.
type Standing struct {
	cachedir.Standing
	NotBefore time.Time // a clock that says less is not believed
	Until     time.Time // the end of its life for this reader; zero: without end
	Alone     bool      // it counts only as long as the other slot is empty
}

// standing says what a hit rests on, to a caller who means to give the same answer again without asking.
func (r *run) standing(e *cachedir.Entry, out Outcome) *Standing {
	q := &r.req
	if !q.Standing || r.known != nil || r.warning != nil || r.doubt != nil || len(q.Tiers) > 0 || q.Early > 0 ||
		q.MaxEntries > 0 || q.Encloser != "" || q.ReadOnly {
		return nil
	}
	s, ok := e.Standing(stats.Record{
		Served: stats.Hit, Family: r.family(), Bytes: out.Bytes, Saved: out.Saved, Time: r.began,
	})
	if !ok {
		return nil
	}
	st := &Standing{Standing: s, NotBefore: e.Ended.Add(-clockSlack), Alone: r.admitsFailures()}
	if end, ends := r.reader().end(e); ends {
		st.Until = end
	}
	return st
}
