package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
	"github.com/cachex-cli/cachex/runner"
)

// An old answer is served at once, and one process renews it. Whoever gets the lock of the recipe starts that process and
// hands it the lock: the same open file, which the kernel frees when the process ends, however it ends. So there are never
// two refreshes of one recipe, a killed one leaves nothing behind but the old answer, and the next caller starts another.
//
// The process is this program again, with the same words, directory and environment, and with nothing else of the caller:
// no terminal, no session, no descriptor but that of the lock. `$(cachex run ...)` and a prompt return when the caller has
// printed, and a CI step that kills its process group does not reach it.

// RefreshVariable tells a process that it is such a refresh. The command does not see it.
const RefreshVariable = "CACHEX_RENEWAL"

// Self is how this program was started.
type Self struct {
	Path string
	Argv []string
	Env  []string
}

// Refresher is what a refreshing process was given.
type Refresher struct {
	Lock   *os.File // nil where locks do not work
	Nonce  string   // of the holding that was handed over
	Merged bool     // record stdout and stderr through one pipe, as the old entry was

	// Terminal is the size of the pseudo-terminal that the old entry was made under.
	Terminal hashing.Size

	// Uploads says that nothing is renewed: the entry in this slot is pushed to the tiers of the background.
	Uploads bool
	Push    cachedir.Slot
}

const pushWord = "push"

// ParseRefresher reads the value of RefreshVariable.
func ParseRefresher(value string) (*Refresher, bool) {
	nonce, merged, ok := strings.Cut(value, " ")
	if nonce == pushWord {
		for _, slot := range [...]cachedir.Slot{cachedir.Good, cachedir.Failed} {
			if merged == slot.String() {
				return &Refresher{Uploads: true, Push: slot}, true
			}
		}
		return nil, false
	}
	merged, size, _ := strings.Cut(merged, " ")
	r := &Refresher{Nonce: nonce}
	var err, err2 error
	r.Merged, err = strconv.ParseBool(merged)
	_, err2 = fmt.Sscanf(size, sizeFormat, &r.Terminal.Rows, &r.Terminal.Cols)
	if !ok || err != nil || err2 != nil || nonce == "" {
		return nil, false
	}
	if nonce != noNonce {
		r.Lock = os.NewFile(keptDescriptor, "lock")
	}
	return r, true
}

const (
	sizeFormat     = "%dx%d"
	noNonce        = "-"
	keptDescriptor = 3 // see runner.Detach
)

// serveStale answers with an old result, and sees to it that it is renewed. Who does not get the lock need not: the one
// who has it runs the command.
func (r *run) serveStale(e *cachedir.Entry) (Outcome, error) {
	how := stats.Hit // it is refreshed early
	if v := fresh(r.lookup.reader(), e); !v.ok() {
		how, r.lookup.miss = stats.Stale, v
	}
	if r.caller.CachedOnly || r.caller.ReadOnly {
		return r.replay(e, how)
	}
	l, err := lock.Try(r.dir.LockPlace(r.inputs.recipe.Key), r.caller.about())
	switch {
	case errors.Is(err, lock.ErrBusy):
		return r.replay(e, how)
	case err != nil && !errors.Is(err, lock.ErrUnsupported):
		r.remarks.warn(fmt.Errorf("not refreshed: %w", err))
		return r.replay(e, how)
	}
	again, newer := r.lookAgain(e)
	if newer {
		finish(l, noteStored) // somebody has renewed it before we had the lock
		if r.lookup.prefersFallback(again) {
			return r.serveInsteadOf(again)
		}
		return r.replay(again, stats.Hit)
	}
	started := r.startRefresh(l, again.Merged)
	out, err := r.replay(again, how)
	out.Refreshed = started
	return out, err
}

// lookAgain looks for a newer result than an old one, which it returns if there is none. Of the two the other is closed.
func (r *run) lookAgain(old *cachedir.Entry) (e *cachedir.Entry, newer bool) {
	key := r.inputs.recipe.Key
	found, err := r.lookup.local(stale)
	if err != nil || found == nil {
		r.inputs.recipe.Key = key
		return old, false
	}
	old.Close()
	return found, fresh(r.lookup.reader(), found).ok() && found.Ended.After(old.Ended)
}

