package cachedir

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir/choice"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
)

// Cleaning happens in a store that finds no room, and once an hour after a store (sweep.go). One process cleans at a
// time, and none for longer than cleanBudget: what was not done then is done by a later store. However large a shard
// is, half of that time is left to remove what was found.
//
// To make room it reads the headers of the fullest shards, or of as many files of one, in random order, as there is
// time for. What is past the life it was written with goes first, then what nobody finished, then what is worth the
// least. A shard that was read whole is also counted anew, which heals what killed stores left in the file of usage.
//
// Removed is only what is an entry, a body, a pending file or a lock by name and place (P11a).

const (
	cleanBudget = 20 * time.Millisecond // for one store, from its beginning to its end
	cleanLock   = "stat/clean.lock"
	newMargin   = time.Minute    // leave alone what may be in the making
	tempMargin  = time.Hour      // temporary files are renamed within milliseconds
	lockMargin  = 24 * time.Hour // lock files of killed runs
	oldMargin   = 24 * time.Hour // pending files where there are no locks to ask
)

// cleaner makes room: it counts shards, reserves, and removes what is worth the least.
type cleaner struct {
	*opened
	usage
	entries
	used *table // by key: hours in which an entry was used
}

// budget is the time that one store may still spend on cleaning.
type budget struct {
	left time.Duration
	used bool
}

func newBudget() *budget { return &budget{left: cleanBudget} }

// spend does some work that ends at a deadline, and counts how long it took. When there is no time left it does
// nothing.
func (b *budget) spend(work func(deadline time.Time)) {
	if b.left <= 0 {
		return
	}
	began := time.Now()
	work(began.Add(b.left - b.left/8)) // what is under way at its deadline takes its time
	b.left -= time.Since(began)
	b.used = true
}

// candidate is an entry that may have to go, or a record.
type candidate struct {
	key     hashing.Key // of a record its id
	records string      // the folder of a record; empty: it is an entry
	slot    Slot
	bytes   int64
	score   float64 // worth; the lowest goes first
	expired bool
}

func (c candidate) weight() choice.Weight {
	return choice.Weight{Expired: c.expired, Worth: c.score, Bytes: c.bytes}
}

// clean makes room.
func (d *cleaner) clean(deadline time.Time) { d.cleanFor(nil, deadline) }

// cleanFor makes room for something new, unless that is worth much less than what would have to go for it. nil: it is
// stored whatever it is worth.
func (d *cleaner) cleanFor(fresh *choice.Candidate, deadline time.Time) (refused bool) {
	unlock, ok := d.lockCleaner()
	if !ok {
		return false
	}
	defer unlock()
	counted, err := d.beginCount()
	if err != nil {
		return false
	}
	defer counted.b.close()
	s, err := counted.b.sizes()
	if err != nil {
		return false
	}
	var all []candidate
	reading := halfway(deadline)
	for _, sh := range choice.Fullest(&s.bytes, &s.known) {
		if len(all) >= choice.Sample || len(all) > 0 && time.Now().After(reading) {
			break
		}
		found := d.scan(sh, reading) // one entry at least
		counted.add(sh, found)
		all = append(all, found.candidates...)
	}
	_ = counted.end()
	refused = d.evict(counted.b, all, fresh, deadline)
	d.dropBlobs(byte(time.Now().UnixNano()), deadline)
	d.compactUsage()
	return refused
}

// halfway is when half of the time until a deadline is over.
func halfway(deadline time.Time) time.Time { return deadline.Add(-time.Until(deadline) / 2) }

