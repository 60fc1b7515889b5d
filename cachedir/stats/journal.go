// Package stats counts what a cache directory was used for: a journal of runs, the totals of those that are over, and a
// journal of what was asked of tiers. It decides nothing: what cannot be counted is lost, and what cannot be read
// counts as nothing.
package stats

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// The journal has one record for each run: 64 bytes, appended by one write, so that runs neither wait for each other
// nor tear each other's records. A write cut short by a full disk is a lost statistic and is not padded; the reader
// goes on by one byte until a record fits.
//
// It is written to journal/current, which is renamed to journal/<ns of the rename> when it has grown. A process may
// hold it open for a while after that, so a segment is only folded into the totals when it was renamed an hour ago.

const (
	journalNow    = "journal/current"
	journalLock   = "journal/lock"
	journalRecord = 64
	journalMagic  = "cxJ" // and the digit of the layout
	journalOld    = '1'   // without a command: what ran and what was saved have a field each
	journalNew    = '2'
	segmentSize   = 1 << 20        // rename a segment of this size
	segmentLimit  = 64 << 20       // what lies behind is not read
	segmentRest   = time.Hour      // then leave it alone for so long
	segmentAge    = 24 * time.Hour // rename one that is older, too
	nameInRecord  = 16
)

// Served says how a run was answered.
type Served string

// All ways there are. Each run, and each question for a value, is counted under exactly one.
const (
	Hit      Served = "hit"      // replayed
	Missed   Served = "miss"     // ran
	Stale    Served = "stale"    // replayed although it had expired
	Shared   Served = "shared"   // waited for a concurrent run and got its result
	Bypassed Served = "bypassed" // ran without the cache
	Declined Served = "refused"  // did not run
	Renewed  Served = "renewed"  // ran in the background, for the next callers
	Unfresh  Served = "failed"   // the same, and the old result stays
	Found    Served = "found"    // no run: a value was asked for by its name, and was there
	Absent   Served = "absent"   // the same, and was not
)

// Reason names why a lookup was not a hit. They are the words of the journal and of statistics.
type Reason string

// All reasons there are. The store itself gives New, Evicted, Corrupt, Version and Purged.
const (
	New         Reason = "new"          // never stored here, as far as is known
	Changed     Reason = "changed"      // the command was stored with other inputs
	Expired     Reason = "expired"      // stored, and older than the reader admits
	Evicted     Reason = "evicted"      // stored, and removed to make room
	Corrupt     Reason = "corrupt"      // stored, and unreadable or not what was written
	Version     Reason = "version"      // stored by a newer version of cachex
	Forced      Reason = "forced"       // the caller asked for a new run
	Uncacheable Reason = "uncacheable"  // the result may not be stored or replayed
	LockTimeout Reason = "lock timeout" // waited too long for another run
	TierError   Reason = "tier error"   // another machine did not answer
	Purged      Reason = "purged"       // stored, and purged since
	Verified    Reason = "verified"     // stored, and run all the same to compare the two
)

var (
	servedCodes = [...]Served{Hit, Missed, Stale, Shared, Bypassed, Declined, Renewed, Unfresh, Found, Absent}
	reasonCodes = [...]Reason{
		"", New, Changed, Expired, Evicted, Corrupt, Version, Forced, Uncacheable, LockTimeout, TierError, Purged,
		Verified,
	}
)

// Compared says whether a run had the same result as the last one that it can be held against: of the same inputs if
// that is still known, else of the same command.
type Compared uint8

const (
	NotCompared Compared = iota
	SameResult           // exit code and each stream are the same
	OtherResult
)

// CommandID is the beginning of the id of a command; 0: of none.
type CommandID uint64

// RegretWithin is how soon after an eviction a miss counts as one that more room would have spared.
const RegretWithin = time.Hour

// ErrReadOnly is what Reset returns where nothing may be written.
var ErrReadOnly = errors.New("the cache directory is used read-only")

// Journal counts what a cache directory was used for. Its methods may be called from several goroutines.
type Journal struct {
	tree     *tree.Tree // the journal lies in journal/ below it
	now      func() time.Time
	readOnly bool
	size     atomic.Int64 // of the journal, in bytes, as Log saw it last
}

