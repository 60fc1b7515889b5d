package engine

import (
	"bytes"
	"errors"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// lookup finds a result that the caller may be answered with, and keeps what it has found out on the way.
type lookup struct {
	caller  *caller
	dir     *cachedir.Dir
	inputs  *inputs
	tiers   *tiers
	remarks *remarks

	miss         verdict            // why the first look was not a hit
	missed       hashing.Key        // what was looked for then
	fallback     *cachedir.Entry    // what is served if the command fails; nil: nothing
	tagsOfOthers []string           // tags of results that this run may replace
	redirect     cachedir.EntryFile // the one that was followed last
	refusals     int                // 1: files of a result could not be put in place; more: it was looked again
	unasked      bool               // a tier may know of purges of a result's tags, and is not waited for
}

func (l *lookup) reader() reader {
	return l.caller.reader(func() bool { return l.inputs.firstRecipe.HasDescriptors() })
}

// local reads the slots that this caller may be answered from, without a lock, and returns the youngest entry that
// the judge admits. With none it returns nil, and the reason of the first look is kept: later ones, after a lock,
// say less. The caller closes the entry.
//
// The first slot may hold a redirect: then the recipe is extended by what earlier runs have learned, and the slots of
// that recipe are read. After every wait this is done anew, for more may have been learned meanwhile.
func (l *lookup) local(admit judge) (*cachedir.Entry, error) {
	l.inputs.forgetLearned()
	defer l.inputs.closeSet()
	best, why := l.slots(admit)
	switch learned := l.inputs.learned; {
	case learned == nil:
	case len(learned.Sets) > 0:
		if difference, found := l.inputs.findSet(learned.Sets); found {
			best, why = l.slots(admit)
		} else {
			why = notAsSeen(difference)
		}
	default:
		if err := l.inputs.extend(learned); err != nil {
			return nil, err
		}
		best, why = l.slots(admit)
	}
	if best == nil && l.caller.makesFiles() && l.inputs.learned == nil {
		var whyMade verdict
		best, whyMade = l.asMade(admit)
		why = moreTelling(why, whyMade)
	}
	if best == nil && l.miss.reason == "" {
		l.miss, l.missed = why, l.inputs.recipe.Key
	}
	return best, nil
}

// slots reads the two slots of the recipe. A redirect in the first ends it.
func (l *lookup) slots(admit judge) (best *cachedir.Entry, why verdict) {
	for _, slot := range [...]cachedir.Slot{cachedir.Good, cachedir.Failed} {
		e, err := l.read(slot)
		if err != nil {
			why = moreTelling(why, l.unreadable(err))
			continue
		}
		if e.Learned != nil && l.inputs.learned == nil {
			l.inputs.learned, l.redirect = e.Learned, e.File()
			e.Touch()
			e.Close()
			return nil, verdict{}
		}
		v := admit(l.reader(), e)
		if v.ok() && slot == cachedir.Failed && l.fallback != nil && !e.Ended.After(l.fallback.Ended) {
			v = verdict{stats.Expired, "the run after it succeeded"}
		}
		switch soft, stands := l.syncTags(e, v); {
		case !stands:
			v = verdict{stats.Purged, "a tag was purged on another host, or that cannot be told"}
		case soft:
			e.Soft = true
			v = admit(l.reader(), e)
		}
		switch {
		case !v.ok():
			why = moreTelling(why, v)
			l.keepTags(e.Tags)
			l.keepFallback(e)
		case best != nil && !e.Ended.After(best.Ended):
			e.Close()
		default:
			if best != nil {
				l.keepFallback(best)
			}
			best = e
		}
		if best != nil && !l.caller.admitsFailures() {
			break // the failed slot could only be read in vain
		}
	}
	return best, why
}

// read reads a slot of the recipe, unless that was done to find the recipe.
func (l *lookup) read(slot cachedir.Slot) (*cachedir.Entry, error) {
	if e := l.inputs.takeSet(slot); e != nil {
		return e.Admit(l.inputs.recipe.Text)
	}
	return l.dir.Lookup(l.inputs.recipe.Key, l.inputs.recipe.Text, slot)
}

// afterLock looks again behind a lock. If nobody was waited for, sets of inputs that were compared just before are not
// compared again.
func (l *lookup) afterLock(admit judge, waited bool) (*cachedir.Entry, error) {
	l.inputs.compared.justNow = !waited
	defer func() { l.inputs.compared.justNow = false }()
	return l.afterWait(admit)
}

// afterWait looks after a wait: what words name may have been made meanwhile, by the run that was waited for.
func (l *lookup) afterWait(admit judge) (*cachedir.Entry, error) {
	if err := l.inputs.reword(); err != nil {
		return nil, err
	}
	return l.local(admit)
}

// newerThan looks for a newer result than an old one, which it returns if there is none. Of the two the other is
// closed.
func (l *lookup) newerThan(old *cachedir.Entry) (e *cachedir.Entry, newer bool) {
	key := l.inputs.recipe.Key
	found, err := l.local(stale)
	if err != nil || found == nil {
		l.inputs.recipe.Key = key
		return old, false
	}
	old.Close()
	return found, fresh(l.reader(), found).ok() && found.Ended.After(old.Ended)
}

// served tells a result that was under way while we waited from one that had been there before.
func (l *lookup) served(e *cachedir.Entry) stats.Served {
	if concurrent(l.reader(), e).ok() {
		return stats.Shared
	}
	return stats.Hit
}

// syncTags makes the purges here that other hosts have made of an entry's tags, and reports whether the entry still
// stands, or was purged softly only now. Counts that cannot be asked for are a miss, and under NoWait left
// to who renews the result. It does not ask for an entry that is not admitted anyway.
func (l *lookup) syncTags(e *cachedir.Entry, v verdict) (soft, stands bool) {
	if len(e.Tags) == 0 || !v.ok() {
		return false, true
	}
	if l.caller.NoWait {
		l.unasked = !l.tiers.fleet().Synced(e.Tags)
	} else if !l.tiers.fleet().Sync(e.Tags) {
		return false, false
	}
	soft, err := l.dir.CheckTags(e.Meta)
	return soft && !e.Soft, err == nil
}

// keepFallback keeps an entry that may be served should the command fail, and closes any other.
func (l *lookup) keepFallback(e *cachedir.Entry) {
	if !ifError(l.reader(), e).ok() || l.fallback != nil && !e.Ended.After(l.fallback.Ended) {
		e.Close()
		return
	}
	l.dropFallback()
	l.fallback = e
}

func (l *lookup) dropFallback() {
	if l.fallback != nil {
		l.fallback.Close()
		l.fallback = nil
	}
}

// seekFallback looks for what is served should the command fail in results of other states of the words: the files may
// be what makes it fail.
func (l *lookup) seekFallback() {
	if l.caller.StaleIfError == 0 || l.fallback != nil || l.caller.Spec.IgnoreWords {
		return
	}
	record, _ := l.dir.Command(l.inputs.firstRecipe.Command)
	rest := hashing.WithoutArgs(l.inputs.recipe.Text)
	for _, run := range record.Runs {
		text, ok := recipeOf(l.dir, run.Key)
		if !ok || !bytes.Equal(hashing.WithoutArgs(text), rest) {
			continue
		}
		if e, err := l.dir.Lookup(run.Key, text, cachedir.Good); err == nil {
			l.keepFallback(e)
		}
	}
}

// prefersFallback says that an entry is a failure, in place of which an old success is to be served.
func (l *lookup) prefersFallback(e *cachedir.Entry) bool {
	return l.fallback != nil && exitNumber(e) != 0
}

// keepTags notes the tags of a result that is not good enough for this caller, and was for another one.
func (l *lookup) keepTags(tags []cachedir.Tag) {
	for _, tag := range tags {
		l.tagsOfOthers = withTags(l.tagsOfOthers, []string{tag.Name})
	}
}

// unreadable names the reason of a miss. Damage is worth a warning only where it is the cache that is broken
// (EIO, EACCES), not where a torn entry will be replaced by this very run.
func (l *lookup) unreadable(err error) verdict {
	var miss *cachedir.Miss
	if !errors.As(err, &miss) {
		l.remarks.warn(err)
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

// notCached says that there is nothing, and why.
func (l *lookup) notCached() error {
	return &NotCachedError{Reason: l.miss.reason, Detail: l.miss.detail}
}

// explain finds out why there was no entry: the reason is counted always, the words are looked up on request.
func (l *lookup) explain() {
	if l.miss.reason != stats.New {
		return
	}
	if !l.caller.Explain && !l.caller.CachedOnly { // a refusal is worth its words
		if record, known := l.dir.Command(l.inputs.recipe.Command); known {
			l.miss.reason = stats.Changed
			for _, run := range record.Runs {
				if run.Key == l.inputs.recipe.Key {
					l.miss.reason = whyGone(l.dir, run).Reason
				}
			}
		}
		return
	}
	w := Explain(l.dir, l.inputs.recipe)
	l.miss = verdict{w.Reason, w.Detail}
}

// valueSince is the value that a name was given after it was looked up last and before this run was recorded: of what
// comes later, the store and the tiers know that this run must not replace it. nil: there is none, or the recipe is not
// that of a name.
func (l *lookup) valueSince() *cachedir.Entry {
	if !l.inputs.named() {
		return nil
	}
	found, err := l.local(either)
	if err != nil || found != nil {
		return found
	}
	if l.tiers.fleet().Watch(l.inputs.firstRecipe.Key) && !l.caller.Refresh {
		return l.inTiers(fresh)
	}
	return nil
}

// isFresh reports whether there is nothing to renew: a tier knows of no purge of the tags of a fresh result. Else it is
// the caller's wish that it is renewed.
func (l *lookup) isFresh() bool {
	if !l.caller.Refresher.Asks {
		return false
	}
	found, err := l.local(fresh)
	if err != nil || found == nil {
		return false
	}
	found.Close()
	return true
}

// renewedElsewhere reports whether another host has renewed the result, or did so while this one waited for it. If not,
// this run leads among all hosts.
func (l *lookup) renewedElsewhere() bool {
	found, err := l.further()
	if err != nil || found == nil {
		return false
	}
	found.Close()
	return true
}