// evict removes entries until the cache is a tenth below its limits: expired ones, then what was abandoned in
// pending/, then those of the least worth. The first one goes whatever it takes, and whatever the time: else one huge
// entry, or a machine that is always busy, would keep all others out. None of those goes for something new that is
// worth much less.
func (d *cleaner) evict(b *usageFile, all []candidate, fresh *choice.Candidate, deadline time.Time) (refused bool) {
	slices.SortFunc(all, func(a, b candidate) int { return choice.Compare(a.weight(), b.weight()) })
	i := 0
	for ; i < len(all) && all[i].expired && time.Now().Before(deadline); i++ {
		d.evictOne(b, all[i])
	}
	d.dropAbandoned(deadline)
	s, err := b.sizes()
	if err != nil {
		return false
	}
	total := s.total() + d.weight()
	free, floor := d.room()
	if fresh != nil && !choice.Admits(fresh.Worth(), max(total-d.o.MaxSize, floor-free), weights(all[i:])) {
		return true
	}
	for n := i; i < len(all); i++ {
		if free, floor := d.room(); total <= choice.Goal(d.o.MaxSize) && free >= floor+floor/10 {
			break
		}
		if i > n && unlinkTime(all[i].bytes) >= time.Until(deadline) {
			break
		}
		if d.evictOne(b, all[i]) {
			total -= all[i].bytes
		}
	}
	return false
}

func weights(of []candidate) []choice.Weight {
	all := make([]choice.Weight, len(of))
	for i, c := range of {
		all[i] = c.weight()
	}
	return all
}

// unlinkTime is about how long it takes to remove a file: 1 GiB in 41 ms was measured on ext4.
func unlinkTime(bytes int64) time.Duration {
	return time.Duration(bytes / (25 << 30 / int64(time.Second/time.Microsecond)) * int64(time.Microsecond))
}

// evictOne removes an entry to make room. The caller holds the cleaner's lock, so no shard is counted meanwhile.
func (d *cleaner) evictOne(b *usageFile, c candidate) bool {
	if c.records == "" {
		d.recordEviction(c.key, d.now())
	}
	return d.drop(b, c)
}

func (d *cleaner) drop(b *usageFile, c candidate) bool {
	since := b.now()
	if c.records != "" {
		return d.dropRecord(b, c)
	}
	bytes, err := d.unlink(c.key, c.slot)
	b.giveBack(since, usageRecord{shard: c.key[0], word: wordOf(c.key), bytes: -bytes}, bytes)
	return err == nil
}

// dropRecord removes a record. A run may write that of its command again at the same instant, which found it there and
// so notes nothing of it: each of the two looks when it is through, and who sees the other counts the record.
func (d *cleaner) dropRecord(b *usageFile, c candidate) bool {
	name := recordName(c.records, c.key)
	since := b.now()
	if d.v1.Remove(name) != nil {
		return false
	}
	b.giveBack(since, usageRecord{shard: c.key[0], word: wordOf(c.key), bytes: -c.bytes}, c.bytes)
	if _, err := d.v1.Stat(name); err == nil {
		_, _ = b.append(appendUsage(nil, usageRecord{kind: kindChange, shard: c.key[0], bytes: c.bytes}))
	}
	return true
}

// lockCleaner makes this process the only cleaner, unless there is one already. Without locks there may be several:
// each accounts for what it removed itself.
func (d *cleaner) lockCleaner() (unlock func(), ok bool) {
	f, _, err := d.v1.OpenInPlace(cleanLock, 0)
	if err != nil {
		return nil, false
	}
	if err := f.TryLock(); errors.Is(err, tree.ErrLocked) {
		f.Close()
		return nil, false
	}
	return f.Close, true
}

// dropAbandoned removes pending files that nobody will finish.
func (d *cleaner) dropAbandoned(deadline time.Time) {
	alive := map[string]bool{}
	_ = d.v1.List("pending", func(base string) bool {
		name := "pending/" + base
		switch {
		case strings.HasPrefix(base, tree.AsidePrefix):
			d.v1.RemoveAll(name, deadline)
		case strings.HasPrefix(base, tree.TempPrefix):
			if fi, err := d.v1.Stat(name); err == nil && fi.Regular && age(fi) > tempMargin {
				_ = d.v1.Remove(name)
			}
		case strings.HasSuffix(base, makingSuffix):
			d.dropMaking(name)
		case strings.HasSuffix(base, restoringSuffix):
			if fi, err := d.v1.Stat(name); err == nil && age(fi) > d.o.Keep && !d.isLocked(name) {
				_ = d.v1.Remove(name)
			}
		default:
			if run, ok := pendingRun(base); ok && !d.isAlive(run, alive) {
				_ = d.v1.Remove(name)
			}
		}
		return time.Now().Before(deadline)
	})
}

