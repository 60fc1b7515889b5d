package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/late"
	"github.com/cachex-cli/cachex/runner"
)

// What a result depends on is not known all at once. A recipe is captured of what the caller has named. Earlier runs
// may have learned of further inputs: then that is extended. While this run waits for another one, words of its command
// line may come to name other files. And its own command may name inputs, too. Here is the state of that; which entry
// is found under a recipe, and what is done about it, is another matter.

// inputs are what the result of a run depends on, as far as it is known.
type inputs struct {
	caller  *caller
	dir     *cachedir.Dir
	remarks *remarks

	firstRecipe hashing.Recipe   // of what the caller named
	learned     *hashing.Learned // what is known besides, from earlier runs; nil: nothing
	recipe      hashing.Recipe   // firstRecipe, extended by what was learned
	set         *cachedir.Entry  // of recipe, which was read to find that; nil: none, or it was used
	compared    comparedSets     // what findSet has found last
	words       words            // what is known of the words that name files
	stdin       *stdin           // nil: it is no input
	learnedMore bool             // than was known when this run began
}

func newInputs(c *caller, dir *cachedir.Dir, remarks *remarks) *inputs {
	in := &inputs{caller: c, dir: dir, remarks: remarks}
	in.words.lastRun = sync.OnceValue(func() []cachedir.CommandWord {
		record, _ := dir.Command(in.firstRecipe.Command)
		return record.Words
	})
	return in
}

// shortCommand is what the journal knows the command by; 0: it has no recipe.
func (in *inputs) shortCommand() stats.CommandID {
	return stats.CommandID(binary.LittleEndian.Uint64(in.firstRecipe.Command[:]))
}

// readingLong is how long the inputs may be read before this process learns to die of QUIT as others do: most runs are
// done with it by then.
const readingLong = 20 * time.Millisecond

// rareCollection is for a process that reads many inputs: it ends before its first 16 MiB are worth collecting, which
// takes a fifth of the time that ten thousand unchanged files do.
const rareCollection = 400

// manyBytes are of the recipe of an observed run with many inputs. Most have few, and do not wait for package late.
const manyBytes = 64 << 10

// collectRarely is called where many inputs are read, or were used.
func (c *caller) collectRarely() {
	if c.OwnsProcess {
		late.SetGCPercent(rareCollection)
	}
}

// capture turns the request into a recipe, reading stdin first where it belongs to the key.
func (in *inputs) capture() error {
	if in.caller.OwnsProcess {
		defer runner.DieOfQuitAfter(readingLong)()
		if len(in.caller.Spec.Files) > 0 {
			in.caller.collectRarely()
		}
	}
	if in.caller.FeedStdin {
		stdin, err := readStdin(in.caller.io.stdin)
		in.stdin = stdin
		if err != nil {
			return &hashing.InputError{Path: "standard input", Err: err}
		}
		in.caller.Spec.Stdin = &stdin.digest
	}
	return in.captureFirst()
}

// captureFirst makes the recipe of what is known before anything was looked up.
func (in *inputs) captureFirst() error {
	capture := in.captureNow
	if in.caller.Part != nil {
		capture = in.captureTogether
	}
	recipe, err := capture()
	in.firstRecipe, in.recipe, in.words.recipeBefore = recipe, recipe, recipe
	return err
}

// captureNow looks at what the caller named.
func (in *inputs) captureNow() (hashing.Recipe, error) { return in.captureSpec(in.caller.Spec) }

func (in *inputs) captureSpec(spec hashing.Spec) (hashing.Recipe, error) {
	spec.User = in.dir.SharedAs()
	if spec.Pty {
		spec.Terminal = in.caller.terminal()
	}
	var err error
	if spec.Vary, err = VaryOutputs(in.caller.ctx, in.caller.Vary, spec, in.caller.OwnsProcess); err != nil {
		exe, _ := hashing.LookPath(spec.Argv[0], spec.Dir, spec.Environ, spec.Past...)
		return hashing.Recipe{Exe: exe}, err
	}
	return hashing.Capture(spec, in.dir.Digests())
}

