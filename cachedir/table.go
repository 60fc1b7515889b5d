package cachedir

import (
	"encoding/binary"
	"math/bits"
	"os"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// A table is a file that maps 16-byte ids to 32-byte values: buckets of 4 KiB, each of 64 records. A look-up reads one
// bucket, a change writes one record. Records have checksums, and what does not verify is absent. The file is sparse:
// only buckets in use take space.
//
// It grows with use, by linear hashing: the size of the file says how many buckets there are. Whenever something is put
// into a full bucket, a few others are split, one after another, each into itself and a new one at the end; so nobody
// waits for long. Where it is as large as it may be, a full bucket forgets what was written first.
//
// Two processes that write to one bucket at once may pick the same place, and what is written while a bucket is split
// may be left behind; then a value is forgotten.
type table struct {
	d    *opened
	name string
	most uint64 // buckets

	mu     sync.Mutex
	read   tree.File
	write  tree.File
	size   uint64  // buckets
	opened [2]bool // read, write
	failed [2]bool

	gets  uint64 // since the last change
	whole []byte // all buckets as they were at some moment; nil: they were not read
}

const (
	bucketSize  = 4096
	tableRecord = 64 // id 16, value 32, seconds 8, checksum 8

	fewBuckets  = 256 // a new table
	mostBuckets = 1 << 16
	splitAtOnce = 4
	youngFor    = 30 * 24 * time.Hour // older records may be forgotten without harm

	mostWhole = 1 << 10 // buckets that are read at once
)

type tableID [16]byte

// newTable keeps a table within a 64th of the cache's limit.
func newTable(d *opened, name string) *table {
	return &table{d: d, name: name, most: tableBuckets(d.o.MaxSize)}
}

// tableBuckets is how many buckets a table may have.
func tableBuckets(maxSize int64) uint64 {
	buckets := uint64(16)
	for buckets < mostBuckets && int64(buckets)*2*bucketSize <= maxSize/64 {
		buckets *= 2
	}
	return buckets
}

// bucketOf is the one of so many buckets that an id is in: by as many bits of it as tell them apart, but by one less of
// those that were not split yet.
func bucketOf(id tableID, buckets uint64) uint64 {
	unsplit := uint64(1) << (bits.Len64(buckets) - 1)
	i := binary.LittleEndian.Uint64(id[:]) % (2 * unsplit)
	if i >= buckets {
		i -= unsplit
	}
	return i
}

// measure takes the number of buckets from the size of the file.
func (t *table) measure(f tree.File) {
	t.size = min(fewBuckets, t.most)
	if fi, err := f.Info(); err == nil {
		t.size = min(max(t.size, uint64(fi.Size)/bucketSize), t.most)
	}
}

// reader returns the file, and how many buckets it has.
func (t *table) reader() (f tree.File, buckets uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.opened[1] {
		return t.write, t.size, true
	}
	if !t.opened[0] && !t.failed[0] {
		f, _, err := t.d.v1.OpenWritten(t.name)
		t.read, t.opened[0], t.failed[0] = f, err == nil, err != nil
		if err == nil {
			t.measure(f)
		}
	}
	return t.read, t.size, t.opened[0]
}

func (t *table) writer() (f tree.File, buckets uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.opened[1] && !t.failed[1] && !t.d.o.ReadOnly {
		f, fi, err := t.d.v1.OpenInPlace(t.name, os.O_RDWR)
		t.write, t.opened[1], t.failed[1] = f, err == nil, err != nil
		if err == nil {
			t.measure(f)
			if size := int64(t.size) * bucketSize; fi.Size < size || fi.Size > int64(t.most)*bucketSize {
				_ = f.Truncate(size)
			}
		}
	}
	return t.write, t.size, t.opened[1] && !t.failed[1]
}

// grow splits the next buckets, if there may be more of them.
func (t *table) grow(f tree.File) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.measure(f) // others may have split them
	for range splitAtOnce {
		if t.size >= t.most || !t.split(f) {
			return
		}
		t.size++
	}
}