// pendingRun returns the name of the .run file that a pending file belongs to.
func pendingRun(base string) (string, bool) {
	i := strings.LastIndexByte(base, '.')
	if i != 64+1+16 || base[64] != '.' {
		return "", false
	}
	if _, err := hashing.ParseKey(base[:64]); err != nil {
		return "", false
	}
	switch base[i:] {
	case runSuffix, bodySuffix, tableSuffix, linkSuffix, orderSuffix, controlSuffix:
		return base[:i] + runSuffix, true
	}
	return "", false
}

// isAlive reports whether a process still works on a pending entry. One that was just made may not be locked yet.
func (d *cleaner) isAlive(run string, known map[string]bool) bool {
	alive, ok := known[run]
	if !ok {
		name := "pending/" + run
		fi, err := d.v1.Stat(name)
		fresh := err == nil && age(fi) < newMargin && age(fi) > -newMargin
		alive = fresh || d.isLocked(name)
		known[run] = alive
	}
	return alive
}

// isLocked reports whether a process holds a .run file. Where that cannot be told, those of the last day are held.
func (d *cleaner) isLocked(name string) bool {
	f, err := d.v1.Open(name, os.O_RDWR)
	if err != nil {
		return !isUseless(err)
	}
	defer f.Close()
	err = f.TryLock()
	if errors.Is(err, tree.ErrNoLocks) {
		fi, err := f.Info()
		return err != nil || age(fi) < oldMargin
	}
	return err != nil
}

// dropLocks removes the locks of runs that were killed.
func (d *cleaner) dropLocks(deadline time.Time) {
	_ = d.v1.List("locks", func(base string) bool {
		name := "locks/" + base
		if _, err := hashing.ParseKey(base); err != nil {
			return true
		}
		if fi, err := d.v1.Stat(name); err == nil && fi.Regular && age(fi) > lockMargin {
			_, _ = lock.Sweep(d.lockFile(name))
		}
		return time.Now().Before(deadline)
	})
}

// dropBlobs removes blobs that no entry has.
func (d *cleaner) dropBlobs(sh byte, deadline time.Time) {
	dir := "blobs/" + shard(sh)
	_ = d.v1.List(dir, func(base string) bool {
		if sum, err := hashing.ParseKey(base); err == nil && dir+"/"+base == blobName(sum) {
			d.dropBlob(sum)
		}
		return time.Now().Before(deadline)
	})
}

// recordEviction leaves a tombstone: a later miss of this key is one that a larger cache would not have had. A zero
// time says that no larger one would have helped.
func (d *entries) recordEviction(key hashing.Key, at time.Time) {
	var v [32]byte
	copy(v[:], key[16:])
	binary.LittleEndian.PutUint32(v[16:], uint32(max(at.Unix(), 0)/60))
	d.gone.put(tableID(key[:16]), v)
}

// WasEvicted reports whether an entry of this key was removed to make room, as far as that is still known.
func (d *entries) WasEvicted(key hashing.Key) bool {
	_, ok := d.EvictedAt(key)
	return ok
}

// EvictedAt is the minute in which an entry of this key was last removed to make room; zero: it is not known when. It
// is not ok if none was, as far as that is still known.
func (d *entries) EvictedAt(key hashing.Key) (at time.Time, ok bool) {
	v, ok := d.gone.get(tableID(key[:16]))
	if !ok || string(v[:16]) != string(key[16:]) {
		return at, false
	}
	if minute := binary.LittleEndian.Uint32(v[16:]); minute > 0 {
		at = time.Unix(int64(minute)*60, 0)
	}
	return at, true
}
