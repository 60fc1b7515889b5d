package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
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
		return r.outcome(cachedir.Declined), err
	}
	if l != nil {
		c.Env = setenv(c.Env, "CACHEX_HELD", lock.ParseHeld(r.req.Held).With(l))
	}
	pending, err := r.dir.Begin(cachedir.Run{Key: r.recipe.Key, Command: r.recipe.Command, Recipe: r.recipe.Text})
	if err != nil {
		r.warn(fmt.Errorf("not stored: %w", err))
	} else {
		c.Sink = recorder{pending}
		defer pending.Discard()
	}
	started := bootNow()
	res, err := runner.Run(c)
	if scarce(err) {
		return r.withoutDescriptors(l, pending, err)
	}
	if err != nil {
		finish(l, noteNotStored+err.Error())
		return r.outcome(cachedir.Declined), err
	}
	out := r.ran(res)
	if res.Interrupted || res.Cut != nil {
		out.NotStored = "interrupted"
		if l != nil {
			_ = l.Abandon() // nothing was learned: one of those who wait takes over
		}
		return out, delivered(res)
	}
	if pending != nil {
		out.Bytes = pending.Size()
		out.NotStored = r.store(pending, res, r.meta(res, started))
	} else {
		out.NotStored = "no room for it in the cache directory"
	}
	out.Stored = out.NotStored == ""
	if out.Stored {
		finish(l, noteStored)
	} else {
		finish(l, noteNotStored+out.NotStored)
	}
	r.noteRun(&out, res)
	out.Warning = r.warning
	return out, nil
}

// withoutDescriptors runs a command that could not be started because the store took the last descriptors: the store
// gives its own back, and the command runs plainly.
func (r *run) withoutDescriptors(l *lock.Lock, pending *cachedir.Pending, cause error) (Outcome, error) {
	if pending != nil {
		pending.Discard()
	}
	finish(l, noteNotStored+"too few descriptors")
	r.dir.Close()
	r.dir = nil
	r.warn(fmt.Errorf("not cached: %w", cause))
	return r.plain(cachedir.Uncacheable, "too few descriptors")
}

func scarce(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// recorder gives what was delivered to a pending entry.
type recorder struct{ p *cachedir.Pending }

func (r recorder) Append(s runner.Stream, b []byte) error { return r.p.Append(uint8(s), b) }

// store commits a finished run, or says why not. Only what broke in the cache itself is worth a warning; the rest is
// told under -v, to those who wait, and to the command's record.
func (r *run) store(p *cachedir.Pending, res runner.Result, m cachedir.Meta) string {
	if errors.Is(res.SinkErr, cachedir.ErrTooLarge) || errors.Is(res.SinkErr, cachedir.ErrNoRoom) {
		return res.SinkErr.Error()
	}
	if res.SinkErr != nil {
		r.warn(fmt.Errorf("not stored: %w", res.SinkErr))
		return res.SinkErr.Error()
	}
	if !res.Complete {
		return "a process that the command left behind kept its output open"
	}
	again, err := hashing.Capture(r.req.Spec, r.dir.Digests())
	if err == nil {
		err = r.recipe.Same(again)
	}
	if err != nil {
		return fmt.Sprintf("%v while the command ran", err)
	}
	err = p.Commit(m)
	for _, expected := range []error{cachedir.ErrNoRoom, cachedir.ErrPurged, cachedir.ErrTooLarge, cachedir.ErrNewer} {
		if errors.Is(err, expected) {
			return expected.Error()
		}
	}
	if err != nil {
		r.warn(fmt.Errorf("not stored: %w", err))
		return err.Error()
	}
	return ""
}

func (r *run) meta(res runner.Result, started moment) cachedir.Meta {
	ended := bootNow()
	ttl := r.req.TTL
	if res.Code != 0 || res.Signal != 0 {
		ttl = r.req.TTLFail
	}
	return cachedir.Meta{
		Key: r.recipe.Key, Recipe: r.recipe.Text, Command: r.recipe.Command, Family: r.family(),
		Merged: r.merged(), Pty: r.req.Spec.Pty, Code: res.Code, Signal: res.Signal,
		Started: res.Started, Ended: res.Ended, BootID: bootID(),
		StartedBoot: int64(started), EndedBoot: int64(ended) - int64(time.Since(res.Ended)),
		TTL: ttl, Random: rand.Uint64(), Tags: r.req.Tags,
	}
}

// noteRun keeps what serves why, waiting and budgets: the last keys of this command and how long it takes.
func (r *run) noteRun(out *Outcome, res runner.Result) {
	err := r.dir.NoteRun(r.recipe.Command, cachedir.CommandRun{
		Key: r.recipe.Key, Ended: res.Ended, Duration: out.Took, Code: out.Code, NotStored: out.NotStored,
	})
	if err != nil {
		r.warn(fmt.Errorf("record of the command: %w", err))
	}
}

// command is the process to start.
func (r *run) command() (runner.Command, error) {
	exe := r.recipe.Exe
	if exe == "" {
		var err error
		if exe, err = hashing.LookPath(r.req.Spec.Argv[0], r.req.Spec.Dir, r.req.Spec.Environ); err != nil {
			return runner.Command{}, err
		}
	}
	c := runner.Command{
		Path: exe, Argv: r.req.Spec.Argv, Env: r.req.Spec.Environ,
		Stdout: r.req.Stdout, Stderr: r.req.Stderr, Merged: r.merged(), Pty: r.req.Spec.Pty,
	}
	switch {
	case r.input != nil:
		c.Stdin, c.Input = r.input.feed()
	case r.req.FeedStdin || runner.IsTerminal(r.req.Stdin):
		c.Stdin = r.req.Stdin
	}
	return c, nil
}

// merged says that the caller's two streams are one file, so that the command gets one pipe for both (P1).
func (r *run) merged() bool {
	return runner.SameFile(r.req.Stdout, r.req.Stderr)
}

// family is the name under which a command is counted: the last element of its first word.
func (r *run) family() string {
	if r.req.Spec.Name != "" && len(r.req.Spec.Argv) == 0 {
		return r.req.Spec.Name
	}
	name := path.Base(strings.ReplaceAll(r.req.Spec.Argv[0], `\`, "/"))
	shown, _ := hashing.Redact(name, "")
	return shown
}

// setenv returns a copy of environ with one variable set.
func setenv(environ []string, name, value string) []string {
	out := make([]string, 0, len(environ)+1)
	for _, kv := range environ {
		if !strings.HasPrefix(kv, name+"=") {
			out = append(out, kv)
		}
	}
	return append(out, name+"="+value)
}

func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
