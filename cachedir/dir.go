// Package cachedir is the local store: one directory that holds the results of commands.
//
//	CACHEDIR.TAG  README  v1/.cachex     the marks: without them a directory that is not empty is not touched
//	v1/entries/ab/<key>                  the last run that exited 0
//	v1/entries/ab/<key>.fail             the last run that did not
//	v1/entries/ab/<key>[.fail].<sha256>  the body of an entry that is too large to lie in it
//	v1/blobs/ab/<sha256>                 the same file under the name of its content, so that equal bodies are one
//	v1/commands/ab/<sha256>              what is known of a command beyond its entries
//	v1/manifests/ab/<sha256>             digests of many files that were named together
//	v1/locks/<key>                       one lock for each recipe that runs now
//	v1/pending/                          what is being written; nothing here is ever read as an entry
//	v1/scopes/ab/<sha256>                which entries were stored under a limit of entries
//	v1/journal/ v1/tags/ v1/stat/        counts of runs, counts of purges, sizes, digests and memos
//
// Three rules carry it. A file becomes visible by one rename and is never changed afterwards, or it consists of
// records that each have a checksum and are written by one call. Everything read is verified, and what does not
// verify is not there. No reader waits for anybody.
package cachedir

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
)

// Defaults of Options.
const (
	DefaultMaxSize = 5 << 30             // bytes
	DefaultKeep    = 30 * 24 * time.Hour // without use
)

// Options say how a directory is used.
type Options struct {
	TrustOwners []int            // user ids whose directory and files are admitted besides our own
	MaxSize     int64            // bytes that the files in it may use; 0: DefaultMaxSize
	InMemory    bool             // at most a quarter of what is free; without MaxSize that much
	Keep        time.Duration    // how long an entry is kept without use; 0: DefaultKeep
	Now         func() time.Time // the clock; nil: time.Now
	ReadOnly    bool             // neither make nor change anything, the directory included
	Keys        []SealKey        // that entries may be encrypted with
	Encrypt     bool             // new entries, with the first of the keys
}

// Dir is an open cache directory. Its methods may be called from several goroutines.
type Dir struct {
	Journal *stats.Journal // of runs, and of what tiers were asked

	opened
	marks
	purgeCounts
	cleaner
	commands
	scopes

	digests *table
}

// opened is the directory that all parts of the store work in, and what they were told of it.
type opened struct {
	o    Options
	path string
	v1   *tree.Tree // where everything but the marks lies
}

// Errors of this package besides *Refused, *Miss and *ReplayError.
var (
	ErrAbsent   = errors.New("there is no cache directory")                             // Open with ReadOnly
	ErrReadOnly = errors.New("the cache directory is used read-only")                   // writing with ReadOnly
	ErrNoRoom   = errors.New("no room in the cache directory")                          // limits and disk floor
	ErrTooLarge = errors.New("output too large for the cache directory")                // more than MaxSize
	ErrPurged   = errors.New("purged while the command ran")                            // the pending file is gone
	ErrNewer    = errors.New("the entry was written by a newer version, which is kept") // Commit
	ErrClosed   = errors.New("the pending entry is closed")                             // after Commit or Discard
	ErrPrivate  = errors.New("the result is private")                                   // Export and Import
	ErrLocal    = errors.New("the result depends on a file of its machine")             // the same
	ErrLearned  = errors.New("other inputs of the command have been learned here")      // Import
	ErrKey      = errors.New("a key is 64 hex digits, or a unique prefix of 8 or more") // Find
)

// ErrNotWorth is an ErrNoRoom of Commit.
var ErrNotWorth = fmt.Errorf("%w: what is there is worth much more", ErrNoRoom)

// Refused says why a directory is not used as a cache (P14).
type Refused = tree.Refused

// Types of what a file says; see there.
type (
	Meta          = format.Meta
	Run           = format.Run
	Tag           = format.Tag
	TagMark       = format.TagMark
	Slot          = format.Slot
	SealKey       = format.SealKey
	CommandRun    = format.CommandRun
	CommandRecord = format.CommandRecord
	CommandWord   = format.CommandWord
)

// Constants of package format.
const (
	Good   = format.Good
	Failed = format.Failed
	OwnSeq = format.OwnSeq
)

// Miss is why there is nothing to replay. Every failure to read an entry is one.
type Miss struct {
	Reason stats.Reason
	Err    error // what went wrong, where that says more than the reason
}

func (m *Miss) Error() string {
	if m.Err == nil {
		return string(m.Reason)
	}
	return fmt.Sprintf("%s: %v", m.Reason, m.Err)
}

func (m *Miss) Unwrap() error { return m.Err }