// named reports whether the recipe is that of a name.
func (in *inputs) named() bool {
	_, _, ok := hashing.ValueName(in.firstRecipe.Text)
	return ok
}

// forgetLearned makes the recipe that of what the caller named alone.
func (in *inputs) forgetLearned() { in.recipe, in.learned = in.firstRecipe, nil }

// extend makes the recipe that of what the caller named and what was learned.
func (in *inputs) extend(learned *hashing.Learned) error {
	recipe, err := hashing.Extend(in.firstRecipe, in.caller.Spec, *learned, in.dir.Digests())
	if err == nil {
		in.learned, in.recipe = learned, recipe
	}
	return err
}

// files are the patterns that were named, and learned.
func (in *inputs) files() []string {
	if in.learned == nil {
		return in.caller.Spec.Files
	}
	return slices.Concat(in.caller.Spec.Files, in.learned.Files)
}

// runOf is a recipe as the store knows it.
func runOf(r hashing.Recipe) cachedir.Run {
	return cachedir.Run{Key: r.Key, Command: r.Command, Recipe: r.Text}
}

// reword looks at the words anew: another run may have made what they name.
func (in *inputs) reword() error {
	base, err := hashing.Reword(in.words.recipeBefore, in.caller.Spec, in.dir.Digests())
	if err == nil {
		in.words.recipeBefore, in.firstRecipe = base, in.words.loosened(base)
	}
	return err
}

// loosen lets words that keep changing have no say, after a miss. It reports whether there are any: then there may be
// an entry of the new recipe.
func (in *inputs) loosen() (changed bool) {
	if doubt := in.words.findLoose(in.caller.Spec, in.firstRecipe.Args()); doubt != nil {
		in.remarks.doubt = doubt
	}
	if in.words.haveLoose {
		in.firstRecipe = in.words.loosened(in.firstRecipe)
	}
	return in.words.haveLoose
}

// doubtKey notes what is known to make a trap of this key. It is done before the command runs, which may remove the
// traces.
func (in *inputs) doubtKey() {
	if file, log, found := in.recipe.Unlogged(in.files(), nil); found {
		in.remarks.doubt = fmt.Errorf("file %s: %s beside it is not in the key; add --file %s", file, log, log)
	}
}

// doubtMiss notes what is reported only before a result is made: when it is served it is too late.
func (in *inputs) doubtMiss() {
	unmatched := in.firstRecipe.Unmatched()
	switch {
	case in.remarks.doubt != nil:
	case len(unmatched) > 0:
		in.remarks.doubt = errors.New(unmatched[0].String())
	case in.recipe.SharesRepo() && !in.recipe.HasFiles() && !in.recipe.HasSets():
		in.remarks.doubt = errors.New("clones of this repository share the result, whatever they hold; " +
			"name what the command reads with --file")
	case len(in.caller.Tiers) > 0 && hashing.LacksRepo(in.recipe, &in.caller.Spec):
		in.remarks.doubt = errors.New("--cwd repo: no origin with the name of a host says which repository this is, so that " +
			"only this directory has the result; the setting repo can name it")
	}
}

