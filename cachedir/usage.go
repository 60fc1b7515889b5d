package cachedir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/choice"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
)

// How many bytes each of the 256 shards holds is kept in the file of usage, stat/sizes: a file of 32-byte records that
// only grows. A store appends what it reserves before it looks whether that fits, and before its rename, and appends
// afterwards what its entry took the place of. So of several stores that together would not fit each sees the others;
// there is no lock to wait for, and a stopped process holds nobody up. A store that is killed leaves its shard counted
// too large.
//
// Cleaning counts shards anew. It appends what it found, and from where in the file on records are about later things.
// The two never happen at one instant, so each side leans towards counting too much:
//
//   - What was reserved and not done when the counting began is added to what was found, if its .run file was still
//     there and locked after that: it may have been renamed before the shard was read, and is then counted twice.
//   - What is reserved while the counting goes on is counted, what is given back meanwhile is not.
//   - Who gives back bytes looks whether his shard was counted anew since he reserved, and then gives back nothing:
//     the entry that he replaced may not have been there to be counted.
//   - Two may give back one entry: who replaces it and who removes it, or two who replace it. Each looks again after
//     he has appended, so that at least one of them sees the other, and takes it back.
//   - Who makes room for what takes the place of an entry believes that this one goes only as long as nobody else gave
//     it back, and the shard was not counted anew.
//
// The next count puts it right. Counting, evicting and compacting are done by who holds the cleaner's lock.
//
// Where a record is damaged, what came before it in the file is not believed, and the shards are counted anew.

const (
	usageName    = "stat/sizes"
	usageSize    = 32
	usageCompact = 32 << 10 // a file that is larger is compacted
	usageLimit   = 16 << 20 // and one that large is started anew

	kindChange  = 1 // bytes more, or less
	kindCount   = 2 // bytes that were found; records from the given offset on come on top
	kindReserve = 3 // bytes for a pending entry
	kindDone    = 4 // bytes that this entry gave back
	kindOpen    = 5 // a reservation that is in an earlier count already
)

// onDisk is what a file of a size is counted as.
func onDisk(size int64) int64 { return (size + 4095) &^ 4095 }

// usageRecord is one record.
type usageRecord struct {
	kind, shard byte
	word        uint32 // of the key whose entry bytes were given back for; 0: none
	bytes       int64
	ref         uint64 // an offset, or the id of a pending entry
}

func appendUsage(b []byte, r usageRecord) []byte {
	start := len(b)
	b = append(b, 'c', 'x', r.kind, r.shard)
	b = binary.LittleEndian.AppendUint32(b, r.word)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.bytes))
	b = binary.LittleEndian.AppendUint64(b, r.ref)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b[start:]))
}

func parseUsageRecord(r []byte) usageRecord {
	le := binary.LittleEndian
	return usageRecord{r[2], r[3], le.Uint32(r[4:]), int64(le.Uint64(r[8:])), le.Uint64(r[16:])}
}

func wordOf(key hashing.Key) uint32 { return binary.LittleEndian.Uint32(key[1:]) }

// eachUsage calls record for each record and damaged for each byte that belongs to none.
func eachUsage(b []byte, record func(off int64, r usageRecord), damaged func(off int64)) {
	off := 0
	for ; off+usageSize <= len(b); off++ {
		r := b[off : off+usageSize]
		if r[0] != 'c' || r[1] != 'x' || binary.LittleEndian.Uint64(r[24:]) != xxhash.Sum64(r[:24]) {
			damaged(int64(off))
			continue
		}
		record(int64(off), parseUsageRecord(r))
		off += usageSize - 1
	}
	for ; off < len(b); off++ {
		damaged(int64(off))
	}
}

// shardSizes is what the file of usage says.
type shardSizes struct {
	bytes [256]int64
	known [256]bool // it was counted, not only changed
	end   int64     // size of the file that was read
}

// total is what all shards hold. Those that were not counted are taken for average ones.
func (s *shardSizes) total() int64 {
	var sum, counted, n int64
	for i := range s.bytes {
		sum += max(s.bytes[i], 0)
		if s.known[i] {
			counted += max(s.bytes[i], 0)
			n++
		}
	}
	if n > 0 {
		sum += counted / n * (256 - n)
	}
	return sum
}