// split makes a new bucket at the end of those that share one now.
func (t *table) split(f tree.File) bool {
	from := t.size - uint64(1)<<(bits.Len64(t.size)-1)
	var old, stay, move [bucketSize]byte
	n, _ := f.ReadAt(old[:], int64(from)*bucketSize)
	for i := 0; i+tableRecord <= n; i += tableRecord {
		to := &stay
		if bucketOf(tableID(old[i:]), t.size+1) != from {
			to = &move
		}
		copy(to[i:], old[i:i+tableRecord])
	}
	if f.WriteAt(move[:], int64(t.size)*bucketSize) != nil {
		return false
	}
	return f.WriteAt(stay[:], int64(from)*bucketSize) == nil
}

// get returns the value of an id.
func (t *table) get(id tableID) (value [32]byte, ok bool) {
	f, buckets, ok := t.reader()
	if !ok {
		return value, false
	}
	at := int64(bucketOf(id, buckets)) * bucketSize
	if whole := t.readWhole(f, buckets); whole != nil {
		return find(whole[at:][:bucketSize], id)
	}
	var b [bucketSize]byte
	n, _ := f.ReadAt(b[:], at)
	return find(b[:n], id)
}

// find returns the value of an id in a bucket.
func find(bucket []byte, id tableID) (value [32]byte, ok bool) {
	for r := bucket; len(r) >= tableRecord; r = r[tableRecord:] {
		if tableID(r[:16]) == id && binary.LittleEndian.Uint64(r[56:]) == xxhash.Sum64(r[:56]) {
			return [32]byte(r[16:48]), true
		}
	}
	return value, false
}

// readWhole returns all buckets once as many look-ups were made as there are of them, unless they are many: to read all
// at once costs less than as many look-ups again. What others write later is not found there, as if it was forgotten;
// nil: each bucket is to be read by itself.
func (t *table) readWhole(f tree.File, buckets uint64) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.gets++; {
	case uint64(len(t.whole)) == buckets*bucketSize:
		return t.whole
	case t.gets <= buckets || buckets > mostWhole:
		return nil
	}
	t.whole = make([]byte, buckets*bucketSize)
	_, _ = f.ReadAt(t.whole, 0) // what is not there is zero, which is no record
	return t.whole
}

// change forgets what was read at once: something was put.
func (t *table) change() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gets, t.whole = 0, nil
}

// put sets the value of an id, if it can.
func (t *table) put(id tableID, value [32]byte) {
	f, buckets, ok := t.writer()
	if !ok {
		return
	}
	var b [bucketSize]byte
	base := int64(bucketOf(id, buckets)) * bucketSize
	n, _ := f.ReadAt(b[:], base)
	best, oldest, isNew := 0, ^uint64(0), true
	for i := 0; i < bucketSize; i += tableRecord {
		r := b[i : i+tableRecord]
		when := binary.LittleEndian.Uint64(r[48:])
		if i+tableRecord > n || binary.LittleEndian.Uint64(r[56:]) != xxhash.Sum64(r[:56]) {
			when = 0 // free
		}
		if tableID(r[:16]) == id {
			best, isNew = i, false
			break
		}
		if when < oldest {
			best, oldest = i, when
		}
	}
	r := make([]byte, 0, tableRecord)
	r = append(append(r, id[:]...), value[:]...)
	r = binary.LittleEndian.AppendUint64(r, uint64(max(time.Now().Unix(), 1)))
	r = binary.LittleEndian.AppendUint64(r, xxhash.Sum64(r))
	if err := f.WriteAt(r, base+int64(best)); err != nil {
		t.mu.Lock()
		t.failed[1] = true // full disk, read-only: no use in trying again; others may still be using the file
		t.mu.Unlock()
		return
	}
	t.change()
	if isNew && int64(oldest) > time.Now().Add(-youngFor).Unix() {
		t.grow(f)
	}
}

func (t *table) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, f := range [...]tree.File{t.read, t.write} {
		if t.opened[i] {
			t.opened[i] = false
			f.Close()
		}
	}
}

// MostUses is of how many entries a cache of a size keeps how often they were used.
func MostUses(maxSize int64) int { return int(tableBuckets(maxSize)) * (bucketSize / tableRecord) }
