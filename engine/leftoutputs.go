package engine

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/outputs"
)

// What runs have left where outputs lie decides what a hit may replace there, and whether what a command made is a
// reason to make it again.

// expendable tells what a hit may replace: that of which the key says that it holds that, and what a run of cachex has
// left here. Anything else may be somebody's work: then the command runs, as it would uncached.
func (f files) expendable(before outputs.Before) func(outputs.File, fs.FileInfo) bool {
	left, set := f.left(), hashing.OutputSet(f.Spec.Outputs)
	anyones := map[string]func() map[hashing.Digest]bool{}
	for _, dir := range []string{f.Spec.Dir, ""} {
		anyones[dir] = sync.OnceValue(func() map[hashing.Digest]bool { return f.dir.Made(placeOf(dir, nil)) })
	}
	return func(there outputs.File, info fs.FileInfo) bool {
		return there.Kind == outputs.Regular && f.saysWhat(set, there) || left(there) ||
			anyones[f.begins(there.Name)]()[contentOf(there).sum256()] ||
			before != nil && before.Touched(there.Name, info)
	}
}

// saysWhat reports whether the key says that an output holds what it holds.
func (f files) saysWhat(set hashing.Outputs, there outputs.File) bool {
	path := hashing.OutputPath(f.Spec.Dir, there.Name)
	paths := []string{path}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		paths = append(paths, real)
	}
	return f.recipe.Says(f.Spec, set, there.Name, there.Sum) ||
		f.seen.Says(f.Spec, set, there.Name, there.Sum, paths...)
}

// content is what of a file is lost when it is replaced.
type content struct {
	name   string
	kind   outputs.Kind
	perm   fs.FileMode
	sum    hashing.Digest
	target string
}

// sum256 stands for it where names must not be written down.
func (c content) sum256() hashing.Digest {
	return sha256.Sum256(fmt.Appendf(nil, "%q %d %o %x %q", c.name, c.kind, c.perm, c.sum, c.target))
}

func contentOf(f outputs.File) content { return content{f.Name, f.Kind, f.Perm, f.Sum, f.Target} }

// left tells what the last runs of the command have left.
func (f files) left() func(outputs.File) bool {
	all := sync.OnceValue(func() map[content]bool {
		all := map[content]bool{}
		record, _ := f.dir.Command(f.recipe.Command)
		for _, run := range record.Runs {
			f.addLeft(run.Key, all)
		}
		return all
	})
	unstored := sync.OnceValue(func() map[hashing.Digest]bool { return f.dir.Made(f.place()) })
	return func(file outputs.File) bool {
		what := contentOf(file)
		return all()[what] || unstored()[what.sum256()]
	}
}

// placeOf names a command in a directory; nil: all commands together.
func placeOf(dir string, command []byte) [32]byte {
	return sha256.Sum256(append(append([]byte("outputs\x00"), command...), dir...))
}

func (f files) place() [32]byte { return placeOf(f.Spec.Dir, f.recipe.Command[:]) }

func (f files) addLeft(key hashing.Key, all map[content]bool) {
	text, ok := recipeOf(f.dir, key)
	if !ok {
		return
	}
	e, err := f.dir.Lookup(key, text, cachedir.Good)
	if err != nil {
		return
	}
	defer e.Close()
	list, _ := outputs.Decode(e.Outputs, e.OutputsLen) // of what is damaged nothing is known
	for _, file := range list {
		all[contentOf(file)] = true
	}
}

// noteLeft keeps that the files of a result are here, as if the command had run. That there is no room for it, or none
// is made, is worth no warning: then a run makes them anew.
func (f files) noteLeft(e *cachedir.Entry, list []outputs.File) {
	f.noteHere(list)
	record, _ := f.dir.Command(f.recipe.Command)
	if slices.ContainsFunc(record.Runs, func(r cachedir.CommandRun) bool { return r.Key == e.Key }) {
		return
	}
	_ = f.dir.NoteRun(f.recipe.Command, cachedir.CommandRun{
		Key: e.Key, Ended: e.Ended, Duration: e.Ended.Sub(e.Started),
	}, f.words()...)
}

// noteHere keeps, for all commands, what one of them has left here: a hit of another one may replace it.
func (f files) noteHere(list []outputs.File) {
	made := map[string][]hashing.Digest{}
	for i := range list {
		if list[i].Kind != outputs.Directory {
			dir := f.begins(list[i].Name)
			made[dir] = append(made[dir], contentOf(list[i]).sum256())
		}
	}
	for dir, digests := range made {
		_ = f.dir.NoteMade(placeOf(dir, nil), digests)
	}
}

// begins is the directory where the name of an output begins; "": it is absolute.
func (f files) begins(name string) string {
	if hashing.IsAbsoluteOutput(name) {
		return ""
	}
	return f.Spec.Dir
}

// asMade finds the result of a run that began where no file was that words name as outputs, if these files are now as
// that run has left them: so what it made is no reason to make it again. A file that holds anything else may be an
// input.
func (l *lookup) asMade(admit judge) (*cachedir.Entry, verdict) {
	before, present := l.inputs.firstRecipe.BeforeMade(hashing.OutputSet(l.caller.Spec.Outputs))
	if len(present) == 0 {
		return nil, verdict{}
	}
	now := l.inputs.recipe
	l.inputs.recipe = before
	e, why := l.slots(admit)
	if e != nil && l.areAsLeft(present, e) {
		return e, verdict{}
	}
	if e != nil {
		e.Close()
	}
	l.inputs.recipe, l.inputs.learned = now, nil
	return nil, why
}

// areAsLeft reports whether files hold what a run has left in them.
func (l *lookup) areAsLeft(names []string, e *cachedir.Entry) bool {
	list, err := outputs.Decode(e.Outputs, e.OutputsLen)
	if err != nil {
		return false
	}
	left, digest := map[string]outputs.File{}, hashing.FileDigests(l.dir.Digests())
	for _, f := range list {
		left[f.Name] = f
	}
	for _, name := range names {
		f, known := left[name]
		path := hashing.OutputPath(l.caller.Spec.Dir, name)
		switch {
		case known && f.Kind == outputs.Regular:
			sum, err := digest(path)
			known = err == nil && sum == f.Sum
		case known && f.Kind == outputs.Link:
			target, err := os.Readlink(path)
			known = err == nil && filepath.ToSlash(target) == f.Target
		default: // what is put into a directory that is there may be put elsewhere
			known = false
		}
		if !known {
			return false
		}
	}
	return true
}
