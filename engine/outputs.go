package engine

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/outputs"
	"github.com/cachex-cli/cachex/runner"
)

// Files that a command makes are part of its result, if the caller names them: the patterns are in the recipe, so what
// was stored without them is never found. They are put in their places before anything is printed. If that cannot be
// done, the result is as good as none, and the command runs.
//
// Nobody is served a stale result with files, for its refresh would write them when its caller has long gone on.

// makesFiles reports whether files are part of the result.
func (c *caller) makesFiles() bool { return len(c.Spec.Outputs) > 0 }

// files are those of one run, as far as they are wanted.
type files struct {
	*caller
	dir    *cachedir.Dir
	recipe hashing.Recipe // of what the caller named
	seen   hashing.Recipe // and of what an observed run used
	words  func() []cachedir.CommandWord
}

func filesOf(in *inputs) files {
	return files{in.caller, in.dir, in.firstRecipe, in.recipe, in.words.leave}
}

// restore puts the files of a result where the command left them. A failure has none. If the command has failed just
// now, what has changed since it began counts as its own: before is what there was.
func (f files) restore(e *cachedir.Entry, before outputs.Before) error {
	if !f.makesFiles() || exitNumber(e) != 0 {
		return nil
	}
	list, err := f.listOf(e)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(f.Spec.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	restorer := outputs.Restorer{
		Root: root, Digest: hashing.FileDigests(f.dir.Digests()), Ledger: f.ledger(), Expendable: f.expendable(before),
		Times: f.FileTimes, Now: f.now(),
	}
	if f.CleanFiles {
		restorer.Strangers = func() ([]string, error) {
			finder, err := f.finder(root)
			if err != nil {
				return nil, err
			}
			return finder.Strangers(f.Spec.Outputs, list)
		}
	}
	var making *cachedir.Making
	restorer.Begin = func() { making = f.making() }
	err = f.beforeDeath(func(dies func() bool) error {
		restorer.Stop = dies
		return restorer.Restore(list, e.Contents())
	})
	if making != nil {
		making.End()
	}
	if err == nil && restorer.Written {
		f.noteLeft(e, list)
	}
	return err
}

// beforeDeath does something that a signal ends in an orderly way, if this process is there for this run alone.
func (f files) beforeDeath(do func(dies func() bool) error) error {
	if !f.OwnsProcess {
		return do(nil)
	}
	var dies atomic.Bool
	done := make(chan struct{})
	stop := runner.DieOnSignalsAfter(func() {
		dies.Store(true)
		<-done
	})
	defer stop()
	err := do(dies.Load)
	close(done)
	if errors.Is(err, outputs.ErrStopped) {
		time.Sleep(time.Minute) // it dies in this moment
	}
	return err
}

// listOf is the list of the files of a result. One that names anything but outputs of this run is damaged.
func (f files) listOf(e *cachedir.Entry) ([]outputs.File, error) {
	list, err := outputs.Decode(e.Outputs, e.OutputsLen)
	if err != nil {
		return nil, err
	}
	set := hashing.OutputSet(f.Spec.Outputs)
	for _, file := range list {
		if !set.Covers(file.Name) {
			return nil, fmt.Errorf("%w: it names %s, which is no output", outputs.ErrDamaged, hashing.Show(file.Name))
		}
	}
	return list, nil
}

func (f files) finder(root *os.Root) (outputs.Finder, error) {
	avoid, err := os.Stat(f.dir.Path())
	return outputs.Finder{Root: root, Avoid: avoid}, err
}

// making tells others that this one makes files in this directory; nil: they are not told. In an encrypted directory
// nobody is told what.
func (f files) making() *cachedir.Making {
	what, own := strings.Join(quoted(f.Spec.Outputs), " "), hashing.OutputSet(f.Spec.Outputs)
	if f.dir.Encrypts() {
		what = ""
	}
	m, err := f.dir.Making(f.Spec.Dir, what, strings.Fields(f.Making), func(other string) bool {
		theirs, ok := unquoted(other)
		return !ok || len(theirs) == 0 || own.Overlaps(hashing.OutputSet(theirs))
	})
	if err != nil {
		return nil
	}
	return m
}

func quoted(words []string) (all []string) {
	for _, word := range words {
		all = append(all, strconv.Quote(word))
	}
	return all
}

func unquoted(text string) (words []string, ok bool) {
	for text != "" {
		word, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, false
		}
		text = strings.TrimPrefix(text[len(word):], " ")
		if word, err = strconv.Unquote(word); err != nil {
			return nil, false
		}
		words = append(words, word)
	}
	return words, true
}

