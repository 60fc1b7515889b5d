package engine

import (
	"crypto/sha256"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/outputs"
)

// Conditions is what a hit rests on besides the recipe.
type Conditions struct {
	cachedir.Conditions
	NotBefore time.Time // a clock that says less is not believed
	Until     time.Time // the end of its life for this reader; zero: without end
	Alone     bool      // it counts only as long as the other slot is empty

	Before   hashing.Recipe     // of what the caller named
	Recipe   hashing.Recipe     // that, and what the command was seen to use, or has written down
	Redirect cachedir.EntryFile // that leads from the one to the other; zero: they are the same
	Made     *MadeConditions    // nil: it makes no files
}

// MadeConditions is what a hit with files rests on besides.
type MadeConditions struct {
	Strays     string // what must not be there: temporary files of a hit that was killed
	Making     string // what the name of a file begins with that tells others of the files
	Says       string // and what it tells
	PrintedSum uint64 // xxhash64 of what is printed
	Files      []MadeFile
}

// MadeFile is a regular file without holes.
type MadeFile struct {
	outputs.File
	At    int64  // where its contents begin beside the entry
	Sum64 uint64 // xxhash64 of them
}

// conditions says what a hit rests on, to a caller who means to give the same answer again without asking. Where tiers
// were asked they have to be asked again, for the tags of the result, or it was not here yet.
func (l *lookup) conditions(e *cachedir.Entry, out Outcome) *Conditions {
	q := l.caller.Request
	if !q.Conditions || l.remarks.warning != nil || l.remarks.doubt != nil ||
		len(q.Tiers) > 0 && l.tiers.opened != nil || q.Early > 0 ||
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
	c := &Conditions{
		Conditions: of, NotBefore: e.Ended.Add(-clockSlack), Alone: l.caller.admitsFailures(),
		Before: l.inputs.firstRecipe, Recipe: l.inputs.recipe,
	}
	if end, ends := l.reader().end(e); ends {
		c.Until = end
	}
	switch learned := l.inputs.learned; {
	case learned != nil && !l.isAlone(learned), learned == nil && c.Recipe.Key != c.Before.Key:
		return nil
	case learned != nil:
		c.Redirect = l.redirect
	}
	if l.caller.makesFiles() {
		if c.Made = l.madeConditions(e, of.Beside); c.Made == nil {
			return nil
		}
	}
	return c
}

// isAlone reports whether none of the sets that are newer than the one that was found can be found while that is as it
// was.
func (l *lookup) isAlone(learned *hashing.Learned) bool {
	for _, set := range learned.Sets {
		if set == l.inputs.recipe.Key {
			return true
		}
		e := anyOf(l.dir, set)
		if e == nil {
			return false
		}
		e.Close()
		newer, ok := l.inputs.firstRecipe.WithObserved(e.Recipe)
		if !ok || !newer.Excludes(l.inputs.recipe) {
			return false
		}
	}
	return false
}

// madeConditions verifies the files of a result once more, to sum them up in a way that takes less time; nil: there is
// something about them that the short way does not know, or they are more than the caller can use.
func (l *lookup) madeConditions(e *cachedir.Entry, beside cachedir.Beside) *MadeConditions {
	f := filesOf(l.inputs)
	list, err := f.listOf(e)
	few := len(list) <= l.caller.MostFiles && beside.Size <= l.caller.MostFileBytes
	if err != nil || beside.Name == "" || !few || l.caller.FileTimes == outputs.TimesOfRun {
		return nil
	}
	m := &MadeConditions{Strays: f.ledger().Name()}
	m.Making, m.Says = cachedir.MakingFile(l.caller.Spec.Dir, claimOf(l.caller.Spec.Outputs, list).String())
	printed := xxhash.New()
	if e.Replay(printed, printed) != nil {
		return nil
	}
	m.PrintedSum = printed.Sum64()
	contents := e.Contents()
	for _, file := range list {
		at, ok := file.Whole()
		sum, short := sha256.New(), xxhash.New()
		if !ok || file.CopyTo(io.MultiWriter(sum, short), contents) != nil ||
			hashing.Digest(sum.Sum(nil)) != file.Sum {
			return nil
		}
		m.Files = append(m.Files, MadeFile{file, beside.From + at, short.Sum64()})
	}
	return m
}

// storedConditions is what a later hit of what was stored just now will rest on: in a build each command is a hit only
// once before its inputs change.
func storedConditions(r *run, out Outcome) *Conditions {
	if !out.Stored || !r.caller.Conditions || !r.caller.makesFiles() {
		return nil
	}
	e, err := r.lookup.local(fresh)
	if err != nil || e == nil {
		return nil
	}
	defer e.Close()
	out.Saved = out.Took
	return r.lookup.conditions(e, out)
}
