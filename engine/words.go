package engine

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
)

// Words of the command line that name files are inputs, without anybody having said so. So they may be what no input can be:
// files that the command writes, and files that others write all the time. What a word named before a run and after it decides,
// together with what the last run of the command left (the record of the command):
//
//	before    after
//	nothing   a file     made: stored, and found where that file is; not if it was made before from the same, with other bytes
//	a file    the same   stored, whatever its times
//	a file    another    written: not stored, but where an earlier run has made it, and other inputs have changed since
//	a file    nothing    removed: not stored
//
// A file that changes between runs is an edited one, and a new run each time. If it changed twice in a row because something was
// appended, or because it also changed during the runs, caching is of no use: the caller is told, and the word is loose in the
// recipe. Such a result is only for those who waited for it, whatever they saw of the file.

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

// moved counts how often in a row a file has changed that is now in a state, beyond what the command did.
func moved(spec hashing.Spec, past cachedir.CommandWord, now hashing.ArgState) int {
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
	before, after hashing.Recipe         // without and with what the run did, and none of them loose
	past          []cachedir.CommandWord // what the last run left
	asked         bool                   // for past
	moved         map[hashing.ArgFile]int
	loose         bool // some are
}

// lastWords is what the last run of this command left of its words.
func (r *run) lastWords() []cachedir.CommandWord {
	if !r.words.asked {
		record, _ := r.dir.Command(r.base.Command)
		r.words.past, r.words.asked = record.Words, true
	}
	return r.words.past
}

// loosen finds out, after a miss, which words keep changing, and lets them have no say.
func (r *run) loosen() error {
	w := &r.words
	w.moved = map[hashing.ArgFile]int{}
	for _, a := range r.base.Args() {
		if !a.Content {
			continue
		}
		past, known := wordPast(r.lastWords(), a.ArgFile)
		if known {
			w.moved[a.ArgFile] = moved(r.caller.Spec, past, a)
		}
		if w.moved[a.ArgFile] >= often {
			w.loose, r.doubt = true, fmt.Errorf("%s keeps changing; --arg-files=false leaves it to --ttl", a.Show())
		}
	}
	if !w.loose {
		return nil
	}
	r.base = r.loosened(r.base)
	_, err := r.look(nothing)
	return err
}

// loosened lets the words that keep changing have no say in a recipe.
func (r *run) loosened(base hashing.Recipe) hashing.Recipe {
	if !r.words.loose {
		return base
	}
	return base.Loosen(func(f hashing.ArgFile) bool { return r.words.moved[f] >= often })
}

// reword looks at the words anew: another run may have made what they name.
func (r *run) reword() error {
	base, err := hashing.Reword(r.words.before, r.caller.Spec, r.dir.Digests())
	if err == nil {
		r.words.before, r.base = base, r.loosened(base)
	}
	return err
}

// settleWords judges what became of the files that words name, by the table above.
func (r *run) settleWords(after hashing.Recipe) (refused string) {
	rest := r.besidesMade(after)
	for i, b := range after.Args() {
		a := r.base.Args()[i]
		past, _ := wordPast(r.lastWords(), b.ArgFile)
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
func (r *run) besidesMade(after hashing.Recipe) hashing.Digest {
	return after.RestSum(func(f hashing.ArgFile) bool {
		past, _ := wordPast(r.lastWords(), f)
		return past.Made || !r.words.hadBefore(f)
	})
}

// hadBefore reports whether a word named a file when the run began.
func (w *words) hadBefore(f hashing.ArgFile) bool {
	return slices.ContainsFunc(w.before.Args(), func(a hashing.ArgState) bool { return a.ArgFile == f && a.State != "" })
}

// leave is what this run leaves of its words for the next one.
func (r *run) leave() []cachedir.CommandWord {
	w := &r.words
	if w.after.Text == nil {
		return r.lastWords()
	}
	var left []cachedir.CommandWord
	rest := r.besidesMade(w.after)
	for i, b := range w.after.Args() {
		a := w.before.Args()[i]
		past, known := wordPast(r.lastWords(), b.ArgFile)
		if known || a.Content || b.Content {
			left = append(left, cachedir.CommandWord{
				Word: b.Word, Literal: b.Literal, State: b.Sum(), Size: b.Size(), Rest: rest,
				Made: past.Made || a.State == "" && b.Content, During: a.Content && a.State != b.State, Moved: w.moved[b.ArgFile],
			})
		}
	}
	return left
}

// doubtDirectories notes a word whose content has no say, where a result was stored.
func (r *run) doubtDirectories() {
	names := r.caller.Spec.Files
	if r.known != nil {
		names = slices.Concat(names, r.known.Files)
	}
	if dir, found := r.words.before.Uncovered(names); found && r.doubt == nil {
		r.doubt = fmt.Errorf("%s is a directory, and what is in it is not in the key: add --file %s", dir, dir)
	}
}

// seekFallback looks for what is served should the command fail in results of other states of the words: the files may be what
// makes it fail.
func (r *run) seekFallback() {
	if r.caller.StaleIfError == 0 || r.fallback != nil || r.caller.Spec.IgnoreWords {
		return
	}
	record, _ := r.dir.Command(r.base.Command)
	rest := hashing.WithoutArgs(r.recipe.Text)
	for _, run := range record.Runs {
		text, ok := recipeOf(r.dir, run.Key)
		if !ok || !bytes.Equal(hashing.WithoutArgs(text), rest) {
			continue
		}
		if e, err := r.dir.Lookup(run.Key, text, cachedir.Good); err == nil {
			r.keepFallback(e)
		}
	}
}
