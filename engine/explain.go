package engine

import (
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// Why is what changed between a recipe and the nearest earlier entry of the same command.
type Why struct {
	Reason  stats.Reason
	Detail  string
	Nearest hashing.Key      // zero when there is none to compare with
	Changes []hashing.Change // what differs from it
}

// NeverStored is the answer for a command of which nothing is known.
func NeverStored() Why {
	return Why{Reason: stats.New, Detail: "this command has not been stored here before"}
}

// Explain says why this recipe would miss, reading earlier entries of its command. An answer that cannot be known
// is "unknown", never a guess.
func Explain(dir *cachedir.Dir, recipe hashing.Recipe) Why {
	record, known := dir.Command(recipe.Command)
	if !known {
		return NeverStored()
	}
	for _, run := range record.Runs {
		if run.Key == recipe.Key {
			return whyGone(dir, run)
		}
	}
	w := Why{Reason: stats.Changed, Detail: "something changed; what is unknown, because the earlier entries are gone"}
	for _, run := range record.Runs { // youngest first: of two equally near ones the younger tells more
		text, ok := recipeOf(dir, run.Key)
		if !ok {
			continue
		}
		changes := hashing.Diff(hashing.BeforeRun(text), hashing.BeforeRun(recipe.Text))
		if w.Nearest == (hashing.Key{}) || len(changes) < len(w.Changes) {
			w.Nearest, w.Changes = run.Key, changes
		}
	}
	switch {
	case len(w.Changes) > 0:
		w.Detail = summary(w.Changes)
	case neverStored(record.Runs):
		w.Detail = "no earlier result was stored: " + record.Runs[0].NotStored
	}
	return w
}

// neverStored says that none of the runs left a result, which is something else than one that is gone.
func neverStored(runs []cachedir.CommandRun) bool {
	for _, run := range runs {
		if run.NotStored == "" {
			return false
		}
	}
	return len(runs) > 0
}

// whyGone answers for a recipe that ran before and has no entry now.
func whyGone(dir *cachedir.Dir, run cachedir.CommandRun) Why {
	w := Why{Reason: stats.New, Detail: "unknown: it ran before, and its entry is gone"}
	switch {
	case run.NotStored != "":
		w.Reason, w.Detail = stats.Uncacheable, "the last result was not stored: "+run.NotStored
	case dir.Has(run.Key, cachedir.Failed):
		w.Reason, w.Detail = stats.Uncacheable, "the last run failed, and --cache-exit leaves that out"
	}
	return w
}

func recipeOf(dir *cachedir.Dir, key hashing.Key) ([]byte, bool) {
	e := anyOf(dir, key)
	if e == nil {
		return nil, false
	}
	e.Close()
	return e.Recipe, true
}

// anyOf loads an entry of a key, whatever has become of it; nil: there is none.
func anyOf(dir *cachedir.Dir, key hashing.Key) *cachedir.Entry {
	for _, slot := range [...]cachedir.Slot{cachedir.Good, cachedir.Failed} {
		if e, err := dir.Load(key, slot); err == nil {
			return e
		}
	}
	return nil
}

// summary fits the changes into the one line of -v: the first three, and how many more.
func summary(changes []hashing.Change) string {
	const most = 3
	var texts []string
	for i, c := range changes {
		if i == most {
			texts = append(texts, "and more")
			break
		}
		texts = append(texts, c.Text)
	}
	return strings.Join(texts, ", ")
}

func explainMiss(reason stats.Reason, detail string) string {
	if detail == "" {
		return string(reason)
	}
	return detail
}

// Look answers, without running or writing anything, what Do would find for this recipe under the freshness rules of
// the request: an empty Reason is a hit. Whether both streams are one file decides that, too.
func Look(dir *cachedir.Dir, recipe hashing.Recipe, req Request) Why {
	files, err := openStreams(&req)
	if err != nil {
		return Why{Reason: stats.Uncacheable, Detail: err.Error()}
	}
	defer func() { _ = files.close() }()
	r := newRun(&Engine{}, &caller{Request: &req, io: files, now: time.Now, arrival: bootNow()})
	r.useStore(dir)
	r.inputs.firstRecipe = recipe
	e, err := r.lookup.local(fresh)
	if err != nil {
		return Why{Reason: stats.Uncacheable, Detail: err.Error()}
	}
	key, miss := r.inputs.recipe.Key, r.lookup.miss
	switch {
	case e != nil:
		defer e.Close()
		return Why{Detail: Short(r.caller.now().Sub(e.Ended)) + " old", Nearest: key}
	case miss.reason == stats.New:
		return Explain(dir, r.inputs.recipe)
	case miss.reason == stats.Evicted: // the record of its command, which Explain reads, may have gone the same way
		key = hashing.Key{}
	}
	return Why{Reason: miss.reason, Detail: explainMiss(miss.reason, miss.detail), Nearest: key}
}
