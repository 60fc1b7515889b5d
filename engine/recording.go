package engine

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/outputs"
	"github.com/cachex-cli/cachex/runner"
)

// recording is the output of a run that leads, on its way into the store.
type recording struct {
	caller   *caller
	dir      *cachedir.Dir
	inputs   *inputs
	encloser *encloser
	remarks  *remarks

	pending  *cachedir.Pending // nil: it could not be begun
	obstacle string            // why not

	observation *observation // what the run was seen to use; nil: nobody looked
	depfile     *written     // what the run is to write down of what it used; nil: nothing

	before   outputs.Before // what there was where its files lie
	noBefore error          // why that is not known
	ended    time.Time      // when the command did
	making   *makings       // tells others that it makes files; nil: they do not know
	written  digests        // of what the command wrote
}

// record opens the pending entry that records a command, and names the command the file in which it may say something
// of its result.
func (r *run) record(c *runner.Command) *recording {
	rec := &recording{caller: r.caller, dir: r.dir, inputs: r.inputs, encloser: r.encloser, remarks: &r.remarks}
	run := runOf(r.inputs.recipe)
	run.Tags = r.caller.Tags
	pending, err := r.dir.Begin(run)
	if err != nil {
		r.remarks.warn(fmt.Errorf("not stored: %w", err))
		rec.obstacle = err.Error()
		return rec
	}
	rec.pending = pending
	rec.written.reset()
	c.Sink = recorder{pending, r.caller.MaxEntry, &rec.written, leaksOf(r.inputs.recipe, &r.caller.Spec)}
	c.Env = setenv(c.Env, ControlVariable, pending.ControlPath())
	return rec
}

// recorder gives what was delivered to a pending entry.
type recorder struct {
	p       *cachedir.Pending
	most    int64 // bytes; 0: no limit
	written *digests
	leaks   *leaks
}

func (r recorder) Append(s runner.Stream, b []byte) error {
	if r.most > 0 && r.p.Size()+int64(len(b)) > r.most {
		r.p.Discard()
		return errTooMuch
	}
	if err := r.leaks.look(s, b); err != nil {
		r.p.Discard()
		return err
	}
	_, _ = r.written[s].Write(b)
	return r.p.AppendLasting(uint8(s), b)
}

// Release is that of runner.Keeper.
func (r recorder) Release(free func()) { r.p.Release(free) }

var errTooMuch = errors.New("more output than --max-entry allows")

// publish lets others follow the run if it takes long, until stop.
func (rec *recording) publish() (stop func()) {
	if rec.pending == nil {
		return func() {}
	}
	merged := rec.caller.merged()
	timer := time.AfterFunc(publishAfter, func() { rec.pending.PublishTail(merged) })
	return func() { timer.Stop() }
}

// discard ends the recording, unless it is in the store by now. That of a run with followers must end before the lock
// is free: who waits then shall follow the next run, not this.
func (rec *recording) discard() {
	rec.making.end()
	rec.making = nil
	if rec.pending != nil {
		rec.pending.Discard()
	}
}

// keep stores the result of a finished run, with the tags of those who wait for it, or says why not, and tells an
// enclosing run what it is made of.
func (rec *recording) keep(out *Outcome, res runner.Result, started moment, waiting []string) {
	if rec.pending == nil {
		out.NotStored = cmp.Or(rec.obstacle, "it could not be recorded")
		rec.encloser.report(report{NoStore: "a nested run was not recorded"})
		return
	}
	out.Bytes = rec.pending.Size()
	m := rec.meta(res, started, withTags(rec.caller.Tags, waiting))
	d := readDirectives(rec.pending, rec.inputs)
	for _, line := range d.unknownLines {
		out.Unknown = append(out.Unknown, shownLine(line))
	}
	d.applyTo(&m)
	if rec.inputs.words.haveLoose {
		m.Until = m.Ended // it is for those who wait
	}
	m.TagMark = rec.pending.Mark()
	reason := rec.store(res, m, d)
	out.NotStored, out.Stored, out.Key = reason.text, reason.text == "", rec.inputs.recipe.Key
	if reason.unsure {
		rec.encloser.report(report{NoStore: "a nested run was not stored: " + reason.text})
	} else {
		end, ends := m.End()
		rec.encloser.reportUse(rec.inputs, &m, end, ends)
	}
	if out.Stored {
		rec.inputs.doubtDirectories()
		rec.inputs.doubtMade()
	}
	if out.Stored && rec.caller.MaxEntries > 0 {
		scope := ScopeID(rec.caller.Spec.Namespace, rec.caller.Spec.Scope)
		rec.remarks.warn(rec.dir.LimitScope(scope, rec.inputs.recipe.Key, rec.caller.MaxEntries))
	}
}

