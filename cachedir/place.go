package cachedir

import (
	"os"
	"path/filepath"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
)

// LockPlace is where the lock of a recipe lies.
func (d *Dir) LockPlace(key hashing.Key) lock.Place { return d.place("locks/" + key.String()) }

func (d *Dir) place(name string) lock.Place { return lockPlace{d.v1, name, d.o.ReadOnly} }

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
