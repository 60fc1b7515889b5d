package hashing

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
)

// A manifest is what a capture leaves for the next one of the same patterns: the StatIDs of the files that they name,
// in the order of their names, each with the digest of what the file held. Digests remembers the same one by one; but
// to read ten thousand of these takes as long as to look at the files. What it says holds for any file of that StatID,
// so it need not be that of the present files: the order only tells where to look.
type manifest struct {
	name    Key
	records []byte
	next    int            // the record that should be that of the next file
	lost    int            // files that were not found there
	places  map[StatID]int // of all records; nil: the order was right so far
}

const (
	manifestVersion = "manifest 1\n"
	manifestRecord  = 6*8 + 32 // StatID, digest
	manifestLeast   = 128      // files: fewer are known by Digests as fast
	manifestAhead   = 32       // records among which a file is looked for
	manifestLost    = 16       // files that are not there, before all records are put in a map
	manifestShare   = 16       // one of so many files may be missing before the manifest is written anew
)

// digestEntries returns the digests of the regular files among the entries: those that the manifest of what was asked
// for has, and the others from as many goroutines as there are processors.
func (c *capture) digestEntries(entries []entry) ([]Digest, error) {
	d := &digester{
		contents: &c.contents, dir: c.spec.Dir, entries: entries,
		digests: make([]Digest, len(entries)), known: make([]bool, len(entries)),
	}
	if c.cache == nil || len(entries) < manifestLeast {
		for i := range entries {
			d.rest = append(d.rest, i)
		}
		return d.digests, d.digestRest()
	}
	asked := append([]byte(manifestVersion), c.spec.Dir...)
	asked = append(asked, '\n')
	for _, s := range c.selections() {
		asked = appendSelection(asked, &s)
	}
	d.open(sha256.Sum256(asked))
	err := d.digestRest()
	if err == nil {
		d.keep()
	}
	return d.digests, err
}

// parseManifest returns the records; what is no manifest has none.
func parseManifest(b []byte) (records []byte, ok bool) {
	const head = len(manifestVersion)
	if len(b) < head || string(b[:head]) != manifestVersion || (len(b)-head)%manifestRecord != 0 {
		return nil, false
	}
	return b[head:], true
}

func (m *manifest) size() int { return len(m.records) / manifestRecord }

func (m *manifest) at(i int) (StatID, Digest) {
	r := m.records[i*manifestRecord:][:manifestRecord]
	n := func(i int) uint64 { return binary.LittleEndian.Uint64(r[8*i:]) }
	return StatID{
		Dev: n(0), Ino: n(1), Size: int64(n(2)), Mtime: int64(n(3)), Ctime: int64(n(4)), Mount: n(5),
	}, Digest(r[6*8:])
}

func appendManifest(b []byte, id StatID, digest Digest) []byte {
	for _, n := range [...]uint64{id.Dev, id.Ino, uint64(id.Size), uint64(id.Mtime), uint64(id.Ctime), id.Mount} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return append(b, digest[:]...)
}

// digest returns what a file of a StatID held. It is asked for one file after another.
func (m *manifest) digest(id StatID) (Digest, bool) {
	if m.places == nil {
		for i := m.next; i < min(m.next+manifestAhead, m.size()); i++ {
			if of, digest := m.at(i); of == id {
				m.next = i + 1
				return digest, true
			}
		}
		if m.lost++; m.lost < manifestLost || m.size() == 0 {
			return Digest{}, false
		}
		m.places = make(map[StatID]int, m.size())
		for i := range m.size() {
			of, _ := m.at(i)
			m.places[of] = i
		}
	}
	i, ok := m.places[id]
	if !ok {
		return Digest{}, false
	}
	_, digest := m.at(i)
	return digest, true
}

// digester finds the digests of many files.
type digester struct {
	*contents
	dir      string // where names begin
	entries  []entry
	digests  []Digest
	known    []bool // what stands for the file has this digest, now and later
	rest     []int  // files that are not in the manifest
	manifest manifest
}

// open takes what the manifest of this name says.
func (d *digester) open(name Key) {
	m := &d.manifest
	m.name = name
	if b, ok := d.cache.Manifest(name); ok {
		m.records, _ = parseManifest(b)
	}
	for i := range d.entries {
		if !d.entries[i].kind.regular() {
			continue
		}
		if id, trust := d.id(i); trust {
			d.digests[i], d.known[i] = m.digest(id)
		}
		if !d.known[i] {
			d.rest = append(d.rest, i)
		}
	}
}

// id is what stands for the content of a file.
func (d *digester) id(i int) (StatID, bool) {
	e := &d.entries[i]
	_, id, trust := d.standsFor(location{e.name, d.dir}, e.link, e.look())
	return id, trust
}

func (d *digester) digestRest() error {
	return inParallel(len(d.rest), func(i int) error { return d.digest(d.rest[i]) })
}

func (d *digester) digest(i int) error {
	e := &d.entries[i]
	if !e.kind.regular() {
		return nil
	}
	file, err := d.digestFile(location{e.name, d.dir}, e.link, e.look())
	if errors.Is(err, fs.ErrNotExist) {
		err = errVanished
	}
	if err != nil {
		return &InputError{Path: e.name, Err: err}
	}
	d.digests[i], d.known[i], e.kind, e.id = file.digest, file.known, file.at.kind, file.at.id
	return nil
}

// keep leaves a manifest of what is known, if much of it is in none yet.
func (d *digester) keep() {
	all, fresh := 0, 0
	for i := range d.known {
		if d.known[i] {
			all++
		}
	}
	for _, i := range d.rest {
		if d.known[i] {
			fresh++
		}
	}
	if all < manifestLeast || fresh <= all/manifestShare && d.manifest.size() <= 2*all {
		return
	}
	b := append(make([]byte, 0, len(manifestVersion)+all*manifestRecord), manifestVersion...)
	for i := range d.known {
		if id, trust := d.id(i); d.known[i] && trust {
			b = appendManifest(b, id, d.digests[i])
		}
	}
	d.cache.KeepManifest(d.manifest.name, b)
}