func (s *shardSizes) complete() bool {
	for _, k := range s.known {
		if !k {
			return false
		}
	}
	return true
}

// parseUsage adds up the records of b.
func parseUsage(b []byte) shardSizes {
	s := shardSizes{end: int64(len(b))}
	var since, until [256]int64 // when each shard was counted last
	var sound int64             // nothing is damaged from here on
	eachUsage(b, func(off int64, r usageRecord) {
		if r.kind == kindCount {
			s.bytes[r.shard], s.known[r.shard] = r.bytes, true
			since[r.shard], until[r.shard] = int64(min(r.ref, uint64(off))), off
		}
	}, func(off int64) {
		s, sound = shardSizes{end: s.end}, off+1
		since, until = [256]int64{}, [256]int64{}
	})
	eachUsage(b, func(off int64, r usageRecord) {
		during := off < until[r.shard] && r.bytes < 0
		if r.kind != kindCount && r.kind != kindOpen && off >= max(sound, since[r.shard]) && !during {
			s.bytes[r.shard] += r.bytes
		}
	}, func(int64) {})
	return s
}

// usageFile is the open file.
type usageFile struct {
	t  *tree.Tree
	f  tree.File
	id tree.ID
}

// usage is how many bytes the shards hold.
type usage struct{ *opened }

func (d *usage) openUsage() (*usageFile, error) {
	f, fi, err := d.v1.OpenInPlace(usageName, os.O_APPEND)
	if err != nil {
		return nil, fmt.Errorf("count sizes: %w", err)
	}
	if fi.Size > usageLimit {
		if err := f.Truncate(0); err != nil {
			f.Close()
			return nil, fmt.Errorf("count sizes: %w", err)
		}
	}
	return &usageFile{d.v1, f, fi.ID}, nil
}

func (b *usageFile) close() { b.f.Close() }

// append adds records to the file that has the name afterwards: another process may have put a compacted one there.
// It returns a place at which, or behind which, they are.
func (b *usageFile) append(records []byte) (int64, error) {
	for {
		fi, err := b.f.Info()
		if err != nil {
			return 0, b.t.PathError("stat", usageName, err)
		}
		n, err := b.f.Write(records)
		if err == nil && n < len(records) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return 0, b.t.PathError("write", usageName, err)
		}
		if same, err := b.follow(); same || err != nil {
			return fi.Size, err
		}
	}
}

// follow opens the file that has the name now, if it is another one.
func (b *usageFile) follow() (same bool, err error) {
	if now, err := b.t.Stat(usageName); err == nil && now.ID == b.id {
		return true, nil
	}
	f, fi, err := b.t.OpenInPlace(usageName, os.O_APPEND)
	if err != nil {
		return false, err
	}
	b.f.Close()
	b.f, b.id = f, fi.ID
	return false, nil
}

// read returns the records from an offset on.
func (b *usageFile) read(from int64) ([]byte, error) {
	fi, err := b.f.Info()
	if err != nil {
		return nil, b.t.PathError("stat", usageName, err)
	}
	buf := make([]byte, max(min(fi.Size, usageLimit)-from, 0))
	n, err := b.f.ReadAt(buf, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, b.t.PathError("read", usageName, err)
	}
	return buf[:n], nil
}

func (b *usageFile) sizes() (shardSizes, error) {
	all, err := b.read(0)
	return parseUsage(all), err
}

// usagePoint is a moment in the file of usage.
type usagePoint struct {
	id tree.ID
	at int64
}

// now returns the present place.
func (b *usageFile) now() usagePoint {
	fi, err := b.f.Info()
	if err != nil {
		return usagePoint{}
	}
	return usagePoint{b.id, fi.Size}
}

// later is what the file of usage says of an entry since a place.
type later struct {
	known   bool // else the file was compacted: what was counted, and by whom, is not to be seen any more
	counted bool // its shard was counted anew
	gave    int  // how many gave back its bytes
}

func (b *usageFile) later(since usagePoint, shard byte, word uint32) later {
	tail, err := b.read(since.at)
	l := later{known: err == nil && b.id == since.id}
	eachUsage(tail, func(_ int64, o usageRecord) {
		l.counted = l.counted || o.kind == kindCount && o.shard == shard
		if word != 0 && o.kind == kindDone && o.shard == shard && o.word == word && o.bytes < 0 {
			l.gave++
		}
	}, func(int64) {})
	return l
}

