package engine

import (
	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// What a tier has under the first recipe of an observed run leads to sets of inputs, each of which it has under a key
// of its own. Which of them is that of this machine is found out here: so they are fetched, the newest first.

// localOrSets looks here, after sets that the redirect leads to and that are not here were fetched.
func (l *lookup) localOrSets(admit judge) (*cachedir.Entry, error) {
	first := &l.inputs.firstRecipe
	if !first.HasSets() {
		return l.local(admit)
	}
	if redirect := l.dir.Redirect(first.Key, first.Text); redirect != nil {
		l.fetchSets(redirect.Sets, admit)
		if l.miss.reason == stats.New { // what is different from what others have stored says more
			l.miss = verdict{}
		}
	}
	return l.local(admit)
}

// fetchSets fetches sets until there is one of which all inputs are as they were.
func (l *lookup) fetchSets(sets []hashing.Key, admit judge) {
	for _, set := range sets {
		if l.dir.Has(set, cachedir.Good) || l.dir.Has(set, cachedir.Failed) {
			continue
		}
		if _, found := l.tiers.fleet().Find(l.querySet(set, admit)); !found {
			continue
		}
		if _, holds := l.inputs.findSet([]hashing.Key{set}); holds {
			return
		}
	}
}

// detachedSet is the result of the first set of which all inputs are as they were, where nothing may be stored.
func (l *lookup) detachedSet(sets []hashing.Key, admit judge) *cachedir.Entry {
	for _, set := range sets {
		e, found := l.tiers.fleet().Find(l.querySet(set, admit))
		if !found || e == nil {
			continue
		}
		if l.inputs.isAsSeen(set, e.Recipe) == "" {
			return e
		}
		e.Close()
	}
	return nil
}
