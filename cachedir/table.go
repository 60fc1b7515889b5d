package cachedir

import (
	"encoding/binary"
	"os"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// A table is a file of fixed size that maps 16-byte ids to 32-byte values: buckets of 4 KiB, each of 64 records. A
// look-up reads one bucket, a change writes one record; a full bucket forgets what was written first. Records have
// checksums, and what does not verify is absent. The file is sparse: only buckets in use take space.
//
// Two processes that write to one bucket at once may pick the same place; then one of the two values is forgotten.
type table struct {
	d       *opened
	name    string
	buckets uint64

	mu     sync.Mutex
	read   tree.File
	write  tree.File
	opened [2]bool // read, write
	failed [2]bool
}

const (
	bucketSize  = 4096
	tableRecord = 64 // id 16, value 32, seconds 8, checksum 8
)

type tableID [16]byte

// newTable keeps a table within a 64th of the cache's limit, and within 16 MiB.
func newTable(d *opened, name string) *table {
	return &table{d: d, name: name, buckets: tableBuckets(d.o.MaxSize)}
}

func tableBuckets(maxSize int64) uint64 {
	buckets := uint64(16)
	for buckets < 4096 && int64(buckets)*2*bucketSize <= maxSize/64 {
		buckets *= 2
	}
	return buckets
}

func (t *table) bucket(id tableID) int64 {
	return int64(binary.LittleEndian.Uint64(id[:])%t.buckets) * bucketSize
}

func (t *table) reader() (tree.File, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.opened[1] {
		return t.write, true
	}
	if !t.opened[0] && !t.failed[0] {
		f, _, err := t.d.v1.OpenWritten(t.name)
		t.read, t.opened[0], t.failed[0] = f, err == nil, err != nil
	}
	return t.read, t.opened[0]
}

func (t *table) writer() (tree.File, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.opened[1] && !t.failed[1] && !t.d.o.ReadOnly {
		f, _, err := t.d.v1.OpenInPlace(t.name, os.O_RDWR)
		t.write, t.opened[1], t.failed[1] = f, err == nil, err != nil
	}
	return t.write, t.opened[1]
}

// get returns the value of an id.
func (t *table) get(id tableID) (value [32]byte, ok bool) {
	f, ok := t.reader()
	if !ok {
		return value, false
	}
	var b [bucketSize]byte
	n, _ := f.ReadAt(b[:], t.bucket(id))
	for r := b[:n]; len(r) >= tableRecord; r = r[tableRecord:] {
		if tableID(r[:16]) == id && binary.LittleEndian.Uint64(r[56:]) == xxhash.Sum64(r[:56]) {
			return [32]byte(r[16:48]), true
		}
	}
	return value, false
}

// put sets the value of an id, if it can.
func (t *table) put(id tableID, value [32]byte) {
	f, ok := t.writer()
	if !ok {
		return
	}
	var b [bucketSize]byte
	base := t.bucket(id)
	n, _ := f.ReadAt(b[:], base)
	best, oldest := 0, ^uint64(0)
	for i := 0; i < bucketSize; i += tableRecord {
		r := b[i : i+tableRecord]
		when := binary.LittleEndian.Uint64(r[48:])
		if i+tableRecord > n || binary.LittleEndian.Uint64(r[56:]) != xxhash.Sum64(r[:56]) {
			when = 0 // free
		}
		if tableID(r[:16]) == id {
			best = i
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
		t.failed[1], t.opened[1] = true, false // full disk, read-only: no use in trying again
		t.mu.Unlock()
		f.Close()
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