// mayGive is how many of some bytes may be given back: if the shard was counted anew only what is sure, and nothing if
// somebody else gave them back.
func (l later) mayGive(bytes, sure int64, own int) int64 {
	switch {
	case !l.known || l.gave > own:
		return 0
	case l.counted:
		return min(bytes, sure)
	}
	return bytes
}

// giveBack appends a record of less bytes, as far as that is right by what happened since a place. It looks before it
// appends, so that the count is not short meanwhile, and afterwards, for what happened between the two.
func (b *usageFile) giveBack(since usagePoint, r usageRecord, sure int64) {
	if r.bytes == 0 && r.ref == 0 {
		return
	}
	_, _ = b.follow() // append tells what is wrong
	give := b.later(since, r.shard, r.word).mayGive(-r.bytes, sure, 0)
	r.kind, r.bytes = kindDone, -give
	if _, err := b.append(appendUsage(nil, r)); err != nil || give == 0 {
		return
	}
	if back := give - b.later(since, r.shard, r.word).mayGive(give, sure, 1); back > 0 {
		_, _ = b.append(appendUsage(nil, usageRecord{kind: kindChange, shard: r.shard, bytes: back}))
	}
}

// accounted writes a file that is no entry but a record, and counts its bytes if it is new. They are noted
// before, so that a kill leaves the shard counted too large; and once more afterwards if the shard was counted or the
// file removed meanwhile, because then it may not have been there. Where it does not fit the error is ErrNoRoom. That
// the file cannot be written costs accuracy until the shard is counted anew.
func (d *usage) accounted(id hashing.Key, bytes int64, isNew func() bool, write func() error) error {
	b, err := d.openUsage()
	if err != nil {
		return write()
	}
	defer b.close()
	since := b.now()
	note := appendUsage(nil, usageRecord{kind: kindChange, shard: id[0], bytes: bytes})
	added := isNew()
	if added {
		_, _ = b.append(note)
		if s, serr := b.sizes(); serr == nil && !d.keepsLimit(s.total()) {
			err = ErrNoRoom
		}
	}
	if err == nil {
		err = write()
	}
	if err != nil && added {
		b.giveBack(since, usageRecord{shard: id[0], bytes: -bytes}, 0)
	}
	if l := b.later(since, id[0], wordOf(id)); err == nil && (!l.known || l.counted || l.gave > 0) {
		_, _ = b.append(note)
	}
	return err
}

// Used is how many bytes the cache uses on the disk. Entries are counted: never less than they use, up to what was
// removed by other means.
func (d *usage) Used() (int64, error) {
	b, _, err := d.v1.ReadSmall(usageName, usageLimit)
	if err != nil && !isUseless(err) {
		return 0, err
	}
	s := parseUsage(b)
	return s.total() + d.besides(), nil
}

// reservation is room for an entry that is about to be published.
type reservation struct {
	b        *usageFile
	key      hashing.Key
	size     int64
	id       uint64
	since    usagePoint
	cleaning *budget
	weighed  bool          // it is stored only if it is not worth much less than what would have to go for it
	took     time.Duration // the run
}

// openReservation begins with a point in the file of usage; what will be replaced must be looked at after that.
func (d *cleaner) openReservation(key hashing.Key, id uint64, cleaning *budget) (*reservation, error) {
	b, err := d.openUsage()
	if err != nil {
		return nil, err
	}
	return &reservation{b: b, key: key, id: id, since: b.now(), cleaning: cleaning}, nil
}

// reserve makes room for an entry of size bytes that takes the place of one of replaced bytes. ErrNoRoom,
// ErrTooLarge or ErrNotWorth say that there is none.
func (d *cleaner) reserve(r *reservation, size, replaced int64) error {
	if size > d.o.MaxSize {
		return ErrTooLarge
	}
	err := d.makingRoom(r.cleaning, func() error {
		_, err := r.b.append(appendUsage(nil, usageRecord{kind: kindReserve, shard: r.key[0], bytes: size, ref: r.id}))
		return err
	})
	if err != nil {
		return fmt.Errorf("count sizes: %w", err)
	}
	r.size = size
	fits, err := d.fits(r, replaced)
	refused := false
	if err == nil && !fits {
		fresh := d.newcomer(r)
		r.cleaning.spend(func(deadline time.Time) { refused = d.cleanFor(fresh, deadline) })
		fits, err = d.fits(r, replaced)
	}
	switch {
	case err != nil || fits:
		return err
	case refused:
		d.recordEviction(r.key, d.now())
		return ErrNotWorth
	}
	return ErrNoRoom
}

