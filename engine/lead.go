package engine

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
	"github.com/cachex-cli/cachex/runner"
)

// lead runs the command into the caller's streams and a pending entry at once, and stores what may be stored. The
// lock is nil where this run leads nobody: after --wait, beside others, or where locks do not work.
//
// What can die, and what is left: during the run, a pending file and a lock file that nobody holds (a waiter takes
// over); between commit and finish, the same lock file beside a good entry (whoever waits looks first, and serves it).
func (r *run) lead(l *lock.Lock) (Outcome, error) {
	c, err := r.command()
	if err != nil {
		finish(l, noteNotStored+err.Error())
		r.fleet().Drop()
		return r.outcome(stats.Declined), err
	}
	if l != nil {
		c.Env = setenv(c.Env, heldVariable, lock.ParseHeld(r.caller.Held).With(l))
	}
	r.caller.Tags = withTags(r.caller.Tags, r.otherTags)
	r.fleet().Mark(r.caller.Tags)
	pending := r.begin(&c)
	if pending != nil {
		defer pending.Discard()
	}
	r.hold(&c)
	if l != nil { // else it is not the run that anybody waits for
		defer r.publish(&c, pending)()
	}
	started := bootNow()
	res, err := runner.Run(c)
	if scarce(err) {
		return r.withoutDescriptors(l, pending, err)
	}
	if err != nil {
		finish(l, noteNotStored+err.Error())
		r.fleet().Drop()
		return r.outcome(stats.Declined), err
	}
	if res.HoldErr != nil {
		r.warn(fmt.Errorf("its output could not be held back: %w", res.HoldErr))
	}
	out := r.ran(res)
	if res.Interrupted || res.Cut != nil {
		out.NotStored = "interrupted"
		r.unpublish(pending)
		abandon(l) // nothing was learned: one of those who wait takes over
		r.fleet().Drop()
		r.encloser.report(report{NoStore: "a nested run was interrupted"})
		return out, cmp.Or(r.caller.delivered(res), r.output.mixed(res))
	}
	r.keep(&out, pending, res, started, asked(l))
	r.unpublish(pending)
	if out.Stored || r.learnedNow {
		finish(l, noteStored)
	} else {
		finish(l, noteNotStored+out.NotStored)
	}
	r.noteRun(&out, res)
	r.push(&out)
	out.Warning = r.warning
	if res.Dropped && !r.output.any() {
		return r.serveFallback(exitWordsOf(res.Code, res.Signal))
	}
	return out, r.output.mixed(res)
}

// publish lets others follow a run that takes long. Under --stale-if-error the output is held back until the command has
// succeeded, because an older result would be printed instead of a failure: then nobody follows either, unless this run
// has itself followed another.
func (r *run) publish(c *runner.Command, pending *cachedir.Pending) (stop func()) {
	if pending == nil || c.Hold != nil && !r.output.any() {
		return func() {}
	}
	merged := r.caller.merged()
	timer := time.AfterFunc(publishAfter, func() { pending.PublishTail(merged) })
	return func() { timer.Stop() }
}

// unpublish ends a recording that was not stored before the lock is free: who waits then shall follow the next run, not this.
func (r *run) unpublish(pending *cachedir.Pending) {
	if pending != nil {
		pending.Discard()
	}
}

// begin opens the pending entry that records the run, and names the command the file in which it may say something of its
// result.
func (r *run) begin(c *runner.Command) *cachedir.Pending {
	pending, err := r.dir.Begin(cachedir.Run{
		Key: r.recipe.Key, Command: r.recipe.Command, Recipe: r.recipe.Text, Tags: r.caller.Tags,
	})
	if err != nil {
		r.warn(fmt.Errorf("not stored: %w", err))
		r.unrecorded = err.Error()
		return nil
	}
	c.Sink = recorder{pending, r.caller.MaxEntry}
	c.Env = setenv(c.Env, ControlVariable, pending.ControlPath())
	return pending
}

const (
	heldVariable = "CACHEX_HELD" // names the locks that the command's ancestors hold

	// ControlVariable names the control file to the command.
	ControlVariable = "CACHEX_CONTROL"

	// FreshVariable tells runs nested in a refresh that they are.
	FreshVariable = "CACHEX_FRESH"
)

// environ is what the command sees of the environment. Where nothing is recorded it can write into the control file all
// the same: that of the enclosing run, or one that nobody reads.
func (r *run) environ() []string {
	if r.caller.Encloser == "" {
		return setenv(r.caller.Spec.Environ, ControlVariable, os.DevNull)
	}
	return r.caller.Spec.Environ
}