// Open opens a cache directory, making and marking it if it does not exist or is empty. A directory that may not be
// used is a *Refused, a missing one under ReadOnly is ErrAbsent, anything else is what the system said.
func Open(path string, o Options) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("cache directory: %w", err)
	}
	switch {
	case o.MaxSize > 0:
	case o.InMemory:
		o.MaxSize = math.MaxInt64
	default:
		o.MaxSize = DefaultMaxSize
	}
	if o.Keep <= 0 {
		o.Keep = DefaultKeep
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	root, err := tree.Open(path, o.TrustOwners)
	if errors.Is(err, fs.ErrNotExist) {
		if o.ReadOnly {
			return nil, fmt.Errorf("%w: %s", ErrAbsent, path)
		}
		if err := tree.MakeParents(path, o.TrustOwners); err != nil {
			return nil, fmt.Errorf("cache directory: %w", err)
		}
		root, err = tree.Open(path, o.TrustOwners)
	}
	if err != nil {
		var refused *Refused
		if errors.As(err, &refused) {
			return nil, err
		}
		return nil, fmt.Errorf("cache directory: %w", err)
	}
	d := &Dir{opened: opened{o: o, path: path}, marks: marks{root}}
	if err := d.openMarked(); err != nil {
		root.Close()
		return nil, err
	}
	d.Journal = stats.NewJournal(d.v1, o.Now, o.ReadOnly)
	at := &d.opened
	d.purgeCounts = purgeCounts{at}
	d.cleaner = cleaner{
		opened: at, usage: usage{at}, entries: entries{at, newTable(at, "stat/gone")}, used: newTable(at, "stat/used"),
	}
	d.commands = commands{at, &d.cleaner}
	d.scopes = scopes{at, &d.cleaner}
	d.digests = newTable(at, "stat/digests")
	if o.InMemory {
		d.o.MaxSize = min(o.MaxSize, d.quarter())
	}
	return d, nil
}

// Path is the directory as an absolute path.
func (d *opened) Path() string { return d.path }

// MaxSize is how many bytes the files in the directory may use.
func (d *opened) MaxSize() int64 { return d.o.MaxSize }

// quarter is a quarter of what would be free if this cache were empty, in bytes; the default where that is not known.
func (d *Dir) quarter() int64 {
	free, _, err := d.v1.Space()
	if err != nil {
		return DefaultMaxSize
	}
	used, _ := d.Used()
	return max((free+used)/4, 1)
}

// Foreign reports whether the directory belongs to another user.
func (d *opened) Foreign() bool { return d.v1.IsForeign() }

// SharedAs names the user in the keys of results that he stores in a directory of another one; empty: it is his own,
// and all that it holds was stored by him, or under such a key.
func (d *opened) SharedAs() string {
	if !d.Foreign() {
		return ""
	}
	return strconv.Itoa(os.Geteuid())
}

// Close gives the directory's descriptors back. Entries that were looked up stay readable.
func (d *Dir) Close() {
	d.digests.close()
	d.used.close()
	d.gone.close()
	d.v1.Close()
	d.root.Close()
}

func (d *opened) now() time.Time { return d.o.Now() }

// shard is the fan-out directory of a name.
func shard(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

func entryName(key hashing.Key, s Slot) string {
	return "entries/" + shard(key[0]) + "/" + key.String() + s.Suffix()
}

func bodyName(key hashing.Key, s Slot, sum [32]byte) string {
	return entryName(key, s) + "." + hashing.Key(sum).String()
}

func blobName(sum [32]byte) string {
	return "blobs/" + shard(sum[0]) + "/" + hashing.Key(sum).String()
}

// OncePerDay reports whether this is the first call with this name in the last 24 hours, for warnings that would
// otherwise come with every run. The name consists of lower-case letters and dashes.
func (d *opened) OncePerDay(name string) bool {
	if d.o.ReadOnly {
		return true
	}
	file := "stat/once-" + name
	if d.wasToday(file) {
		return false
	}
	if f, err := d.v1.Create(file); err == nil { // of several that get so far, one
		f.Close()
		_ = d.v1.Touch(file, d.now())
		return true
	}
	f, _, err := d.v1.OpenInPlace(file, 0)
	if err != nil {
		return true
	}
	defer f.Close()
	if errors.Is(f.TryLock(), tree.ErrLocked) || d.wasToday(file) {
		return false
	}
	_ = d.v1.Touch(file, d.now())
	return true
}

// wasToday reports whether a file has a time in the last 24 hours.
func (d *opened) wasToday(file string) bool {
	fi, err := d.v1.Stat(file)
	if err != nil || !fi.Regular {
		return false
	}
	age := d.now().Sub(fi.ModTime)
	return age >= 0 && age < 24*time.Hour
}

// isUseless tells errors that mean: what is wanted is not there, or what is there is not it, or is damaged.
func isUseless(err error) bool { return tree.IsAbsent(err) || errors.Is(err, format.ErrSpoiled) }