// newcomer is an entry as it is weighed; nil: it is stored whatever it is worth. One that was evicted, or not stored,
// within the day is back, which says more than what is known of it.
func (d *cleaner) newcomer(r *reservation) *choice.Candidate {
	if !r.weighed {
		return nil
	}
	if at, ok := d.EvictedAt(r.key); ok && d.now().Sub(at) < choice.SecondChance {
		return nil
	}
	return &choice.Candidate{Saved: r.took, Uses: d.hits(r.key), Bytes: r.size}
}

// commit notes that the entry took the place of one of old bytes.
func (r *reservation) commit(old int64) {
	// A count in between may have come after the rename: then it has not seen what was replaced, and nothing is sure.
	r.b.giveBack(r.since, usageRecord{shard: r.key[0], word: wordOf(r.key), bytes: -old, ref: r.id}, 0)
	r.id, r.size = 0, 0
}

// close gives back what was reserved and not committed.
func (r *reservation) close() {
	if r.size > 0 {
		r.b.giveBack(r.since, usageRecord{shard: r.key[0], bytes: -r.size, ref: r.id}, 0)
	}
	r.b.close()
}

// makingRoom calls write again after cleaning if the disk was full.
func (d *cleaner) makingRoom(cleaning *budget, write func() error) error {
	err := write()
	if tree.IsDiskFull(err) {
		cleaning.spend(d.clean)
		err = write()
	}
	return err
}

// fits reports whether the limits hold with what is reserved. What will be replaced goes, unless somebody else took it
// away meanwhile, our own cleaning perhaps: then it makes no room.
func (d *cleaner) fits(r *reservation, replaced int64) (bool, error) {
	s, err := r.b.sizes()
	if err == nil && !s.complete() && d.countUnknown(s, r.cleaning) {
		s, err = r.b.sizes()
	}
	if err != nil {
		return false, fmt.Errorf("count sizes: %w", err)
	}
	if replaced > 0 {
		replaced = r.b.later(r.since, r.key[0], wordOf(r.key)).mayGive(replaced, 0, 0)
	}
	if !d.keepsLimit(s.total() - replaced) {
		return false, nil
	}
	free, floor := d.room()
	return free >= floor, nil
}

// room returns the free bytes of the filesystem, and how many of them are not ours to take. Where a sandbox keeps that
// secret, both are 0: there is room until a write says otherwise.
func (d *usage) room() (free, floor int64) {
	free, total, err := d.v1.Space()
	if err != nil {
		return 0, 0
	}
	return free, min(total/20, 1<<30)
}

// countUnknown counts the shards that are not known, as far as the time allows, unless somebody else is at it. In a
// new cache there are none to read.
func (d *cleaner) countUnknown(s shardSizes, cleaning *budget) (done bool) {
	cleaning.spend(func(deadline time.Time) { done = d.countUnknownUntil(s, deadline) })
	return done
}

func (d *cleaner) countUnknownUntil(s shardSizes, deadline time.Time) bool {
	unlock, ok := d.lockCleaner()
	if !ok {
		return false
	}
	defer unlock()
	c, err := d.beginCount()
	if err != nil {
		return false
	}
	defer c.b.close()
	var there [256]bool
	for _, kind := range append([]string{"entries"}, recordFolders[:]...) {
		_ = d.v1.List(kind, func(name string) bool {
			if n, err := strconv.ParseUint(name, 16, 8); err == nil && shard(byte(n)) == name {
				there[n] = true
			}
			return true
		})
	}
	for i := range there {
		if s.known[i] || there[i] && time.Now().After(deadline) {
			continue
		}
		found := scanned{complete: true}
		if there[i] {
			found = d.measure(byte(i), deadline)
		}
		c.add(byte(i), found)
	}
	return c.end() == nil
}

