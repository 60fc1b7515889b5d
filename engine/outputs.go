package engine

import (
	"errors"
	"fmt"
	"os"
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
	tree, err := f.tree()
	if err != nil {
		return err
	}
	defer tree.Close()
	restorer := outputs.Restorer{
		Tree: tree, Digest: hashing.FileDigests(f.dir.Digests()), Ledger: f.ledger(), Expendable: f.expendable(before),
		Times: f.FileTimes, Now: f.now(),
	}
	if f.CleanFiles {
		restorer.Strangers = func() ([]string, error) {
			finder, err := f.finder(tree)
			if err != nil {
				return nil, err
			}
			return finder.Strangers(f.Spec.Outputs, list)
		}
	}
	var making *makings
	restorer.Begin = func() {
		making = f.making()
		making.tellFiles(list)
	}
	err = f.beforeDeath(func(dies func() bool) error {
		restorer.Stop = dies
		return restorer.Restore(list, e.Contents())
	})
	making.end()
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

// tree is where the outputs lie.
func (c *caller) tree() (*outputs.Tree, error) { return outputs.OpenTree(c.Spec.Dir, c.Spec.Outputs) }

func (f files) finder(tree *outputs.Tree) (outputs.Finder, error) {
	avoid, err := os.Stat(f.dir.Path())
	return outputs.Finder{Tree: tree, Avoid: avoid}, err
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
	tree, err := f.tree()
	if err != nil {
		return
	}
	defer tree.Close()
	outputs.RemoveStrays(tree, f.ledger())
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
