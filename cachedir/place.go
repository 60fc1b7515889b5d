package cachedir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
)

// LockPlace is where the lock of a recipe lies.
func (d *Dir) LockPlace(key hashing.Key) lock.Place { return d.place("locks/" + key.String()) }

func (d *Dir) place(name string) lock.Place { return lockPlace{d.v1, name, d.o.ReadOnly} }

// HeldByParents adds what processes hold that this one descends from, which is what nobody needs to have told it.
func (d *Dir) HeldByParents(h lock.Held) lock.Held {
	const most = 10_000 // runs at once
	return h.WithParents(func(yield func(lock.Place) bool) {
		n := 0
		_ = d.v1.list("locks", func(base string) bool {
			n++
			return n <= most && yield(d.place("locks/"+base))
		})
	})
}

// lockPlace is a lock file in the tree.
type lockPlace struct {
	t        *tree
	name     string
	readOnly bool
}

func (p lockPlace) Path() string { return filepath.Join(p.t.path, filepath.FromSlash(p.name)) }

// Open also takes away what lies at the name and is no lock file.
func (p lockPlace) Open() (*os.File, error) {
	if p.readOnly {
		return nil, ErrReadOnly
	}
	f, _, err := p.t.openInPlace(p.name, 0)
	if err != nil {
		return nil, err
	}
	return f.osFile(p.Path()), nil
}

// Stat goes by path: what it says is only ever compared with an open file.
func (p lockPlace) Stat() (os.FileInfo, error) { return os.Lstat(p.Path()) }

func (p lockPlace) Remove() error { return p.t.remove(p.name) }

// shortWait bounds the wait for locks that are held for less than a millisecond.
const shortWait = 10 * time.Second

// lockShort takes a lock for a few steps in a row; unlock gives it back. Where there are no locks it succeeds all the
// same, and locked is false.
func (d *Dir) lockShort(name, about string) (unlock func(), locked bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), shortWait)
	defer cancel()
	l, _, err := lock.Wait(ctx, d.place(name), lock.Held{}, about)
	switch {
	case errors.Is(err, lock.ErrUnsupported):
		return func() {}, false, nil
	case err != nil:
		return nil, false, err
	case l == nil: // nobody leaves a note at these locks
		return func() {}, false, nil
	}
	return func() { _ = l.Abandon() }, true, nil
}