// NewJournal returns the journal of a tree. If it is read-only nothing is written, and Log and LogTier do nothing.
func NewJournal(t *tree.Tree, now func() time.Time, readOnly bool) *Journal {
	return &Journal{tree: t, now: now, readOnly: readOnly}
}

// Record is one run in the journal.
type Record struct {
	Time   time.Time // zero: now
	Served Served
	Reason Reason        // why it was not a hit; empty for a hit
	Bytes  int64         // of output
	Spent  time.Duration // how long the command ran, if it did
	Saved  time.Duration // how long the caller would have waited for it, if it did not run
	Family string        // base name of argv[0]; 16 bytes of it are kept

	Command  CommandID
	Compared Compared
	Regret   bool // the result was evicted within RegretWithin before this run
}

// ran says that a command ran: a record has its time, or, of the others, what was saved.
func (s Served) ran() bool { return s == Missed || s == Bypassed || s == Renewed || s == Unfresh }

// Log appends a record to the journal. A read-only journal does nothing.
func (j *Journal) Log(r Record) error {
	if j.readOnly {
		return nil
	}
	if r.Time.IsZero() {
		r.Time = j.now()
	}
	b, err := EncodeRecord(r)
	if err != nil {
		return err
	}
	size, err := j.appendRecord(journalNow, b)
	j.size.Store(size)
	return err
}

// appendRecord appends a record to a journal, by one write, and returns how large that is now.
func (j *Journal) appendRecord(name string, b []byte) (size int64, err error) {
	f, fi, err := j.tree.OpenInPlace(name, os.O_APPEND)
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	n, err := f.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		err = fmt.Errorf("journal: %w", j.tree.PathError("write", name, err))
	}
	return fi.Size + int64(len(b)), err
}

func EncodeRecord(r Record) ([]byte, error) {
	served, reason := slices.Index(servedCodes[:], r.Served), slices.Index(reasonCodes[:], r.Reason)
	if served < 0 || reason < 0 {
		return nil, fmt.Errorf("journal: no such outcome: %q, %q", r.Served, r.Reason)
	}
	took, flags := r.Saved, byte(r.Compared)
	if r.Served.ran() {
		took = r.Spent
	}
	if r.Regret {
		flags |= regretFlag
	}
	b := append(make([]byte, 0, journalRecord), journalMagic...)
	b = append(b, journalNew, byte(served), byte(reason), flags, 0)
	for _, v := range [...]uint64{uint64(r.Time.UnixNano()), uint64(r.Bytes), uint64(took), uint64(r.Command)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = appendShort(b, r.Family)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b)), nil
}

const (
	comparedMask = 3
	regretFlag   = 4
)

// appendShort appends the beginning of a name, 16 bytes whatever its length.
func appendShort(b []byte, name string) []byte {
	var short [nameInRecord]byte
	copy(short[:], strings.ToValidUTF8(name[:min(len(name), nameInRecord)], ""))
	return append(b, short[:]...)
}

func decodeRecord(b []byte) (Record, bool) {
	if !isRecord(b, journalMagic) {
		return Record{}, false
	}
	served, reason := int(b[4]), int(b[5])
	if served >= len(servedCodes) || reason >= len(reasonCodes) {
		return Record{}, false
	}
	i64 := func(off int) int64 { return int64(binary.LittleEndian.Uint64(b[off:])) }
	r := Record{
		Served: servedCodes[served], Reason: reasonCodes[reason], Time: time.Unix(0, i64(8)), Bytes: i64(16),
		Family: string(bytes.TrimRight(b[40:56], "\x00")),
	}
	switch b[len(journalMagic)] {
	case journalOld:
		r.Spent, r.Saved = time.Duration(i64(24)), time.Duration(i64(32))
		return r, true
	case journalNew:
	default:
		return Record{}, false
	}
	if r.Served.ran() {
		r.Spent = time.Duration(i64(24))
	} else {
		r.Saved = time.Duration(i64(24))
	}
	r.Command = CommandID(i64(32))
	r.Compared, r.Regret = Compared(b[6]&comparedMask), b[6]&regretFlag != 0
	return r, r.Compared <= OtherResult
}

