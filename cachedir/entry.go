package cachedir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir/choice"
	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
)

// Entry is a stored result. What it says of the run was verified when it was looked up; a body in a file of its own
// is verified by Verify and Replay. An Entry stays readable until Close, whatever is purged or replaced meanwhile.
type Entry struct {
	Meta
	Slot                   Slot
	StdoutSize, StderrSize int64     // bytes
	Stored                 int64     // bytes on disk, the body included
	LastUse                time.Time // accurate to an hour
	Soft                   bool      // purged softly since, as Lookup saw it

	d      *Dir
	h      *format.Header
	inline []byte
	body   bodyFile
	open   bool // body is
	id     tree.ID
	sum    uint64 // at the end of its file
}

// firstRead is how much of an entry is read at once: most are smaller, and are then read by one call.
const firstRead = 8 << 10

// Lookup returns the entry of a recipe in one slot. Every failure is a *Miss; New and Evicted say that there is none.
//
// It takes no lock and costs the same whatever the cache holds: open, fstat, read and close for a small entry; open,
// read and close for the count of purges.
func (d *Dir) Lookup(key hashing.Key, recipe []byte, s Slot) (*Entry, error) {
	e, err := d.Load(key, s)
	if err != nil {
		return nil, err
	}
	return e.Admit(recipe)
}

// Admit returns an entry that was loaded, if it is what Lookup would return, and else closes it.
func (e *Entry) Admit(recipe []byte) (_ *Entry, err error) {
	if !bytes.Equal(e.Recipe, recipe) {
		e.Close()
		return nil, &Miss{stats.Corrupt, errors.New("its recipe is another one")}
	}
	if e.Soft, err = e.d.CheckTags(e.Meta); err != nil {
		e.Close()
		return nil, &Miss{stats.Purged, err}
	}
	return e, nil
}

// Load returns the entry of a key in one slot, whatever its recipe and whether or not it was purged by tag.
func (d *Dir) Load(key hashing.Key, s Slot) (*Entry, error) {
	e, err := d.load(key, s)
	if err != nil {
		return nil, d.miss(key, err)
	}
	return e, nil
}

// entries are the files of entries, with their bodies.
type entries struct {
	*opened
	gone *table // keys that were removed to make room
}

// Has reports whether a slot holds anything.
func (d *entries) Has(key hashing.Key, s Slot) bool {
	_, err := d.v1.Stat(entryName(key, s))
	return err == nil
}

func (d *entries) miss(key hashing.Key, err error) *Miss {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if d.WasEvicted(key) {
			return &Miss{Reason: stats.Evicted}
		}
		return &Miss{Reason: stats.New}
	case errors.Is(err, format.ErrVersion):
		return &Miss{stats.Version, err}
	case errors.Is(err, format.ErrNoKey):
		return &Miss{stats.Uncacheable, format.ErrNoKey}
	}
	return &Miss{stats.Corrupt, err}
}

// load reads an entry and opens its body. The two are separate files, and a store may put a new pair in place between
// the two opens and remove the old body: then the new entry is there to be read.
func (d *Dir) load(key hashing.Key, s Slot) (*Entry, error) {
	var last tree.ID
	for {
		e, err := d.loadOnce(key, s)
		if err == nil || e == nil || e.id == last {
			if err != nil {
				return nil, err
			}
			return e, nil
		}
		last = e.id
	}
}

// loadOnce returns an entry, or an error; or both, if the entry is good and its body is not there.
func (d *Dir) loadOnce(key hashing.Key, s Slot) (*Entry, error) {
	name := entryName(key, s)
	f, fi, err := d.v1.OpenRead(name)
	if err != nil {
		return nil, err
	}
	b, err := readEntry(f, fi.Size)
	f.Close()
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", key, err)
	}
	h, inline, err := format.DecodeEntry(b, d.o.Keys...)
	if err != nil && !errors.Is(err, format.ErrNoKey) {
		return nil, fmt.Errorf("entry %s: %w", key, err)
	}
	if h.Key != key || h.Slot() != s {
		return nil, fmt.Errorf("entry %s: %w: it is the entry of another key", key, format.ErrSpoiled)
	}
	if err != nil {
		return nil, &sealedError{h}
	}
	e := &Entry{
		Meta: h.Meta, Slot: s, StdoutSize: h.Stdout, StderrSize: h.Stderr, Stored: fi.Size, LastUse: fi.ModTime,
		d: d, h: h, inline: inline, id: fi.ID, sum: format.Trailer(b),
	}
	if !h.InFile {
		return e, nil
	}
	e.Stored += h.FileLen()
	return e, e.openBody()
}

