package cachedir

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/cachex-cli/cachex/cachedir/choice"
	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
)

// In a cache of a million entries a shard has eight thousand files. Their names are read at once: that takes two
// milliseconds and tells where each belongs. What else there is to know of a file costs a look at it, and an entry that
// is opened ten times as much. So only what is to be weighed against others is opened.

const (
	namesLimit = 1 << 16 // names of a shard that are kept at once; of more, as many chosen at random
	namesAtOne = 512     // names that are read whatever the time
)

// fileKind says what a file of a shard is.
type fileKind uint8

const (
	isEntry fileKind = iota
	isBody
	isRecord
)

// shardFile is what the name of a file in a shard says.
type shardFile struct {
	kind    fileKind
	records string      // the folder of a record
	slot    Slot        // of an entry or a body
	key     hashing.Key // of a record its id
	sum     [32]byte    // of a body
}

// place is where a file stands in the order of keys.
func (f shardFile) place() uint64 { return binary.BigEndian.Uint64(f.key[:]) }

// base is the name of the file in its directory.
func (f shardFile) base() string {
	switch f.kind {
	case isEntry:
		return f.key.String() + f.slot.Suffix()
	case isBody:
		return f.key.String() + f.slot.Suffix() + "." + hashing.Key(f.sum).String()
	}
	return f.key.String()
}

// name is the name of the file in the store.
func (f shardFile) name() string {
	if f.kind == isRecord {
		return recordName(f.records, f.key)
	}
	return "entries/" + shard(f.key[0]) + "/" + f.base()
}

// openShard is a shard whose names were read.
type openShard struct {
	d        *cleaner
	sh       byte
	files    []shardFile
	complete bool // there are no others
	entries  *tree.Tree
	records  map[string]*tree.Tree // by folder
}

// readShard reads the names of a shard, as far as the time allows. It must be closed.
func (d *cleaner) readShard(sh byte, deadline time.Time) *openShard {
	s := &openShard{d: d, sh: sh, complete: true, records: map[string]*tree.Tree{}}
	s.entries = s.read("entries/"+shard(sh), deadline, func(name string) (shardFile, bool) {
		if key, slot, ok := parseEntryName(name); ok {
			return shardFile{kind: isEntry, key: key, slot: slot}, true
		}
		key, slot, sum, ok := parseBodyName(name)
		return shardFile{kind: isBody, key: key, slot: slot, sum: sum}, ok
	})
	for _, records := range recordFolders {
		s.records[records] = s.read(records+"/"+shard(sh), deadline, func(name string) (shardFile, bool) {
			id, ok := parseName(name)
			return shardFile{kind: isRecord, records: records, key: id}, ok
		})
	}
	return s
}

func (s *openShard) read(dir string, deadline time.Time, parse func(string) (shardFile, bool)) *tree.Tree {
	sub, err := s.d.v1.Sub(dir)
	if err != nil {
		s.complete = s.complete && errors.Is(err, fs.ErrNotExist)
		return nil
	}
	n := 0
	err = sub.List(".", func(name string) bool {
		if f, ok := parse(name); ok && f.key[0] == s.sh {
			n++
			s.keep(f, n)
		}
		inTime := n < namesAtOne || n%namesAtOne != 0 || time.Now().Before(deadline)
		s.complete = s.complete && inTime
		return inTime
	})
	s.complete = s.complete && err == nil
	return sub
}

// keep adds the nth file of a directory to those that are known, or puts it in the place of one.
func (s *openShard) keep(f shardFile, n int) {
	if len(s.files) < namesLimit {
		s.files = append(s.files, f)
		return
	}
	s.complete = false
	if i := rand.IntN(n); i < namesLimit {
		s.files[i] = f
	}
}

func (s *openShard) close() {
	if s.entries != nil {
		s.entries.Close()
	}
	for _, t := range s.records {
		if t != nil {
			t.Close()
		}
	}
}

func (s *openShard) dir(f shardFile) *tree.Tree {
	if f.kind == isRecord {
		return s.records[f.records]
	}
	return s.entries
}

// stat looks at a file; false if it is gone, or none of ours.
func (s *openShard) stat(f shardFile) (tree.Info, bool) {
	fi, err := s.dir(f).Stat(f.base())
	return fi, err == nil && fi.Regular
}