// usual is the median of the command's last run times.
func (in *inputs) usual() time.Duration {
	record, known := in.dir.Command(in.recipe.Command)
	if !known || len(record.Runs) == 0 {
		return 0
	}
	var times []time.Duration
	for _, run := range record.Runs {
		times = append(times, run.Duration)
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// settle looks at the inputs again (P3), and makes the entry one of the state that the run has ended in: where a word
// named nothing before, it may name what the run has made.
func (in *inputs) settle() (refused string) {
	base, recipe, err := in.unchanged()
	if err != nil {
		return err.Error() + " while the command ran"
	}
	if refused = in.words.settle(in.firstRecipe, base); refused != "" {
		return refused
	}
	in.firstRecipe, in.recipe = base, recipe
	return ""
}

// unchanged returns the recipes, without and with what was learned before, in the present state of their inputs. The
// error says which of these changed since the run began.
func (in *inputs) unchanged() (base, recipe hashing.Recipe, err error) {
	if base, err = in.captureNow(); err != nil {
		return base, base, err
	}
	if outputs := hashing.OutputSet(in.caller.Spec.Outputs); in.caller.makesFiles() {
		if err = in.firstRecipe.SameButOutputs(base, outputs); err != nil {
			return base, base, err
		}
		base = in.words.recipeBefore.AfterRun(base, outputs) // what becomes of them is no change of an input
	}
	in.words.recipeAfter = base
	base = in.words.loosened(base)
	if err = in.firstRecipe.SameButArgs(base); err != nil || in.learned == nil || base.HasSets() {
		return base, base, err
	}
	if recipe, err = hashing.Extend(base, in.caller.Spec, *in.learned, in.dir.Digests()); err == nil {
		err = in.recipe.SameButArgs(recipe)
	}
	return base, recipe, err
}

// learn makes the entry one of the recipe that the run has turned out to have, if it has named inputs that were not
// known when it began. These are captured only now. A file counts if it cannot have been another one at the beginning,
// or if a nested run has seen it in this state; else nothing is stored, and the next run looks at it in time. The entry
// is stored before others learn of its recipe: else they would find nothing there, and run.
func (in *inputs) learn(m cachedir.Meta, d directives, started time.Time, store func() refusal) (why refusal) {
	if len(d.learned.Env)+len(d.learned.Files) == 0 || in.learned != nil && in.learned.Covers(d.learned) {
		return store()
	}
	_, err := in.dir.Learn(runOf(in.firstRecipe), m, d.learned, func(learned hashing.Learned) {
		if why = in.extendBy(learned, d, started); why.text == "" {
			why = store()
		}
	})
	if errors.Is(err, cachedir.ErrSuperseded) {
		return refusal{err.Error(), true}
	}
	if err != nil {
		in.remarks.warn(fmt.Errorf("not stored: %w", err))
		return refusal{err.Error(), true}
	}
	in.learnedMore = true
	return why
}

// extendBy makes the recipe that of what was learned, too, if all of that was the same when the run began.
func (in *inputs) extendBy(learned hashing.Learned, d directives, started time.Time) refusal {
	recipe, err := hashing.Extend(in.firstRecipe, in.caller.Spec, learned, in.dir.Digests())
	if err != nil {
		return refusal{err.Error(), true}
	}
	since := started.Add(-learnMargin).UnixNano()
	if name, found := hashing.Unsettled(in.caller.Spec, in.late(learned, d), since); found {
		return refusal{"it learned of " + name + ", which may have changed since it began", true}
	}
	if changed := changedSince(d.reports, in.caller.Spec.Environ, in.dir.Digests()); changed != "" {
		return refusal{changed + " while the command ran", true}
	}
	in.learned, in.recipe = &learned, recipe
	return refusal{}
}

// learnMargin is how long before a run a file must have been changed last to count as unchanged during the run,
// although it was not looked at when the run began: times of filesystems are as coarse.
const learnMargin = 2 * time.Second

// late lists the files that were not looked at in time: neither at the beginning, nor by a nested run.
func (in *inputs) late(l hashing.Learned, d directives) []string {
	words, _ := in.words.recipeBefore.ArgNames()
	seen := slices.Concat(in.files(), d.nestedFiles, words)
	return l.Without(hashing.Learned{Files: seen}).Files
}

// doubtMade notes that a file which the command made, and which a word names as what it makes, is not part of the
// result that was stored.
func (in *inputs) doubtMade() {
	if in.caller.makesFiles() || in.words.recipeAfter.Text == nil || in.remarks.doubt != nil {
		return
	}
	if file, found := in.words.recipeBefore.MadeBehindFlag(in.words.recipeAfter, in.caller.Spec); found {
		in.remarks.doubt = fmt.Errorf("%[1]s, which the command made, is not stored: add --output %[1]s", file)
	}
}

// doubtDirectories notes a word whose content has no say, where a result was stored.
func (in *inputs) doubtDirectories() {
	if dir, found := in.words.recipeBefore.Uncovered(in.files()); found && in.remarks.doubt == nil {
		in.remarks.doubt = fmt.Errorf("%s is a directory, and what is in it is not in the key: add --file %s", dir, dir)
	}
}
