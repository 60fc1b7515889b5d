package engine

import (
	"errors"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
)

// look reads the slots that this caller may be answered from, without a lock, and returns the youngest entry that
// the judge admits. With none it returns nil, and the reason of the first look stays in r: later ones, after a lock,
// say less. The caller closes the entry.
//
// The first slot may hold a redirect: then the recipe is extended by what earlier runs have learned, and the slots of
// that recipe are read. After every wait this is done anew, for more may have been learned meanwhile.
func (r *run) look(admit judge) (*cachedir.Entry, error) {
	r.inputs.forgetLearned()
	best, why := r.slots(admit)
	if r.inputs.learned != nil {
		if err := r.inputs.extend(r.inputs.learned); err != nil {
			return nil, err
		}
		best, why = r.slots(admit)
	}
	if best == nil && r.reason == "" {
		r.reason, r.detail = why.reason, why.detail
	}
	return best, nil
}

// slots reads the two slots of the recipe. A redirect in the first ends it.
func (r *run) slots(admit judge) (best *cachedir.Entry, why verdict) {
	for _, slot := range [...]cachedir.Slot{cachedir.Good, cachedir.Failed} {
		e, err := r.dir.Lookup(r.inputs.recipe.Key, r.inputs.recipe.Text, slot)
		if err != nil {
			why = moreTelling(why, r.unreadable(err))
			continue
		}
		if e.Learned != nil && r.inputs.learned == nil {
			r.inputs.learned = e.Learned
			e.Touch()
			e.Close()
			return nil, verdict{}
		}
		v := admit(r.reader(), e)
		if v.ok() && slot == cachedir.Failed && r.fallback != nil && !e.Ended.After(r.fallback.Ended) {
			v = verdict{stats.Expired, "the run after it succeeded"}
		}
		switch soft, stands := r.tagsSynced(e, v); {
		case !stands:
			v = verdict{stats.Purged, "a tag was purged on another host, or that cannot be told"}
		case soft:
			e.Soft = true
			v = admit(r.reader(), e)
		}
		switch {
		case !v.ok():
			why = moreTelling(why, v)
			r.keepTags(e.Tags)
			r.keepFallback(e)
		case best != nil && !e.Ended.After(best.Ended):
			e.Close()
		default:
			if best != nil {
				r.keepFallback(best)
			}
			best = e
		}
		if best != nil && !r.caller.admitsFailures() {
			break // the failed slot could only be read in vain
		}
	}
	return best, why
}

// keepFallback keeps an entry that may be served should the command fail, and closes any other.
func (r *run) keepFallback(e *cachedir.Entry) {
	if !ifError(r.reader(), e).ok() || r.fallback != nil && !e.Ended.After(r.fallback.Ended) {
		e.Close()
		return
	}
	r.dropFallback()
	r.fallback = e
}

func (r *run) dropFallback() {
	if r.fallback != nil {
		r.fallback.Close()
		r.fallback = nil
	}
}

// unreadable names the reason of a miss. Damage is worth a warning only where it is the cache that is broken
// (EIO, EACCES), not where a torn entry will be replaced by this very run.
func (r *run) unreadable(err error) verdict {
	var miss *cachedir.Miss
	if !errors.As(err, &miss) {
		r.remarks.warn(err)
		return verdict{stats.Corrupt, err.Error()}
	}
	v := verdict{reason: miss.Reason}
	if miss.Err != nil {
		v.detail = miss.Err.Error()
	}
	return v
}

// moreTelling picks, of two reasons, the one that helps a person more: an absent slot says little beside an entry
// that was found and turned down, and damage is worth more words than age.
func moreTelling(a, b verdict) verdict {
	rank := func(v verdict) int {
		switch v.reason {
		case "":
			return 0
		case stats.New:
			return 1
		case stats.Evicted:
			return 2
		case stats.Uncacheable:
			return 3
		case stats.Corrupt, stats.Version:
			return 5
		default:
			return 4
		}
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}