// scanned is what was found in a shard.
type scanned struct {
	bytes      int64
	complete   bool // all of it was seen
	candidates []candidate
}

// scan weighs what is in a shard, in random order, until there is enough to choose from; the rest it only counts.
func (d *cleaner) scan(sh byte, deadline time.Time) scanned {
	s := d.readShard(sh, deadline)
	defer s.close()
	rand.Shuffle(len(s.files), func(i, j int) { s.files[i], s.files[j] = s.files[j], s.files[i] })
	found := scanned{complete: s.complete}
	for i, f := range s.files {
		if i > 0 && !time.Now().Before(deadline) {
			found.complete = false
			break
		}
		s.weigh(&found, f)
	}
	return found
}

// measure adds up what is in a shard.
func (d *cleaner) measure(sh byte, deadline time.Time) scanned {
	s := d.readShard(sh, deadline)
	defer s.close()
	found := scanned{complete: s.complete}
	for i, f := range s.files {
		if i > 0 && !time.Now().Before(deadline) {
			found.complete = false
			break
		}
		if fi, ok := s.stat(f); ok {
			found.bytes += onDisk(fi.Size)
		}
	}
	return found
}

// weigh adds a file to what was found.
func (s *openShard) weigh(found *scanned, f shardFile) {
	switch {
	case f.kind == isEntry && len(found.candidates) < choice.Sample:
		s.weighEntry(found, f)
		return
	case f.kind == isBody && s.dropStray(f):
		return
	}
	fi, ok := s.stat(f)
	if !ok {
		return
	}
	found.bytes += onDisk(fi.Size)
	if f.kind == isRecord && len(found.candidates) < choice.Sample {
		found.candidates = append(found.candidates, s.d.weighRecord(f, fi))
	}
}

// weighRecord is what is to be known of a record.
func (d *cleaner) weighRecord(f shardFile, fi tree.Info) candidate {
	size, idle := onDisk(fi.Size), max(d.now().Sub(fi.ModTime), time.Second)
	return candidate{
		key: f.key, records: f.records, bytes: size,
		score:   choice.Candidate{Saved: LeastSaved, Bytes: size, Age: idle, Idle: idle}.Worth(),
		expired: idle > d.o.Keep,
	}
}

// weighEntry opens an entry. Its body is counted by its own name, and weighs with it.
func (s *openShard) weighEntry(found *scanned, f shardFile) {
	d := s.d
	file, fi, err := s.entries.OpenRead(f.base())
	if err != nil {
		found.complete = found.complete && isUseless(err) // it may be there and hold something
		return
	}
	defer file.Close()
	h, err := peek(file, fi.Size)
	size := onDisk(fi.Size)
	found.bytes += size
	if errors.Is(err, format.ErrVersion) {
		return // not ours to judge
	}
	if err != nil {
		found.candidates = append(found.candidates, candidate{key: f.key, slot: f.slot, bytes: size, expired: true})
		return
	}
	if h.InFile {
		if fi, ok := s.stat(shardFile{kind: isBody, key: f.key, slot: f.slot, sum: h.Sum}); ok {
			size += onDisk(fi.Size)
		}
	}
	now := d.now()
	end, ends := h.End()
	idle := max(now.Sub(fi.ModTime), time.Second)
	found.candidates = append(found.candidates, candidate{
		key: f.key, slot: f.slot, bytes: size,
		score: choice.Candidate{
			Saved: h.Ended.Sub(h.Started), Uses: d.hits(f.key), Bytes: size, Age: now.Sub(h.Ended), Idle: idle,
		}.Worth(),
		expired: ends && now.After(end) || idle > d.o.Keep,
	})
}

// dropStray removes a body that its entry does not name: a store was killed, or two stores of one key overlapped. It
// says whether it did.
func (s *openShard) dropStray(f shardFile) bool {
	fi, ok := s.stat(f)
	if !ok || age(fi) < newMargin {
		return false
	}
	entry := shardFile{kind: isEntry, key: f.key, slot: f.slot}
	if file, efi, err := s.entries.OpenRead(entry.base()); err == nil {
		h, perr := peek(file, efi.Size)
		file.Close()
		if perr != nil || h.InFile && h.Sum == f.sum {
			return false
		}
	}
	s.d.dropBody(f.key, f.slot, f.sum)
	return true
}