// refusal is why a result is not stored. An unsure one means that nobody knows what the result depends on, or that it
// may not be kept: then an enclosing run must not be stored either.
type refusal struct {
	text   string
	unsure bool
}

// store commits a finished run, or says why not. Only what broke in the cache itself is worth a warning; the rest is
// told under -v, to those who wait, and to the command's record.
func (rec *recording) store(res runner.Result, m cachedir.Meta, d directives) refusal {
	var leak *LeakError
	switch {
	case d.noStore != "":
		return refusal{d.noStore, true}
	case errors.As(res.SinkErr, &leak):
		return refusal{leak.Error(), true}
	case !res.Complete && res.SinkErr == nil:
		return refusal{"a process that the command left behind kept its output open", true}
	}
	if why := rec.inputs.settle(); why != "" {
		return refusal{why, true}
	}
	if changed := changedSince(d.reports, rec.caller.Spec.Environ, rec.dir.Digests()); changed != "" {
		return refusal{changed + " while the command ran", true}
	}
	store := func() refusal {
		rec.pending.Retarget(runOf(rec.inputs.recipe))
		return refusal{text: rec.commit(res, m)}
	}
	if rec.observation != nil {
		return rec.inputs.observed(rec.observation, m, d, store)
	}
	if rec.depfile != nil {
		return rec.inputs.writtenDown(rec.depfile, m, d, store)
	}
	return rec.inputs.learn(m, d, res.Started, store)
}

// commit is the part of store that has nothing to do with what the result is.
func (rec *recording) commit(res runner.Result, m cachedir.Meta) string {
	took := res.Ended.Sub(res.Started)
	switch {
	case took < rec.caller.MinCost:
		return "it took " + Short(took) + ", less than --min-cost"
	case m.Private && rec.dir.Foreign():
		return "it is private, and the cache directory belongs to another user"
	}
	err := res.SinkErr
	if err == nil && rec.caller.makesFiles() && res.Code == 0 && res.Signal == 0 {
		err = rec.keepOutputs()
	}
	if err == nil {
		err = rec.pending.Commit(m)
	}
	expected := []error{
		cachedir.ErrNotWorth, cachedir.ErrNoRoom, cachedir.ErrPurged, cachedir.ErrSuperseded, cachedir.ErrTooLarge,
		cachedir.ErrNewer, errTooMuch, errDisturbed,
	}
	for _, e := range expected {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	if err != nil {
		rec.remarks.warn(fmt.Errorf("not stored: %w", err))
		return err.Error()
	}
	return ""
}

func (rec *recording) meta(res runner.Result, started moment, tags []string) cachedir.Meta {
	ended := bootNow()
	ttl := rec.caller.TTL
	if res.Code != 0 || res.Signal != 0 {
		ttl = rec.caller.TTLFail
	}
	m := cachedir.Meta{
		Key: rec.inputs.recipe.Key, Recipe: rec.inputs.recipe.Text, Command: rec.inputs.recipe.Command,
		Family: rec.caller.family(),
		Merged: rec.caller.merged(), Pty: rec.caller.Spec.Pty, Code: res.Code, Signal: res.Signal,
		Started: res.Started, Ended: res.Ended, BootID: clockID(),
		StartedBoot: int64(started), EndedBoot: int64(ended) - int64(time.Since(res.Ended)),
		TTL: ttl, Random: rand.Uint64(), Private: rec.caller.Private, UID: userID(),
	}
	for _, tag := range tags {
		m.Tags = append(m.Tags, cachedir.Tag{Name: tag, Seq: cachedir.OwnSeq})
	}
	if rec.caller.Until != nil {
		m.Until = rec.caller.Until(res.Started)
	}
	return m
}

// noteRun keeps what serves why, waiting and budgets: the last keys of this command and how long it takes. That there
// is no room for it is worth no warning: nothing is decided by it.
func (rec *recording) noteRun(out *Outcome, res runner.Result) {
	command, key, result := rec.inputs.recipe.Command, rec.inputs.recipe.Key, rec.result(res)
	if record, known := rec.dir.Command(command); known {
		out.compared = compare(record, key, result)
	}
	err := rec.dir.NoteRun(command, cachedir.CommandRun{
		Key: key, Ended: res.Ended, Duration: out.Took, Code: out.Code, NotStored: out.NotStored, Result: result,
	}, rec.inputs.words.leave()...)
	if err != nil && !errors.Is(err, cachedir.ErrNoRoom) {
		rec.remarks.warn(fmt.Errorf("record of the command: %w", err))
	}
}

// ScopeID names a scope within its namespace.
func ScopeID(namespace, scope string) [32]byte {
	return sha256.Sum256([]byte(strconv.Quote(namespace) + strconv.Quote(scope)))
}
