package engine

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
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
		r.tiers.fleet().Drop()
		return r.outcome(stats.Declined), err
	}
	if l != nil {
		c.Env = setenv(c.Env, heldVariable, lock.ParseHeld(r.caller.Held).With(l))
	}
	r.caller.Tags = withTags(r.caller.Tags, r.lookup.tagsOfOthers)
	r.tiers.fleet().Mark(r.caller.Tags)
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
		r.tiers.fleet().Drop()
		return r.outcome(stats.Declined), err
	}
	if res.HoldErr != nil {
		r.remarks.warn(fmt.Errorf("its output could not be held back: %w", res.HoldErr))
	}
	out := r.ran(res)
	if res.Interrupted || res.Cut != nil {
		out.NotStored = "interrupted"
		r.unpublish(pending)
		abandon(l) // nothing was learned: one of those who wait takes over
		r.tiers.fleet().Drop()
		r.encloser.report(report{NoStore: "a nested run was interrupted"})
		return out, cmp.Or(r.caller.delivered(res), r.output.mixed(res))
	}
	r.keep(&out, pending, res, started, asked(l))
	r.unpublish(pending)
	if out.Stored || r.inputs.learnedMore {
		finish(l, noteStored)
	} else {
		finish(l, noteNotStored+out.NotStored)
	}
	r.noteRun(&out, res)
	r.push(&out)
	out.Warning = r.remarks.warning
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
	run := runOf(r.inputs.recipe)
	run.Tags = r.caller.Tags
	pending, err := r.dir.Begin(run)
	if err != nil {
		r.remarks.warn(fmt.Errorf("not stored: %w", err))
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
	if r.inputs.words.haveLoose {
		m.Until = m.Ended // it is for those who wait
	}
	m.TagMark = pending.Mark()
	reason := r.store(pending, res, m, d)
	out.NotStored, out.Stored, out.Key = reason.text, reason.text == "", r.inputs.recipe.Key
	if reason.unsure {
		r.encloser.report(report{NoStore: "a nested run was not stored: " + reason.text})
	} else {
		end, ends := m.End()
		r.encloser.reportUse(r.inputs, &m, end, ends)
	}
	if out.Stored {
		r.inputs.doubtDirectories()
	}
	if out.Stored && r.caller.MaxEntries > 0 {
		if err := r.dir.LimitScope(scopeID(&r.caller.Spec), r.inputs.recipe.Key, r.caller.MaxEntries); err != nil {
			r.remarks.warn(err)
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
	case r.lookup.fallback != nil:
		c.Hold = &runner.Hold{Deliver: func(res runner.Result) bool {
			return res.Interrupted || exitNumberOf(res.Code, res.Signal) == 0
		}}
	}
}

func (r *run) serveInsteadOf(failure *cachedir.Entry) (Outcome, error) {
	words := exitWords(failure)
	failure.Close()
	return r.serveFallback(words)
}

// serveFallback answers with an old result in place of a failure.
func (r *run) serveFallback(failure string) (Outcome, error) {
	e := r.lookup.fallback
	r.lookup.fallback = nil
	r.remarks.warn(fmt.Errorf("the command %s: this is its result from %s ago", failure, Short(r.caller.now().Sub(e.Ended))))
	return r.replay(e, stats.Stale)
}

// withoutDescriptors runs a command that could not be started because the store took the last descriptors: the store
// gives its own back, and the command runs plainly.
func (r *run) withoutDescriptors(l *lock.Lock, pending *cachedir.Pending, cause error) (Outcome, error) {
	if pending != nil {
		pending.Discard()
	}
	finish(l, noteNotStored+"too few descriptors")
	r.tiers.fleet().Drop()
	r.dir.Close()
	r.dir = nil
	r.remarks.warn(fmt.Errorf("not cached: %w", cause))
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
	if why := r.inputs.settle(); why != "" {
		return refusal{why, true}
	}
	if changed := changedSince(d.reports, r.dir.Digests()); changed != "" {
		return refusal{changed + " while the command ran", true}
	}
	if why := r.inputs.learn(m, d, res.Started); why.text != "" {
		return why
	}
	p.Retarget(runOf(r.inputs.recipe))
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
		r.remarks.warn(fmt.Errorf("not stored: %w", err))
		return err.Error()
	}
	return ""
}

func (r *run) meta(res runner.Result, started moment, tags []string) cachedir.Meta {
	ended := bootNow()
	ttl := r.caller.TTL
	if res.Code != 0 || res.Signal != 0 {
		ttl = r.caller.TTLFail
	}
	m := cachedir.Meta{
		Key: r.inputs.recipe.Key, Recipe: r.inputs.recipe.Text, Command: r.inputs.recipe.Command, Family: r.caller.family(),
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
	err := r.dir.NoteRun(r.inputs.recipe.Command, cachedir.CommandRun{
		Key: r.inputs.recipe.Key, Ended: res.Ended, Duration: out.Took, Code: out.Code, NotStored: out.NotStored,
	}, r.inputs.words.leave()...)
	if err != nil && !errors.Is(err, cachedir.ErrNoRoom) {
		r.remarks.warn(fmt.Errorf("record of the command: %w", err))
	}
}

// command is the process to start.
func (r *run) command() (runner.Command, error) {
	if err := r.caller.ctx.Err(); err != nil {
		return runner.Command{}, err
	}
	exe := r.inputs.recipe.Exe
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
	case r.inputs.stdin != nil:
		c.Stdin, c.Input = r.inputs.stdin.feed()
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
