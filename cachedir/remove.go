package cachedir

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/hashing"
)

// EntryInfo is what Walk and Purge tell of an entry, or of a run that is being recorded.
type EntryInfo struct {
	Meta                          // of a pending one only Key, Command and Recipe
	Slot                   Slot   // of a pending one not known yet
	StdoutSize, StderrSize int64  // bytes
	Stored                 int64  // bytes on disk
	Pending                bool   // it has not ended yet
	Sealed                 bool   // encrypted with a key that is not here: recipe, tags and sizes are not known
	Entry                  *Entry // nil if Pending or damaged; valid during the call
	Err                    error  // why the entry cannot be read
}

func (i EntryInfo) hasTag(name string) bool {
	return slices.ContainsFunc(i.Tags, func(t Tag) bool { return t.Name == name })
}

// Walk calls fn for every entry until it returns an error, which Walk returns. An entry that cannot be read has Err
// set and no more than Key and Slot.
func (d *Dir) Walk(fn func(EntryInfo) error) error {
	for i := range Parts {
		if err := walkShard(d, context.Background(), byte(i), fn); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dir) visit(key hashing.Key, s Slot, fn func(EntryInfo) error) error {
	e, err := d.load(key, s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone since
	}
	var sealed *sealedError
	if errors.As(err, &sealed) {
		return fn(EntryInfo{Meta: sealed.h.Meta, Slot: s, Sealed: true, Err: err})
	}
	if err != nil {
		return fn(EntryInfo{Meta: Meta{Key: key}, Slot: s, Err: err})
	}
	defer e.Close()
	return fn(EntryInfo{
		Meta: e.Meta, Slot: s, StdoutSize: e.StdoutSize, StderrSize: e.StderrSize, Stored: e.Stored, Entry: e,
	})
}

// Remove removes the entry of a slot with its body. That there is none is no error.
func (d *cleaner) Remove(key hashing.Key, s Slot) error {
	if d.o.ReadOnly {
		return ErrReadOnly
	}
	b, berr := d.openUsage() // on a full or broken disk entries can be removed nevertheless
	var since usagePoint
	if berr == nil {
		defer b.close()
		since = b.now()
	}
	bytes, err := d.unlink(key, s)
	if err != nil {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	if berr == nil {
		b.giveBack(since, usageRecord{shard: key[0], word: wordOf(key), bytes: -bytes}, 0)
	}
	return nil
}

// unlink removes the entry of a slot with its body, and returns what they were counted as.
func (d *entries) unlink(key hashing.Key, s Slot) (int64, error) {
	old, _ := d.stored(key, s) // a newer version's entry goes too: somebody asked for it
	name := entryName(key, s)
	if err := d.v1.Remove(name); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		if err := d.v1.Clear(name); err != nil {
			return 0, err
		}
	}
	if old.inFile {
		d.dropBody(key, s, old.sum)
	}
	return old.size, nil
}

// Purge removes what match selects: first the pending files of running commands, so that their commit fails, then
// entries. It waits for nobody. With dryRun it only calls match, from several goroutines at once. It returns how many
// entries it removed, or would.
func (d *Dir) Purge(match func(EntryInfo) bool, dryRun bool) (int, error) {
	return Pass{}.Purge(d, match, dryRun)
}

// PurgeAll removes all entries, and what is known of commands, files and scopes. Runs that have begun are purged too: a
// new epoch makes what they store invalid.
func (d *Dir) PurgeAll() (int, error) { return Pass{}.PurgeAll(d) }

// PurgeSoftly lets the entries that match selects be served once more while they are refreshed. Runs that have begun
// are not forbidden: what they store counts as softly purged. It returns how many entries it reached, or, with dryRun,
// would.
func (d *Dir) PurgeSoftly(match func(EntryInfo) bool, dryRun bool) (int, error) {
	return Pass{}.PurgeSoftly(d, match, dryRun)
}

// PurgeSoftly is Dir.PurgeSoftly. If it is stopped, it has reached none.
func (p Pass) PurgeSoftly(d *Dir, match func(EntryInfo) bool, dryRun bool) (int, error) {
	var (
		names []string
		mu    sync.Mutex
	)
	n, err := p.Purge(d, func(i EntryInfo) bool {
		if !match(i) || i.Err != nil {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		names = append(names, keyMark(i.Key))
		return true
	}, true)
	if err != nil || dryRun || n == 0 {
		return n, err
	}
	if _, err := d.purgeMarks(true, names...); err != nil {
		return 0, fmt.Errorf("purge: %w", err)
	}
	return n, nil
}

// PurgeAllSoftly is PurgeSoftly for everything, also for runs that have begun.
func (d *Dir) PurgeAllSoftly() error {
	_, err := d.advance(
		func(p format.Purges) format.Purges { p.Seq++; p.Soft = p.Seq; return p },
		func(format.Purges) error { return nil })
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return nil
}

// forbid unlinks the .run files of the runs that match selects, and of those that cannot be read.
func (d *Dir) forbid(match func(EntryInfo) bool) error {
	err := d.v1.List("pending", func(base string) bool {
		if run, ok := pendingRun(base); ok && run == base {
			if info, err := d.readRun(base); err != nil || match(info) {
				_ = d.v1.Remove("pending/" + base)
			}
		}
		return true
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Forbid keeps the runs of a recipe that are under way from storing their results, as a purge does.
func (d *Dir) Forbid(key hashing.Key) error {
	if d.o.ReadOnly {
		return ErrReadOnly
	}
	return d.forbid(func(i EntryInfo) bool { return i.Key == key })
}

// readRun reads a .run file, which may be about to become an entry.
func (d *Dir) readRun(base string) (EntryInfo, error) {
	info := EntryInfo{Pending: true}
	info.Key, _ = hashing.ParseKey(base[:64])
	b, _, err := d.v1.ReadSmall("pending/"+base, format.MaxMeta)
	if err != nil {
		return info, err
	}
	if r, err := format.DecodeRun(b, d.o.Keys...); err == nil {
		info.Command, info.Recipe = r.Command, r.Recipe
		return info, nil
	}
	h, _, err := format.DecodeEntry(b, d.o.Keys...)
	if err == nil {
		info.Command, info.Recipe = h.Command, h.Recipe
	}
	return info, err
}

// Check verifies every entry, bodies included, and calls fn with each faulty one, in the order of keys by their first
// byte, until it returns an error. An entry that is replaced or removed meanwhile is not faulty.
func (d *Dir) Check(fn func(EntryInfo) error) error { return Pass{}.Check(d, fn) }

// verifySealed holds the body of an entry to its name, without the key of either.
func (d *Dir) verifySealed(key hashing.Key, s Slot) error {
	e, err := d.load(key, s)
	var sealed *sealedError
	switch {
	case err == nil:
		e.Close()
		return nil // it was replaced
	case !errors.As(err, &sealed):
		return err
	case !sealed.h.InFile:
		return nil
	}
	f, fi, err := d.v1.OpenRead(bodyName(key, s, sealed.h.Sum))
	if err != nil {
		return withoutAbsence(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, &section{f: bodyFile{File: f}, end: fi.Size}); err != nil {
		return err
	}
	if [sha256.Size]byte(sum.Sum(nil)) != sealed.h.Sum {
		return fmt.Errorf("%w: SHA-256 of the body", format.ErrSpoiled)
	}
	return nil
}

// changed reports whether the name of an entry no longer refers to what was read.
func (d *entries) changed(i EntryInfo) bool {
	fi, err := d.v1.Stat(entryName(i.Key, i.Slot))
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	return err == nil && i.Entry != nil && fi.ID != i.Entry.id
}