// keep stores the result of a finished run, with the tags of those who wait for it, or says why not, and tells an enclosing run
// what it is made of.
func (r *run) keep(out *Outcome, pending *cachedir.Pending, res runner.Result, started moment, waiting []string) {
	if pending == nil {
		out.NotStored = cmp.Or(r.unrecorded, "it could not be recorded")
		r.encloser.report(report{NoStore: "a nested run was not recorded"})
		return
	}
	out.Bytes = pending.Size()
	m := r.meta(res, started, withTags(r.caller.Tags, waiting))
	d := r.directives(pending)
	for _, line := range d.unknownLines {
		out.Unknown = append(out.Unknown, shownLine(line))
	}
	d.applyTo(&m)
	if r.words.loose {
		m.Until = m.Ended // it is for those who wait
	}
	m.TagMark = pending.Mark()
	reason := r.store(pending, res, m, d)
	out.NotStored, out.Stored, out.Key = reason.text, reason.text == "", r.recipe.Key
	if reason.unsure {
		r.encloser.report(report{NoStore: "a nested run was not stored: " + reason.text})
	} else if r.encloser != nil {
		end, ends := m.End()
		r.encloser.report(r.used(&m, end, ends))
	}
	if out.Stored {
		r.doubtDirectories()
	}
	if out.Stored && r.caller.MaxEntries > 0 {
		if err := r.dir.LimitScope(scopeID(&r.caller.Spec), r.recipe.Key, r.caller.MaxEntries); err != nil {
			r.warn(err)
		}
	}
}

// scopeID names a scope within its namespace.
func scopeID(spec *hashing.Spec) [32]byte {
	return sha256.Sum256([]byte(strconv.Quote(spec.Namespace) + strconv.Quote(spec.Scope)))
}

// hold keeps the output of a run back as long as something older would be preferred to its failure, or as it may turn out
// to be something else than what was followed of another run.
func (r *run) hold(c *runner.Command) {
	switch {
	case r.caller.Refresher != nil:
	case !r.output.restart():
		c.Hold = r.output.holdRest()
	case r.fallback != nil:
		c.Hold = &runner.Hold{Deliver: func(res runner.Result) bool {
			return res.Interrupted || exitNumberOf(res.Code, res.Signal) == 0
		}}
	}
}

// prefersFallback says that an entry is a failure, in place of which an old success is to be served.
func (r *run) prefersFallback(e *cachedir.Entry) bool { return r.fallback != nil && exitNumber(e) != 0 }

func (r *run) serveInsteadOf(failure *cachedir.Entry) (Outcome, error) {
	words := exitWords(failure)
	failure.Close()
	return r.serveFallback(words)
}

// serveFallback answers with an old result in place of a failure.
func (r *run) serveFallback(failure string) (Outcome, error) {
	e := r.fallback
	r.fallback = nil
	r.warn(fmt.Errorf("the command %s: this is its result from %s ago", failure, Short(r.caller.now().Sub(e.Ended))))
	return r.replay(e, stats.Stale)
}

// withoutDescriptors runs a command that could not be started because the store took the last descriptors: the store
// gives its own back, and the command runs plainly.
func (r *run) withoutDescriptors(l *lock.Lock, pending *cachedir.Pending, cause error) (Outcome, error) {
	if pending != nil {
		pending.Discard()
	}
	finish(l, noteNotStored+"too few descriptors")
	r.fleet().Drop()
	r.dir.Close()
	r.dir = nil
	r.warn(fmt.Errorf("not cached: %w", cause))
	return r.plain(stats.Uncacheable, "too few descriptors")
}