func (e *Entry) openBody() error {
	f, fi, err := e.d.v1.OpenRead(bodyName(e.Key, e.Slot, e.h.Sum))
	if err != nil {
		return fmt.Errorf("%w: body of %s: %w", format.ErrSpoiled, e.Key, withoutAbsence(err))
	}
	if fi.Size != e.h.FileLen() {
		f.Close()
		return fmt.Errorf("%w: body of %s: %d bytes instead of %d", format.ErrSpoiled, e.Key, fi.Size, e.h.FileLen())
	}
	e.body, e.open = bodyFile{f, e.h.Seal}, true
	return nil
}

// sealedError is an entry that is encrypted with a key that is not here.
type sealedError struct{ h *format.Header } // what lies in the clear of it

func (e *sealedError) Error() string { return fmt.Sprintf("entry %s: %v", e.h.Key, format.ErrNoKey) }

func (e *sealedError) Unwrap() error { return format.ErrNoKey }

// withoutAbsence hides that a file does not exist: an entry without its body is damaged, not absent.
func withoutAbsence(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("it is not there")
	}
	return err
}

// readEntry reads an entry file. Nothing is allocated before the prefix has been checked against the file's size.
func readEntry(f tree.File, size int64) ([]byte, error) {
	b := make([]byte, min(size, firstRead))
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if b = b[:n]; size <= firstRead {
		return b, nil
	}
	if err := format.CheckPrefix(b, size); err != nil {
		return nil, err
	}
	all := make([]byte, size)
	copy(all, b)
	m, err := f.ReadAt(all[n:], int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return all[:n+m], nil
}

// Close gives the entry's descriptor back.
func (e *Entry) Close() {
	if e.open {
		e.body.Close()
		e.open = false
	}
}

// Touch notes that the entry was used, for the cleaner. It costs nothing if that was noted within the last hour.
func (e *Entry) Touch() {
	now := e.d.now()
	if age := now.Sub(e.LastUse); e.d.o.ReadOnly || age > -choice.UseEvery && age < choice.UseEvery {
		return
	}
	if e.d.v1.Touch(entryName(e.Key, e.Slot), now) == nil {
		e.d.countHit(e.Key)
	}
}

// TouchNow notes the use to the nanosecond, for LimitScope.
func (e *Entry) TouchNow() {
	if !e.d.o.ReadOnly {
		_ = e.d.v1.Touch(entryName(e.Key, e.Slot), e.d.now())
	}
}

// Find returns the keys that begin with some hex digits, at most limit of them.
func (d *entries) Find(prefix string, limit int) ([]hashing.Key, error) {
	prefix = strings.ToLower(prefix)
	if len(prefix) < 8 || len(prefix) > 64 || strings.Trim(prefix, "0123456789abcdef") != "" {
		return nil, ErrKey
	}
	var keys []hashing.Key
	err := d.v1.List("entries/"+prefix[:2], func(name string) bool {
		if key, _, ok := parseEntryName(name); ok && strings.HasPrefix(name, prefix) && !contains(keys, key) {
			keys = append(keys, key)
		}
		return len(keys) < limit
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return keys, err
}

func contains(keys []hashing.Key, key hashing.Key) bool {
	for _, k := range keys {
		if k == key {
			return true
		}
	}
	return false
}

// parseName reads a key as names of files have it: 64 digits, and no capital letters.
func parseName(text string) (hashing.Key, bool) {
	if len(text) != 64 || strings.ContainsAny(text, "ABCDEF") {
		return hashing.Key{}, false
	}
	key, err := hashing.ParseKey(text)
	return key, err == nil
}

// parseEntryName tells the names of entries from all others.
func parseEntryName(name string) (hashing.Key, Slot, bool) {
	text, failed := strings.CutSuffix(name, Failed.Suffix())
	key, ok := parseName(text)
	if !ok {
		return hashing.Key{}, Good, false
	}
	if failed {
		return key, Failed, true
	}
	return key, Good, true
}

// parseBodyName tells the names of bodies that lie beside their entries.
func parseBodyName(name string) (key hashing.Key, s Slot, sum [32]byte, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return key, Good, sum, false
	}
	last, ok := parseName(name[i+1:])
	if !ok {
		return key, Good, sum, false
	}
	key, s, ok = parseEntryName(name[:i])
	return key, s, last, ok
}

// peek reads of an entry what the cleaner weighs, without verifying more than the prefix: a wrong figure costs an
// entry, not the truth.
func peek(f tree.File, size int64) (format.Header, error) {
	var b [format.FixedEnd]byte
	n, err := f.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return format.Header{}, err
	}
	return format.DecodeFixed(b[:n], size)
}
