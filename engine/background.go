package engine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
	"github.com/cachex-cli/cachex/runner"
)

// What goes on in the background is this program again, with the same words, directory and environment, and with
// nothing else of the caller: no terminal, no session, no descriptor but that of a lock. `$(cachex run ...)` and a
// prompt return when the caller has printed, and a CI step that kills its process group does not reach it.

// RefreshVariable tells a process that it is such a refresh. The command does not see it.
const RefreshVariable = "CACHEX_RENEWAL"

// Self is how this program was started, for a refresh in the background. Where it is zero nothing is refreshed, and
// only CachedOnly serves what is stale.
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

	// Asks says that the old result may be fresh: its tags were not asked for in a tier (see nowait.go).
	Asks bool

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

// adopt takes the lock that was handed over, or, if none was, takes it if it is free.
func (r *Refresher) adopt(place lock.File, about string) (*lock.Lock, error) {
	if r.Lock != nil {
		return lock.Adopt(r.Lock, place, r.Nonce, about)
	}
	return lock.Try(place, about)
}

const (
	sizeFormat     = "%dx%d"
	noNonce        = "-"
	keptDescriptor = 3 // see runner.Detach
)

// background starts this program again for what goes on when the caller has his answer.
type background struct {
	caller  *caller
	stdin   *stdin
	remarks *remarks
}

func (r *run) background() background {
	return background{caller: r.caller, stdin: r.inputs.stdin, remarks: &r.remarks}
}

// tryLock takes the lock of a recipe if it is free. Who has it runs the command already. A nil lock with ok: locks do
// not work here.
func (b background) tryLock(file lock.File) (l *lock.Lock, ok bool) {
	l, err := lock.Try(file, b.caller.about())
	switch {
	case err == nil, errors.Is(err, lock.ErrUnsupported):
		return l, true
	case !errors.Is(err, lock.ErrBusy):
		b.remarks.warn(fmt.Errorf("not refreshed: %w", err))
	}
	return nil, false
}

// refresh starts the process that renews a result, and gives it the lock. If that fails, the lock is free again.
// Where a lock cannot be handed on, it is given back, and the process takes it itself.
func (b background) refresh(l *lock.Lock, merged bool) (started bool) {
	err := b.handOver(l, merged)
	if l != nil && errors.Is(err, lock.ErrUnsupported) {
		abandon(l)
		l, err = nil, b.handOver(nil, merged)
	}
	if err != nil {
		b.remarks.warn(fmt.Errorf("not refreshed: %w", err))
		abandon(l)
	}
	return err == nil
}

func (b background) handOver(l *lock.Lock, merged bool) error {
	stdin, err := b.stdin.again()
	if err != nil {
		return err
	}
	env := b.environ()
	d := runner.Detached{Path: b.caller.Self.Path, Argv: b.caller.Self.Argv, Stdin: stdin}
	size := b.caller.terminal()
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

// push starts a process that pushes to the tiers of the background.
func (b background) push(slot cachedir.Slot) {
	stdin, err := b.stdin.again()
	if err == nil {
		err = runner.Detach(runner.Detached{
			Path: b.caller.Self.Path, Argv: b.caller.Self.Argv, Stdin: stdin,
			Env: setenv(b.environ(), RefreshVariable, pushWord+" "+slot.String()),
		})
	}
	if err != nil {
		b.remarks.warn(fmt.Errorf("not uploaded: %w", err))
	}
}

// environ is the environment of another process of this program that is part of nobody's run.
func (b background) environ() []string {
	env := b.caller.Self.Env
	for _, name := range []string{heldVariable, runningVariable, ControlVariable, MakingVariable} {
		env = unsetenv(env, name)
	}
	return env
}