func scarce(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// recorder gives what was delivered to a pending entry.
type recorder struct {
	p    *cachedir.Pending
	most int64 // bytes; 0: no limit
}

func (r recorder) Append(s runner.Stream, b []byte) error {
	if r.most > 0 && r.p.Size()+int64(len(b)) > r.most {
		r.p.Discard()
		return errTooMuch
	}
	return r.p.Append(uint8(s), b)
}

var errTooMuch = errors.New("more output than --max-entry allows")

// refusal is why a result is not stored. An unsure one means that nobody knows what the result depends on, or that it
// may not be kept: then an enclosing run must not be stored either.
type refusal struct {
	text   string
	unsure bool
}

// store commits a finished run, or says why not. Only what broke in the cache itself is worth a warning; the rest is
// told under -v, to those who wait, and to the command's record.
func (r *run) store(p *cachedir.Pending, res runner.Result, m cachedir.Meta, d directives) refusal {
	switch {
	case d.noStore != "":
		return refusal{d.noStore, true}
	case !res.Complete && res.SinkErr == nil:
		return refusal{"a process that the command left behind kept its output open", true}
	}
	if why := r.settle(p); why != "" {
		return refusal{why, true}
	}
	if changed := r.sameAsNested(d.reports); changed != "" {
		return refusal{changed + " while the command ran", true}
	}
	if why := r.learn(p, m, d, res); why.text != "" {
		return why
	}
	return refusal{text: r.commit(p, res, m)}
}

// commit is the part of store that has nothing to do with what the result is.
func (r *run) commit(p *cachedir.Pending, res runner.Result, m cachedir.Meta) string {
	took := res.Ended.Sub(res.Started)
	switch {
	case took < r.caller.MinCost:
		return "it took " + Short(took) + ", less than --min-cost"
	case m.Private && r.dir.Foreign():
		return "it is private, and the cache directory belongs to another user"
	}
	err := res.SinkErr
	if err == nil {
		err = p.Commit(m)
	}
	expected := []error{cachedir.ErrNoRoom, cachedir.ErrPurged, cachedir.ErrTooLarge, cachedir.ErrNewer, errTooMuch}
	for _, e := range expected {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	if err != nil {
		r.warn(fmt.Errorf("not stored: %w", err))
		return err.Error()
	}
	return ""
}

// settle looks at the inputs again (P3), and makes the entry one of the state that the run has ended in: where a word named
// nothing before, it may name what the run has made.
func (r *run) settle(p *cachedir.Pending) (refused string) {
	base, recipe, err := r.unchanged()
	if err != nil {
		return err.Error() + " while the command ran"
	}
	if refused = r.settleWords(base); refused != "" {
		return refused
	}
	r.base, r.recipe = base, recipe
	p.Retarget(cachedir.Run{Key: recipe.Key, Command: recipe.Command, Recipe: recipe.Text})
	return ""
}

// unchanged returns the recipes, without and with what was learned before, in the present state of their inputs. The error
// says which of these changed since the run began.
func (r *run) unchanged() (base, recipe hashing.Recipe, err error) {
	if base, err = r.captureBase(); err != nil {
		return base, base, err
	}
	r.words.after = base
	base = r.loosened(base)
	if err = r.base.SameButArgs(base); err != nil || r.known == nil {
		return base, base, err
	}
	if recipe, err = hashing.Extend(base, r.caller.Spec, *r.known, r.dir.Digests()); err == nil {
		err = r.recipe.SameButArgs(recipe)
	}
	return base, recipe, err
}

// learn makes the entry one of the recipe that the run has turned out to have, if it has named inputs that were not known
// when it began. These are captured only now. A file counts if it cannot have been another one at the beginning, or if a
// nested run has seen it in this state; else nothing is stored, and the next run looks at it in time.
func (r *run) learn(p *cachedir.Pending, m cachedir.Meta, d directives, res runner.Result) refusal {
	if len(d.learned.Env)+len(d.learned.Files) == 0 || r.known != nil && r.known.Covers(d.learned) {
		return refusal{}
	}
	base := cachedir.Run{Key: r.base.Key, Command: r.base.Command, Recipe: r.base.Text}
	learned, err := r.dir.Learn(base, m, d.learned)
	if err != nil {
		r.warn(fmt.Errorf("not stored: %w", err))
		return refusal{err.Error(), true}
	}
	r.learnedNow = true
	recipe, err := hashing.Extend(r.base, r.caller.Spec, learned, r.dir.Digests())
	if err != nil {
		return refusal{err.Error(), true}
	}
	if name, found := hashing.Unsettled(r.caller.Spec, r.late(learned, d), res.Started.Add(-learnMargin).UnixNano()); found {
		return refusal{"it learned of " + name + ", which may have changed since it began", true}
	}
	if changed := r.sameAsNested(d.reports); changed != "" {
		return refusal{changed + " while the command ran", true}
	}
	r.known, r.recipe = &learned, recipe
	p.Retarget(cachedir.Run{Key: recipe.Key, Command: recipe.Command, Recipe: recipe.Text})
	return refusal{}
}

// learnMargin is how long before a run a file must have been changed last to count as unchanged during the run, although
// it was not looked at when the run began: times of filesystems are as coarse.
const learnMargin = 2 * time.Second

// late lists the files that were not looked at in time: neither at the beginning, nor by a nested run.
func (r *run) late(l hashing.Learned, d directives) []string {
	seen := slices.Clone(r.caller.Spec.Files)
	if r.known != nil {
		seen = append(seen, r.known.Files...)
	}
	seen = append(seen, d.nestedFiles...)
	words, _ := r.words.before.ArgNames()
	seen = append(seen, words...)
	return l.Without(hashing.Learned{Files: seen}).Files
}

func (r *run) meta(res runner.Result, started moment, tags []string) cachedir.Meta {
	ended := bootNow()
	ttl := r.caller.TTL
	if res.Code != 0 || res.Signal != 0 {
		ttl = r.caller.TTLFail
	}
	m := cachedir.Meta{
		Key: r.recipe.Key, Recipe: r.recipe.Text, Command: r.recipe.Command, Family: r.caller.family(),
		Merged: r.caller.merged(), Pty: r.caller.Spec.Pty, Code: res.Code, Signal: res.Signal,
		Started: res.Started, Ended: res.Ended, BootID: clockID(),
		StartedBoot: int64(started), EndedBoot: int64(ended) - int64(time.Since(res.Ended)),
		TTL: ttl, Random: rand.Uint64(), Private: r.caller.Private, UID: userID(),
	}
	for _, tag := range tags {
		m.Tags = append(m.Tags, cachedir.Tag{Name: tag, Seq: cachedir.OwnSeq})
	}
	if r.caller.Until != nil {
		m.Until = r.caller.Until(res.Started)
	}
	return m
}

// noteRun keeps what serves why, waiting and budgets: the last keys of this command and how long it takes. That there is
// no room for it is worth no warning: nothing is decided by it.
func (r *run) noteRun(out *Outcome, res runner.Result) {
	err := r.dir.NoteRun(r.recipe.Command, cachedir.CommandRun{
		Key: r.recipe.Key, Ended: res.Ended, Duration: out.Took, Code: out.Code, NotStored: out.NotStored,
	}, r.leave()...)
	if err != nil && !errors.Is(err, cachedir.ErrNoRoom) {
		r.warn(fmt.Errorf("record of the command: %w", err))
	}
}

// command is the process to start.
func (r *run) command() (runner.Command, error) {
	if err := r.caller.ctx.Err(); err != nil {
		return runner.Command{}, err
	}
	exe := r.recipe.Exe
	if exe == "" {
		var err error
		if exe, err = hashing.LookPath(r.caller.Spec.Argv[0], r.caller.Spec.Dir, r.caller.Spec.Environ, r.caller.Spec.Past...); err != nil {
			return runner.Command{}, err
		}
	}
	c := runner.Command{
		Path: exe, Argv: r.caller.Spec.Argv, Env: withRunning(r.environ(), r.caller.Running, runningOf(&r.caller.Spec, exe)),
		Stdout: r.caller.io.stdout, Stderr: r.caller.io.stderr, Merged: r.caller.merged(), Pty: r.caller.Spec.Pty, Canceled: r.caller.ctx.Done(),
	}
	if !r.caller.OwnsProcess {
		c.Dir, c.KeepSignals = r.caller.Spec.Dir, true
	}
	if c.Pty {
		c.Terminal = runner.Size(r.caller.terminal())
	}
	if r.caller.Refresher != nil {
		c.Stdout, c.Stderr = nil, nil
		c.Env = setenv(c.Env, FreshVariable, "1")
	}
	switch {
	case r.input != nil:
		c.Stdin, c.Input = r.input.feed()
	case r.caller.FeedStdin || r.caller.passStdin:
		c.Stdin = r.caller.io.stdin
	case c.Pty && runner.IsTerminal(r.caller.io.stdin):
		c.Stdin, c.NoKeys = r.caller.io.stdin, true
	}
	return c, nil
}

// setenv returns a copy of environ with one variable set.
func setenv(environ []string, name, value string) []string {
	return append(unsetenv(environ, name), name+"="+value)
}

// unsetenv returns a copy of environ without a variable.
func unsetenv(environ []string, name string) []string {
	out := make([]string, 0, len(environ)+1)
	for _, kv := range environ {
		if !strings.HasPrefix(kv, name+"=") {
			out = append(out, kv)
		}
	}
	return out
}
