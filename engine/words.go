package engine

import (
	"fmt"
	"slices"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
)

// Words of the command line that name files are inputs, without anybody having said so. So they may be what no input
// can be: files that the command writes, and files that others write all the time. What a word named before a run and
// after it decides, together with what the last run of the command left (the record of the command):
//
//	before    after
//	nothing   a file     made: stored, and found where that file is; not if it was made before from the same, with
//	                     other bytes
//	a file    the same   stored, whatever its times
//	a file    another    written: not stored, but where an earlier run has made it, and other inputs have changed since
//	a file    nothing    removed: not stored
//
// A file that changes between runs is an edited one, and a new run each time. If it changed twice in a row because
// something was appended, or because it also changed during the runs, caching is of no use: the caller is told, and the
// word is loose in the recipe. Such a result is only for those who waited for it, whatever they saw of the file.

// often is how many changes in a row, that are not the command's, make a word loose.
const often = 2

// wordPast is what the last run left of a word.
func wordPast(words []cachedir.CommandWord, f hashing.ArgFile) (past cachedir.CommandWord, known bool) {
	for _, w := range words {
		if w.Word == f.Word && w.Literal == f.Literal {
			return w, true
		}
	}
	return past, false
}

// changesInARow counts how often in a row a file has changed that is now in a state, beyond what the command did.
func changesInARow(spec hashing.Spec, past cachedir.CommandWord, now hashing.ArgState) int {
	if !now.Content || now.Sum() == past.State {
		return 0
	}
	n := 0
	if past.During {
		n = past.Moved + 1
	}
	if now.Grew(spec, past.Size, past.State) {
		n = max(n, past.Moved) + 1
	}
	return n
}

// words is what a run knows of the words that name files.
type words struct {
	lastRun                   func() []cachedir.CommandWord // what the last run of this command left of them
	recipeBefore, recipeAfter hashing.Recipe                // without and with what the run did, and none of them loose
	changesInARow             map[hashing.ArgFile]int
	haveLoose                 bool
}

// findLoose finds out which words keep changing. The error says that of the last one that does; nil: none does.
func (w *words) findLoose(spec hashing.Spec, args []hashing.ArgState) (doubt error) {
	w.changesInARow = map[hashing.ArgFile]int{}
	for _, a := range args {
		if !a.Content {
			continue
		}
		if past, known := wordPast(w.lastRun(), a.ArgFile); known {
			w.changesInARow[a.ArgFile] = changesInARow(spec, past, a)
		}
		if w.changesInARow[a.ArgFile] >= often {
			w.haveLoose = true
			doubt = fmt.Errorf("%s keeps changing; --arg-files=false leaves it to --ttl", a.Show())
		}
	}
	return doubt
}

// loosened lets the words that keep changing have no say in a recipe.
func (w *words) loosened(base hashing.Recipe) hashing.Recipe {
	if !w.haveLoose {
		return base
	}
	return base.Loosen(func(f hashing.ArgFile) bool { return w.changesInARow[f] >= often })
}

// settle judges what became of the files that words name, by the table above. recipe is that of the beginning.
func (w *words) settle(recipe, after hashing.Recipe) (refused string) {
	rest := w.besidesMade(after)
	for i, b := range after.Args() {
		a := recipe.Args()[i]
		past, _ := wordPast(w.lastRun(), b.ArgFile)
		another := past.Rest != rest // inputs than in the last run
		switch {
		case a.Unsure || b.Unsure:
			return b.Show() + " changed while it was looked at"
		case a.State == b.State:
		case b.State == "":
			return b.Show() + " is removed by the command"
		case b.Content && a.State == "" && (!past.Made || another || b.Sum() == past.State):
		case b.Content && past.Made && (another || b.Sum() == past.State):
		default:
			return b.Show() + " is written by the command"
		}
	}
	return ""
}

// besidesMade is a digest over all that a recipe says but of files that this command makes.
func (w *words) besidesMade(after hashing.Recipe) hashing.Digest {
	return after.RestSum(func(f hashing.ArgFile) bool {
		past, _ := wordPast(w.lastRun(), f)
		return past.Made || !w.hadBefore(f)
	})
}

// hadBefore reports whether a word named a file when the run began.
func (w *words) hadBefore(f hashing.ArgFile) bool {
	return slices.ContainsFunc(w.recipeBefore.Args(), func(a hashing.ArgState) bool {
		return a.ArgFile == f && a.State != ""
	})
}

// leave is what this run leaves of its words for the next one.
func (w *words) leave() []cachedir.CommandWord {
	if w.recipeAfter.Text == nil {
		return w.lastRun()
	}
	var left []cachedir.CommandWord
	rest := w.besidesMade(w.recipeAfter)
	for i, b := range w.recipeAfter.Args() {
		a := w.recipeBefore.Args()[i]
		past, known := wordPast(w.lastRun(), b.ArgFile)
		if known || a.Content || b.Content {
			left = append(left, cachedir.CommandWord{
				Word: b.Word, Literal: b.Literal, State: b.Sum(), Size: b.Size(), Rest: rest,
				Made:   past.Made || a.State == "" && b.Content,
				During: a.Content && a.State != b.State, Moved: w.changesInARow[b.ArgFile],
			})
		}
	}
	return left
}
