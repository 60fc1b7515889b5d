package cachedir

import (
	"os"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
)

// LockPlace is where the lock of a recipe lies.
func (d *opened) LockPlace(key hashing.Key) lock.Place { return d.place("locks/" + key.String()) }

func (d *opened) place(name string) lock.Place {
	if d.o.ReadOnly {
		return readOnlyPlace{d.v1.LockFile(name)}
	}
	return d.v1.LockFile(name)
}

// readOnlyPlace is a lock file that nobody may take.
type readOnlyPlace struct{ lock.Place }

func (readOnlyPlace) Open() (*os.File, error) { return nil, ErrReadOnly }

// HeldByParents adds what processes hold that this one descends from, which is what nobody needs to have told it.
func (d *opened) HeldByParents(h lock.Held) lock.Held {
	const most = 10_000 // runs at once
	return h.WithParents(func(yield func(lock.Place) bool) {
		n := 0
		_ = d.v1.List("locks", func(base string) bool {
			n++
			return n <= most && yield(d.place("locks/"+base))
		})
	})
}
