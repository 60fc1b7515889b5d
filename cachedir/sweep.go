package cachedir

import (
	"encoding/binary"
	"os"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Sweeping removes, even if there is room, what was abandoned and what nobody used for as long as Options.Keep. It goes
// through all shards in the order of keys, and looks at names and times alone. A store gives it what is left of its
// share of time; where that ends is noted in stat/swept, and the next one goes on there.
//
// It is due an hour after the last time. In a large cache that would not be enough, so it is also due if less was done
// of the round than of sweepRound is over; and at once if a good part of what it saw last had to go, for then much of
// the rest has to go, too.

const (
	sweptName  = "stat/swept"
	sweptMagic = "cxW1"
	sweptSize  = 40

	sweepEvery = time.Hour
	sweepRound = 7 * 24 * time.Hour // once through a cache of any size
	sweepMuch  = 8                  // one in so many is much

	dropTime = 100 * time.Microsecond // about as long as it takes to remove an entry
)

// sweepState is how far sweeping is.
type sweepState struct {
	begun time.Time // of this round
	last  time.Time // when somebody swept
	next  uint64    // the place in the order of keys to go on from; 0: the round is over
	much  bool      // there was much to remove
}

func (s sweepState) encode() []byte {
	b := append(make([]byte, 0, sweptSize), sweptMagic...)
	b = append(b, 0, 0, 0, 0)
	if s.much {
		b[len(sweptMagic)] = 1
	}
	for _, v := range [...]uint64{uint64(s.begun.UnixNano()), uint64(s.last.UnixNano()), s.next} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

func decodeSweepState(b []byte) (sweepState, bool) {
	le := binary.LittleEndian
	const end = sweptSize - 8
	if len(b) != sweptSize || string(b[:4]) != sweptMagic || le.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return sweepState{}, false
	}
	at := func(off int) time.Time { return time.Unix(0, int64(le.Uint64(b[off:]))) }
	return sweepState{begun: at(8), last: at(16), next: le.Uint64(b[24:]), much: b[4] != 0}, true
}

// isDue reports whether a store should sweep.
func (s sweepState) isDue(now time.Time) bool {
	since := now.Sub(s.last)
	if since < 0 || since >= sweepEvery { // or a clock that was set back
		return true
	}
	behind := float64(s.next)/(1<<64) < float64(now.Sub(s.begun))/float64(sweepRound)
	return s.next > 0 && (s.much || behind)
}

// sweepState reads how far sweeping is. A new cache is clean; so is one of which that is not known.
func (d *cleaner) sweepState() sweepState {
	b, _, err := d.v1.ReadSmall(sweptName, sweptSize)
	if s, ok := decodeSweepState(b); err == nil && ok {
		return s
	}
	s := sweepState{begun: d.now(), last: d.now()}
	d.saveSweepState(s)
	return s
}

func (d *cleaner) saveSweepState(s sweepState) {
	f, fi, err := d.v1.OpenInPlace(sweptName, os.O_RDWR)
	if err != nil {
		return
	}
	defer f.Close()
	if fi.Size > sweptSize {
		_ = f.Truncate(sweptSize)
	}
	_ = f.WriteAt(s.encode(), 0)
}

// tidy is what a store does when it is through: sweeping, unless it has had its share of cleaning, and compacting the
// file of usage.
func (d *cleaner) tidy(cleaning *budget) {
	if !cleaning.used && d.sweepState().isDue(d.now()) {
		cleaning.spend(d.sweep)
	}
	fi, err := d.v1.Stat(usageName)
	if err != nil || fi.Size < usageCompact {
		return
	}
	if unlock, ok := d.lockCleaner(); ok {
		d.compactUsage()
		unlock()
	}
}

// sweep goes on with sweeping until a deadline, and by one file at least.
func (d *cleaner) sweep(deadline time.Time) {
	unlock, ok := d.lockCleaner()
	if !ok {
		return
	}
	defer unlock()
	s := d.sweepState()
	if !s.isDue(d.now()) {
		return // somebody else has just been here
	}
	if s.next == 0 {
		s.begun = d.now()
	}
	d.dropAbandoned(halfway(deadline))
	d.dropLocks(halfway(deadline))
	counted, err := d.beginCount()
	if err != nil {
		return
	}
	defer counted.b.close()
	seen, removed, rushed := 0, 0, false
	for {
		part := d.sweepFrom(counted, s.next, deadline)
		seen, removed, rushed = seen+part.seen, removed+part.removed, part.rushed
		s.next = part.next
		if s.next == 0 || time.Now().After(deadline) {
			break
		}
	}
	s.last, s.much = d.now(), rushed || removed*sweepMuch >= max(seen, 1)
	d.saveSweepState(s)
	d.compactUsage()
}

// swept is what was done of a shard.
type swept struct {
	next          uint64 // where to go on; 0: that was the last shard
	seen, removed int
	rushed        bool // something was left that has to go
}

// sweepFrom sweeps a shard from a place in the order of keys on. It counts a shard of which it sees everything, before
// anything is removed, and keeps time to remove what it finds: half of what there is, or less if that is enough.
func (d *cleaner) sweepFrom(c *count, from uint64, deadline time.Time) swept {
	sh := byte(from >> 56)
	half := halfway(deadline)
	s := d.readShard(sh, half)
	defer s.close()
	slices.SortFunc(s.files, func(a, b shardFile) int { return slices.Compare(a.key[:], b.key[:]) })
	todo := s.files[firstFrom(s.files, from):]
	found := scanned{complete: s.complete && len(todo) == len(s.files)}
	done := swept{next: (uint64(sh) + 1) << 56}
	for i, f := range todo {
		keep := min(time.Duration(len(found.candidates))*dropTime, deadline.Sub(half))
		if i > 0 && f.place() != todo[i-1].place() && !time.Now().Before(deadline.Add(-keep)) {
			found.complete, done.next = false, f.place()
			break
		}
		done.seen++
		s.look(&found, f)
	}
	c.add(sh, found)
	_ = c.end()
	for i, e := range found.candidates {
		if i > 0 && e.place() != from && !time.Now().Before(deadline) {
			done.next, done.rushed = e.place(), true
			return done
		}
		if d.unused(e) && d.drop(c.b, e) {
			done.removed++
		}
	}
	if done.next == (uint64(sh)+1)<<56 {
		d.dropBlobs(sh, deadline)
		d.dropScopes(sh, d.o.Keep, deadline)
		_ = d.v1.Remove("stat/" + shard(sh) + ".gone") // where older versions noted what they removed
	}
	return done
}

// firstFrom is the index of the first file, in the order of keys, that is not before a place.
func firstFrom(files []shardFile, place uint64) int {
	i, _ := slices.BinarySearchFunc(files, place, func(f shardFile, p uint64) int {
		if f.place() < p {
			return -1
		}
		return 1
	})
	return i
}

// look counts a file, and adds it to what has to go if it was not used for long.
func (s *openShard) look(found *scanned, f shardFile) {
	fi, ok := s.stat(f)
	switch {
	case !ok || f.kind == isBody && s.dropStray(f):
		return
	case f.kind != isBody && s.d.now().Sub(fi.ModTime) > s.d.o.Keep:
		found.candidates = append(found.candidates, candidate{
			key: f.key, slot: f.slot, records: f.records, bytes: onDisk(fi.Size),
		})
	}
	found.bytes += onDisk(fi.Size)
}

// place is where a candidate stands in the order of keys.
func (c candidate) place() uint64 { return binary.BigEndian.Uint64(c.key[:]) }

// unused reports whether an entry is still one that nobody used for long.
func (d *cleaner) unused(c candidate) bool {
	name := entryName(c.key, c.slot)
	if c.records != "" {
		name = recordName(c.records, c.key)
	}
	fi, err := d.v1.Stat(name)
	return err == nil && d.now().Sub(fi.ModTime) > d.o.Keep
}
