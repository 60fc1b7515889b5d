package tree

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/cachex-cli/cachex/lock"
)

// LockFile is where a lock of package lock lies.
func (t *Tree) LockFile(name string) lock.File { return lockFile{t, name} }

// lockFile is a lock file in the tree.
type lockFile struct {
	t    *Tree
	name string
}

func (p lockFile) Path() string { return p.t.Path(p.name) }

// Open also takes away what lies at the name and is no lock file.
func (p lockFile) Open() (*os.File, error) {
	f, _, err := p.t.OpenInPlace(p.name, 0)
	if err != nil {
		return nil, err
	}
	return f.osFile(p.Path()), nil
}

// Stat goes by path: what it says is only ever compared with an open file.
func (p lockFile) Stat() (os.FileInfo, error) { return os.Lstat(p.Path()) }

func (p lockFile) Remove() error { return p.t.Remove(p.name) }

// shortWait bounds the wait for locks that are held for less than a millisecond.
const shortWait = 10 * time.Second

// LockShort takes a lock for a few steps in a row; unlock gives it back. Where there are no locks it succeeds all the
// same, and locked is false.
func (t *Tree) LockShort(name, about string) (unlock func(), locked bool, err error) {
	return t.LockWithin(shortWait, name, about)
}

// LockWithin is LockShort with a bound of the wait.
func (t *Tree) LockWithin(wait time.Duration, name, about string) (unlock func(), locked bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	l, _, err := lock.Wait(ctx, t.LockFile(name), lock.Held{}, about)
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