// warm starts a run in the background, unless one is under way.
func (r *run) warm() (Outcome, error) {
	if r.caller.CachedOnly || r.caller.ReadOnly {
		return r.outcome(stats.Declined), nil
	}
	l, err := lock.Try(r.dir.LockPlace(r.inputs.recipe.Key), r.caller.about())
	if errors.Is(err, lock.ErrBusy) {
		return r.outcome(stats.Declined), nil
	}
	if err != nil && !errors.Is(err, lock.ErrUnsupported) {
		r.remarks.warn(fmt.Errorf("not warmed: %w", err))
		return r.outcome(stats.Declined), nil
	}
	if found, err := r.lookup.local(fresh); err == nil && found != nil {
		found.Close()
		finish(l, noteStored)
		return r.outcome(stats.Declined), nil
	}
	started := r.startRefresh(l, false)
	out := r.outcome(stats.Declined)
	out.Refreshed = started
	return out, nil
}

// startRefresh starts the process that renews a result, and gives it the lock. If that fails, the lock is free again.
// Where a lock cannot be handed on, it is given back, and the process takes it itself.
func (r *run) startRefresh(l *lock.Lock, merged bool) (started bool) {
	err := r.handOver(l, merged)
	if l != nil && errors.Is(err, lock.ErrUnsupported) {
		abandon(l)
		l, err = nil, r.handOver(nil, merged)
	}
	if err != nil {
		r.remarks.warn(fmt.Errorf("not refreshed: %w", err))
		abandon(l)
	}
	return err == nil
}

func (r *run) handOver(l *lock.Lock, merged bool) error {
	stdin, err := r.inputs.stdin.again()
	if err != nil {
		return err
	}
	env := r.apart()
	d := runner.Detached{Path: r.caller.Self.Path, Argv: r.caller.Self.Argv, Stdin: stdin}
	size := r.caller.terminal()
	detach := func(nonce string, f *os.File) error {
		d.Keep = f
		d.Env = setenv(env, RefreshVariable, fmt.Sprintf("%s %t "+sizeFormat, nonce, merged, size.Rows, size.Cols))
		return runner.Detach(d)
	}
	if l == nil {
		return detach(noNonce, nil)
	}
	return l.HandOver(func(f *os.File) error { return detach(l.Nonce(), f) })
}

// refresh is the life of the process that renews: it has the lock already, runs the command for nobody, and stores. If
// the inputs are others by now, the lock is that of a recipe which nobody asks for any more.
func (r *run) refresh() (Outcome, error) {
	if _, err := r.lookup.local(nothing); err != nil {
		return r.outcome(stats.Declined), nil
	}
	if r.caller.Refresher.Uploads {
		return r.pushOnly()
	}
	l, err := r.adopt()
	if err != nil && !errors.Is(err, lock.ErrUnsupported) {
		return r.outcome(stats.Declined), nil
	}
	if r.renewedElsewhere() {
		finish(l, noteStored)
		return r.outcome(stats.Declined), nil
	}
	r.lookup.miss.reason = stats.Expired
	out, err := r.lead(l)
	if err != nil || out.Served != stats.Missed {
		return out, err
	}
	out.Served = stats.Renewed
	if !out.Stored || !r.caller.CacheExit(exitNumberOf(out.Code, out.Signal)) {
		out.Served = stats.Unfresh
	}
	return out, nil
}

// renewedElsewhere reports whether another host has renewed the result, or did so while this one waited for it. If not,
// this run leads among all hosts.
func (r *run) renewedElsewhere() bool {
	found, err := r.lookup.further()
	if err != nil || found == nil {
		return false
	}
	found.Close()
	return true
}

// adopt takes the lock that was handed over, or, if none was, takes it if it is free.
func (r *run) adopt() (*lock.Lock, error) {
	place := r.dir.LockPlace(r.inputs.recipe.Key)
	if f := r.caller.Refresher.Lock; f != nil {
		return lock.Adopt(f, place, r.caller.Refresher.Nonce, r.caller.about())
	}
	return lock.Try(place, r.caller.about())
}

// nothing admits no entry: what is wanted of the look is the recipe.
func nothing(reader, *cachedir.Entry) verdict { return verdict{reason: stats.Forced} }

// again returns the input as a file for a second reader; nil where there is no input.
func (in *stdin) again() (*os.File, error) {
	if in == nil {
		return nil, nil
	}
	if in.file == nil {
		f, err := runner.UnnamedFile()
		if err != nil {
			return nil, err
		}
		in.file = f
		if _, err := f.Write(in.head); err != nil {
			return nil, err
		}
		in.head = nil
	}
	_, err := in.file.Seek(0, io.SeekStart)
	return in.file, err
}

// apart is the environment of another process of this program that is part of nobody's run.
func (r *run) apart() []string {
	env := r.caller.Self.Env
	for _, name := range []string{heldVariable, runningVariable, ControlVariable} {
		env = unsetenv(env, name)
	}
	return env
}
