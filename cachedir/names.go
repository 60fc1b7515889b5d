package cachedir

import (
	"errors"
	"time"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
)

// What lies under a name alone (see hashing.ValueName) is changed by runs and by whoever sets a value. A run that was
// under way when a value was set does not know of it, and must not put its result in the place of that. So Begin notes
// what is there, and Commit, under a short lock of the name, stores nothing if that is something else by then. Who
// holds the lock himself knows what he replaces.

// ErrSuperseded is what Commit returns if something else was stored under the name since the run began.
var ErrSuperseded = errors.New("its name was given another value while the command ran")

// NameLock is the lock of one name. It is held for less than a millisecond, so names share 256 of them.
type NameLock struct {
	unlock func()
	locked bool
}

// LockName takes the lock of a name for a few steps in a row.
func (d *Dir) LockName(key hashing.Key) (*NameLock, error) {
	unlock, locked, err := d.v1.LockShort("stat/"+shard(key[0])+".name", "a value")
	if err != nil {
		return nil, err
	}
	return &NameLock{unlock, locked}, nil
}

// turnWait bounds the wait for a turn: a tier that does not answer holds up nobody for longer.
const turnWait = 2 * time.Second

// Turn waits for its turn to change, in a tier, the value of a name; done ends it. Nothing depends on it: who comes in
// between has his change refused by the tier, and tries again. But of fifty processes that try at once only one gets
// through each time.
func (d *Dir) Turn(key hashing.Key) (done func()) {
	unlock, _, err := d.v1.LockWithin(turnWait, "stat/"+shard(key[0])+".turn", "a value in a tier")
	if err != nil {
		return func() {}
	}
	return unlock
}

// Excludes reports whether nobody else holds the lock: false where the filesystem has no locks.
func (l *NameLock) Excludes() bool { return l.locked }

// Unlock gives the lock back.
func (l *NameLock) Unlock() { l.unlock() }

// stamp tells what a slot held at one moment from what it holds at another; zero: nothing that can be read.
type stamp struct {
	random uint64
	ended  int64 // ns since 1970
}

// stampOf looks at the first slot of a name. Values are nothing but results of success.
func (d *entries) stampOf(key hashing.Key) (stamp, error) {
	f, fi, err := d.v1.OpenRead(entryName(key, Good))
	if tree.IsAbsent(err) { // what lies there and is no entry will be moved away
		return stamp{}, nil
	}
	if err != nil {
		return stamp{}, err
	}
	defer f.Close()
	h, err := peek(f, fi.Size)
	if err != nil {
		return stamp{}, nil // damaged: it will be replaced
	}
	return stamp{h.Random, h.Ended.UnixNano()}, nil
}

// isNamed reports whether an entry is what lies under a name alone.
func isNamed(r Run) bool {
	_, _, ok := hashing.ValueName(r.Recipe)
	return ok
}

// unlessSuperseded stores an entry, or returns ErrSuperseded.
func (p *Pending) unlessSuperseded(h *format.Header, store func() error) error {
	if p.named == nil {
		return store()
	}
	l, err := p.d.LockName(h.Key)
	if err != nil {
		return err
	}
	defer l.Unlock()
	if now, err := p.d.stampOf(h.Key); err != nil || now != *p.named {
		return errors.Join(err, ErrSuperseded)
	}
	return store()
}

// Retract removes what was stored under a name, unless something else lies there by now. m is that of the entry.
func (d *Dir) Retract(key hashing.Key, m Meta) error {
	l, err := d.LockName(key)
	if err != nil {
		return err
	}
	defer l.Unlock()
	if now, err := d.stampOf(key); err != nil || now != (stamp{m.Random, m.Ended.UnixNano()}) {
		return err
	}
	return d.Remove(key, Good)
}

// Replaces makes Commit replace whatever lies under the name: the caller says so after he has taken the lock of the
// name, and holds it until Commit has returned.
func (p *Pending) Replaces(*NameLock) { p.named = nil }