// isRecord reports whether b is a whole record of a journal.
func isRecord(b []byte, magic string) bool {
	const end = journalRecord - 8
	return string(b[:len(magic)]) == magic && binary.LittleEndian.Uint64(b[end:]) == xxhash.Sum64(b[:end])
}

// readJournal calls fn with each record of a segment. One that is not there has none.
func (j *Journal) readJournal(name string, fn func(Record)) error {
	return j.readRecords(name, journalMagic, func(b []byte) bool {
		r, ok := decodeRecord(b)
		if ok {
			fn(r)
		}
		return ok
	})
}

// readRecords calls fn with each place of a journal at which a record may begin; fn says whether one does.
func (j *Journal) readRecords(name, magic string, fn func(b []byte) bool) error {
	f, fi, err := j.tree.OpenWritten(name)
	if tree.IsAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	have, size := 0, min(fi.Size, segmentLimit)
	for off := int64(0); off < size; {
		n, err := f.ReadAt(buf[have:min(int64(len(buf)), int64(have)+size-off)], off)
		if err != nil && !errors.Is(err, io.EOF) || n == 0 {
			return err
		}
		off += int64(n)
		b := buf[:have+n]
		for len(b) >= journalRecord {
			if fn(b[:journalRecord]) {
				b = b[journalRecord:]
			} else if i := bytes.Index(b[1:], []byte(magic)); i >= 0 {
				b = b[1+i:]
			} else {
				b = b[len(b)-len(magic)+1:] // the beginning of the next may be here
			}
		}
		have = copy(buf, b)
	}
	return nil
}

// Fold renames a journal that has grown, and adds those that were renamed long enough ago to the totals. It is meant
// to be called when everything has been delivered; if another process is at it, it does nothing.
//
// What can die between its steps: after the totals were written and before a segment is removed, the totals name the
// segment, and nobody adds it again.
func (j *Journal) Fold() {
	if j.readOnly || !j.foldIsDue() {
		return
	}
	f, _, err := j.tree.OpenInPlace(journalLock, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if err := f.TryLock(); err != nil {
		return // without locks the segments stay as they are
	}
	j.renameSegment()
	segments, err := j.segments()
	if err != nil {
		return
	}
	t, err := j.readTotals()
	if err != nil {
		return
	}
	var add, done []string
	for _, s := range segments {
		switch {
		case t.includes(s.name):
			done = append(done, s.name)
		case j.now().Sub(s.renamed) >= segmentRest:
			add = append(add, s.name)
		}
	}
	if len(add) > 0 {
		for _, name := range add {
			if j.readJournal("journal/"+name, t.add) != nil {
				return
			}
		}
		t.included = append(done, add...)
		t.compact(j.now())
		if j.tree.Replace(totalsName, t.encode()) != nil {
			return
		}
		done = t.included
	}
	for _, name := range done {
		_ = j.tree.Remove("journal/" + name)
	}
}

// foldIsDue asks for nothing but what Log saw: a journal that is full, or, for segments that became old enough since,
// every 1024th record.
func (j *Journal) foldIsDue() bool {
	size := j.size.Load()
	return size >= segmentSize || size%(64<<10) == journalRecord
}

func (j *Journal) renameSegment() {
	f, fi, err := j.tree.OpenWritten(journalNow)
	if err != nil {
		return
	}
	f.Close()
	if fi.Size < segmentSize {
		return
	}
	_ = j.tree.MoveOver(journalNow, "journal/"+strconv.FormatInt(j.now().UnixNano(), 10))
}

// segment is a journal that is no longer written to.
type segment struct {
	name    string
	renamed time.Time
}

func (j *Journal) segments() ([]segment, error) {
	var all []segment
	err := j.tree.List("journal", func(name string) bool {
		if ns, err := strconv.ParseInt(name, 10, 64); err == nil && ns > 0 {
			all = append(all, segment{name, time.Unix(0, ns)})
		}
		return true
	})
	if tree.IsAbsent(err) {
		err = nil
	}
	return all, err
}