// count is a counting of shards under way. The caller holds the cleaner's lock.
type count struct {
	b        *usageFile
	since    int64
	inFlight [256]int64
	records  []byte
}

// beginCount looks what is reserved, and then which of it is still on its way. Both must come before a shard is read:
// what is not on its way any more is in its shard by then, or never will be.
func (d *cleaner) beginCount() (*count, error) {
	b, err := d.openUsage()
	if err != nil {
		return nil, err
	}
	all, err := b.read(0)
	if err != nil {
		b.close()
		return nil, err
	}
	c := &count{b: b, since: int64(len(all))}
	if open := unfinished(all); len(open) > 0 {
		_ = d.eachPending(func(id uint64, name string) {
			if r, ok := open[id]; ok && d.isLocked(name) {
				c.inFlight[r.shard] += r.bytes
			}
		})
	}
	return c, nil
}

// unfinished returns the reservations that nobody has given back yet, by id.
func unfinished(b []byte) map[uint64]usageRecord {
	open := map[uint64]usageRecord{}
	eachUsage(b, func(_ int64, r usageRecord) {
		switch r.kind {
		case kindReserve, kindOpen:
			open[r.ref] = r
		case kindDone:
			delete(open, r.ref)
		}
	}, func(int64) {})
	return open
}

// eachPending tells of the stores that may be on their way: the id of what each has reserved, and its .run file.
func (d *opened) eachPending(on func(id uint64, name string)) error {
	return d.v1.List("pending", func(base string) bool {
		if run, ok := pendingRun(base); ok && run == base {
			id, _ := strconv.ParseUint(base[65:81], 16, 64)
			on(id, "pending/"+base)
		}
		return true
	})
}

// add notes what was found in a shard, if all of it was seen.
func (c *count) add(shard byte, found scanned) {
	if found.complete {
		r := usageRecord{kind: kindCount, shard: shard, bytes: found.bytes + c.inFlight[shard], ref: uint64(c.since)}
		c.records = appendUsage(c.records, r)
	}
}

// end writes what was found. Nothing may be evicted before.
func (c *count) end() error {
	if len(c.records) == 0 {
		return nil
	}
	_, err := c.b.append(c.records)
	c.records = c.records[:0]
	return err
}

// onTheirWay is unfinished without those of which there is no .run file any more. It was there when they were written,
// so nobody waits for them: their stores were killed, or told their end to a file of usage that was just being
// replaced. Were they kept, the file would be too long one day, and be written anew by every store.
func (d *usage) onTheirWay(b []byte) map[uint64]usageRecord {
	open := unfinished(b)
	if len(open) == 0 {
		return nil
	}
	there := map[uint64]usageRecord{}
	err := d.eachPending(func(id uint64, _ string) {
		if r, ok := open[id]; ok {
			there[id] = r
		}
	})
	if err != nil {
		return open
	}
	return there
}

// compactUsage writes the file anew, shorter, if it has grown. The caller holds the cleaner's lock.
func (d *usage) compactUsage() {
	b, err := d.openUsage()
	if err != nil {
		return
	}
	defer b.close()
	all, err := b.read(0)
	if err != nil || len(all) < usageCompact {
		return
	}
	s := parseUsage(all)
	var out []byte
	for i := range s.bytes {
		r := usageRecord{kind: kindChange, shard: byte(i), bytes: s.bytes[i]}
		if s.known[i] {
			r.kind = kindCount
		}
		out = appendUsage(out, r)
	}
	for _, r := range d.onTheirWay(all) {
		r.kind = kindOpen
		out = appendUsage(out, r)
	}
	if d.v1.Replace(usageName, out) != nil {
		return
	}
	// Who appended to the old file since may have looked at its name before the rename. What was given back is left
	// out: if it is appended again by its owner, it would count twice.
	late, err := b.read(int64(len(all)))
	if err != nil {
		return
	}
	out = out[:0]
	eachUsage(late, func(_ int64, r usageRecord) {
		if r.bytes > 0 && r.kind != kindCount {
			out = appendUsage(out, r)
		}
	}, func(int64) {})
	if len(out) > 0 {
		_, _ = b.append(out)
	}
}
