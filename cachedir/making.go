package cachedir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// Making is somebody who makes files in a working directory at this moment: a run, or a hit that puts files in place.
// Nobody waits for anybody there; but who stores what he has made wants to know whether somebody else may have made it.
// Each has a file in pending/, which he holds locked as long as he lives, and in which he says what he makes. Who comes
// later reads the files of the others, and adds a mark to those whose owners make the same.
//
// Each writes his own file before he reads the others: of two that come at once, one at least sees both.
type Making struct {
	d         *opened
	name      string
	f         tree.File
	size      int64 // of the file without marks
	disturbed bool
}

const (
	makingSuffix = ".making"
	mostMaking   = 1 << 20 // bytes of what one says
	mark         = "x"
)

// Making begins with what one makes in a directory, in his own words; same compares that with the words of another one.
// Those of whom he is a part, by their names, do not disturb him, nor he them.
func (d *opened) Making(dir, what string, partOf []string, same func(other string) bool) (*Making, error) {
	if d.o.ReadOnly {
		return nil, ErrReadOnly
	}
	m := &Making{d: d}
	sum := sha256.Sum256([]byte(dir))
	here := hex.EncodeToString(sum[:])
	if err := m.begin(here, what); err != nil {
		return nil, err
	}
	err := d.v1.List(tree.PendingDir, func(base string) bool {
		name := tree.PendingDir + "/" + base
		if strings.HasPrefix(base, here) && strings.HasSuffix(base, makingSuffix) && name != m.name &&
			!slices.Contains(partOf, base) {
			m.meet(name, same)
		}
		return true
	})
	if err != nil {
		m.End()
		return nil, err
	}
	return m, nil
}

// begin makes the file of this one. Who has met it before it was locked may have taken it away.
func (m *Making) begin(here, what string) error {
	text := what + "\n"
	m.size = int64(len(text))
	var word [8]byte
	for range 8 {
		for i := range word {
			word[i] = byte(rand.Uint32())
		}
		m.name = tree.PendingDir + "/" + here + "." + hex.EncodeToString(word[:]) + makingSuffix
		f, err := m.d.v1.Create(m.name)
		if err != nil {
			return err
		}
		locked := f.TryLock()
		if fi, err := f.Info(); err == nil && fi.Links == 1 && !errors.Is(locked, tree.ErrLocked) {
			if err := f.WriteAll([]byte(text)); err != nil {
				f.Close()
				_ = m.d.v1.Remove(m.name)
				return err
			}
			m.f = f
			return nil
		}
		f.Close()
	}
	return m.d.v1.PathError("lock", m.name, tree.ErrLocked)
}

// meet looks at another one. One that has not said yet what it makes will meet this one.
func (m *Making) meet(name string, same func(string) bool) {
	f, err := m.d.v1.Open(name, os.O_RDWR|os.O_APPEND)
	if err != nil {
		return
	}
	defer f.Close()
	fi, err := f.Info()
	if err != nil || !fi.Regular || fi.Links != 1 || !m.d.v1.Trusts(fi.UID) {
		return
	}
	if f.TryLock() == nil { // it was killed
		_ = m.d.v1.Remove(name)
		return
	}
	b := make([]byte, min(fi.Size, mostMaking))
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return
	}
	what, _, said := strings.Cut(string(b[:n]), "\n")
	if said && same(what) {
		m.disturbed = true
		_ = f.WriteAll([]byte(mark))
	}
}

// Name is that of this one.
func (m *Making) Name() string { return path.Base(m.name) }

// Disturbed reports whether somebody else has made the same meanwhile, or that cannot be told.
func (m *Making) Disturbed() bool {
	fi, err := m.f.Info()
	return m.disturbed || err != nil || fi.Size != m.size
}

// End says that nothing is made any more.
func (m *Making) End() {
	_ = m.d.v1.Remove(m.name)
	m.f.Close()
}

// dropMaking removes the files of those that were killed.
func (d *cleaner) dropMaking(name string) {
	if fi, err := d.v1.Stat(name); err == nil && age(fi) > newMargin && !d.isLocked(name) {
		_ = d.v1.Remove(name)
	}
}
