package cachedir

import (
	"os"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
)

// LockFile is where the lock of a recipe lies.
func (d *opened) LockFile(key hashing.Key) lock.File { return d.lockFile("locks/" + key.String()) }

func (d *opened) lockFile(name string) lock.File {
	if d.o.ReadOnly {
		return readOnlyLock{d.v1.LockFile(name)}
	}
	return d.v1.LockFile(name)
}

// readOnlyLock is a lock file that nobody may take.
type readOnlyLock struct{ lock.File }

func (readOnlyLock) Open() (*os.File, error) { return nil, ErrReadOnly }

// HeldByParents adds what processes hold that this one descends from, which is what nobody needs to have told it.
func (d *opened) HeldByParents(h lock.Held) lock.Held {
	const most = 10_000 // runs at once
	return h.WithParents(func(yield func(lock.File) bool) {
		n := 0
		_ = d.v1.List("locks", func(base string) bool {
			n++
			return n <= most && yield(d.lockFile("locks/"+base))
		})
	})
}