// expendable tells what a hit may replace: that of which the key says what it holds, and what one of the last runs of
// the command has left here. Anything else may be somebody's work: then the command runs, as it would uncached.
func (f files) expendable(before outputs.Before) func(outputs.File, fs.FileInfo) bool {
	left, set := f.left(), hashing.OutputSet(f.Spec.Outputs)
	anyones := sync.OnceValue(func() map[hashing.Digest]bool { return f.dir.Made(placeOf(f.Spec.Dir, nil)) })
	return func(there outputs.File, info fs.FileInfo) bool {
		return there.Kind == outputs.Regular && f.saysWhat(set, there) || left(there) ||
			anyones()[contentOf(there).sum256()] || before != nil && before.Touched(there.Name, info)
	}
}

// saysWhat reports whether the key says that an output holds what it holds.
func (f files) saysWhat(set hashing.Outputs, there outputs.File) bool {
	path := filepath.Join(f.Spec.Dir, filepath.FromSlash(there.Name))
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
	var made []hashing.Digest
	for _, file := range list {
		if file.Kind != outputs.Directory {
			made = append(made, contentOf(file).sum256())
		}
	}
	_ = f.dir.NoteMade(placeOf(f.Spec.Dir, nil), made)
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
		path := filepath.Join(l.caller.Spec.Dir, filepath.FromSlash(name))
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

// noteUnstored notes what a run has made whose result is not stored: the next run may leave some of it alone. That is
// given up after a second, and no failure of it is told: then less is known to be the command's.
func (rec *recording) noteUnstored() {
	if !rec.caller.makesFiles() || rec.before == nil {
		return
	}
	root, err := os.OpenRoot(rec.caller.Spec.Dir)
	if err != nil {
		return
	}
	defer root.Close()
	finder := outputs.Finder{Root: root}
	now, err := finder.Look(rec.caller.Spec.Outputs)
	if err != nil {
		return
	}
	f, digest := filesOf(rec.inputs), hashing.FileDigests(rec.dir.Digests())
	var made []hashing.Digest
	for name, info := range now {
		if time.Since(rec.ended) > time.Second {
			break
		}
		if !rec.before.Touched(name, info) {
			continue
		}
		file := outputs.File{Name: name, Perm: info.Mode().Perm()}
		switch {
		case info.Mode().IsRegular():
			file.Sum, err = digest(filepath.Join(f.Spec.Dir, filepath.FromSlash(name)))
		case info.Mode()&fs.ModeSymlink != 0:
			file.Kind, file.Perm = outputs.Link, 0
			file.Target, err = root.Readlink(name)
		default:
			continue
		}
		if err == nil {
			made = append(made, contentOf(file).sum256())
		}
	}
	_ = rec.dir.NoteMade(f.place(), made)
	_ = rec.dir.NoteMade(placeOf(f.Spec.Dir, nil), made)
}

// ledger is where the temporary files of this command in this directory are noted.
func (f files) ledger() ledger {
	return ledger{f.dir.Restoring(hashing.Key(f.recipe.Command), f.Spec.Dir)}
}

// ledger is a Restoring of a directory that may be used read-only: then nothing is noted.
type ledger struct{ *cachedir.Restoring }

func (l ledger) Keep(record []byte) (done func(), err error) {
	if done, err = l.Restoring.Keep(record); errors.Is(err, cachedir.ErrReadOnly) {
		return func() {}, nil
	}
	return done, err
}

// removeStrays removes temporary files of an earlier hit that was killed, before the command sees them.
func (f files) removeStrays() {
	if !f.makesFiles() {
		return
	}
	root, err := os.OpenRoot(f.Spec.Dir)
	if err != nil {
		return
	}
	defer root.Close()
	outputs.RemoveStrays(root, f.ledger())
}

// retries reports whether a result whose files cannot be put in place is to be made anew by one run for all who find
// that at the same time: side by side they would make the same files. What is made meanwhile is looked at again, once.
func (l *lookup) retries() bool {
	retries := l.refusals == 1
	l.refusals++
	return retries
}

// notRestored notes that the files of a result cannot be put in their places, which makes it a miss.
func (l *lookup) notRestored(e *cachedir.Entry, err error) {
	l.caller.refused = e.Ended
	l.refusals = max(l.refusals, 1)
	l.miss = verdict{stats.Uncacheable, err.Error()}
	var refused *outputs.Refusal
	if !errors.As(err, &refused) || errors.Is(err, outputs.ErrContents) {
		l.miss.reason = stats.Corrupt
	}
	if !l.caller.CachedOnly { // whose error says it
		l.remarks.warn(fmt.Errorf("not replayed: %w", err))
	}
}

// restoresFallback puts the files of an old result in place. If that cannot be done, the failure is what there is.
func (l *lookup) restoresFallback(before outputs.Before) bool {
	err := filesOf(l.inputs).restore(l.fallback, before)
	if err != nil {
		l.remarks.warn(fmt.Errorf("its result from before is not served: %w", err))
		l.dropFallback()
	}
	return err == nil
}

// beginOutputs notes what there is before the command runs, and tells others that it makes files here.
func (rec *recording) beginOutputs(c *runner.Command) {
	if !rec.caller.makesFiles() || rec.pending == nil {
		return
	}
	filesOf(rec.inputs).removeStrays()
	rec.making = filesOf(rec.inputs).making()
	if rec.making != nil {
		c.Env = setenv(c.Env, MakingVariable, strings.TrimSpace(rec.caller.Making+" "+rec.making.Name()))
	}
	if !hashing.HasAutoOutputs(rec.caller.Spec.Outputs) { // of which nobody knows yet where they are
		rec.before, rec.noBefore = rec.lookBefore()
	}
}

func (rec *recording) lookBefore() (outputs.Before, error) {
	root, err := os.OpenRoot(rec.caller.Spec.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	finder := outputs.Finder{Root: root}
	return finder.Look(rec.caller.Spec.Outputs)
}

// keepOutputs adds the files of a run that succeeded to its result.
func (rec *recording) keepOutputs() error {
	f := filesOf(rec.inputs)
	root, err := os.OpenRoot(rec.caller.Spec.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	finder, err := f.finder(root)
	if err = cmp.Or(err, rec.noBefore); err != nil {
		return err
	}
	files, err := rec.findOutputs(&finder)
	if err != nil {
		return err
	}
	left := rec.caller.MaxEntry - rec.pending.Size()
	return rec.pending.AppendOutputs(func(w io.Writer) ([]byte, error) {
		if rec.caller.MaxEntry > 0 {
			w = &limited{w, left}
		}
		err := finder.Write(files, w)
		if err == nil {
			err = finder.CheckUntouched(files, f.left())
		}
		if err == nil && (rec.making == nil || rec.making.Disturbed()) {
			err = errDisturbed
		}
		if err == nil {
			f.noteHere(files)
		}
		return outputs.Encode(files), err
	})
}

func (rec *recording) findOutputs(finder *outputs.Finder) ([]outputs.File, error) {
	if patterns := rec.caller.Spec.Outputs; !hashing.HasAutoOutputs(patterns) {
		return finder.Find(patterns, rec.before)
	}
	if rec.observation == nil { // a command that cannot be observed is not stored anyway
		return nil, errors.New("what it makes was not observed")
	}
	return finder.Named(rec.observation.outputs.made)
}

var errDisturbed = errors.New("another run made the same files at the same time")

// limited takes no more than so many bytes.
type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= int64(len(b)); l.left < 0 {
		return 0, errTooMuch
	}
	return l.w.Write(b)
}
