package hashing

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"unsafe"
)

// A manifest is what a capture leaves for the next one of the same patterns: the StatIDs of the files that they name,
// in the order of their names, each with the digest of what the file held, and those of the directories that were
// listed for that, each with its names. Digests remembers the former one by one; but to read ten thousand of these
// takes as long as to look at the files, and to list a directory as long as to look at thirty files. What a manifest
// says holds for whatever has that StatID, so it need not be that of the present files: the order only tells where to
// look.
type manifest struct {
	name    Key
	records []byte // of files
	next    int    // the record that should be that of the next file
	lost    int    // files that were not found there
	places  map[StatID]int

	directories []directoryNames
	nextFolder  int
	folders     map[StatID]int

	walked []directoryNames // by this capture
	listed int              // of these, so many were not known
}

// directoryNames are the names in a directory: for each a letter, itself, and a NUL.
type directoryNames struct {
	id    StatID
	names []byte
}

const (
	manifestVersion = "manifest 1\n"
	stampSize       = 6 * 8
	manifestRecord  = stampSize + len(Digest{})
	manifestLeast   = 128 // files: fewer are known by Digests as fast
	manifestAhead   = 32  // records among which a file is looked for
	manifestLost    = 16  // files that are not there, before all records are put in a map
	manifestShare   = 16  // one of so many may be missing before the manifest is written anew

	letterOfFile = 'f'
	letterOfElse = '-'
)

// openManifest finds the manifest of what this capture was asked for, once it is needed.
func (c *capture) openManifest() *manifest {
	if c.manifest != nil {
		return c.manifest
	}
	asked := append([]byte(manifestVersion), c.spec.Dir...)
	asked = append(asked, '\n')
	for _, s := range c.selections() {
		asked = appendSelection(asked, &s)
	}
	c.manifest = &manifest{name: sha256.Sum256(asked)}
	if b, ok := c.cache.Manifest(c.manifest.name); ok {
		c.manifest.parse(b)
	}
	return c.manifest
}

// parse takes a manifest apart. What is none says nothing.
func (m *manifest) parse(b []byte) {
	rest, ok := bytes.CutPrefix(b, []byte(manifestVersion))
	if !ok || len(rest) < 4 {
		return
	}
	files := uint64(binary.LittleEndian.Uint32(rest)) * uint64(manifestRecord)
	if rest = rest[4:]; files > uint64(len(rest)) {
		return
	}
	records, rest := rest[:files:files], rest[files:]
	var directories []directoryNames
	for len(rest) > 0 {
		if len(rest) < stampSize+4 {
			return
		}
		id, size := stampAt(rest), uint64(binary.LittleEndian.Uint32(rest[stampSize:]))
		if rest = rest[stampSize+4:]; size > uint64(len(rest)) || size > 0 && rest[size-1] != 0 {
			return
		}
		directories = append(directories, directoryNames{id, rest[:size:size]})
		rest = rest[size:]
	}
	m.records, m.directories = records, directories
}

// encode is what parse takes apart.
func (m *manifest) encode(records []byte) []byte {
	b := make([]byte, 0, len(manifestVersion)+4+len(records)+len(m.walked)*256)
	b = binary.LittleEndian.AppendUint32(append(b, manifestVersion...), uint32(len(records)/manifestRecord))
	b = append(b, records...)
	for _, d := range m.walked {
		b = binary.LittleEndian.AppendUint32(appendStamp(b, d.id), uint32(len(d.names)))
		b = append(b, d.names...)
	}
	return b
}

func appendStamp(b []byte, id StatID) []byte {
	for _, n := range [...]uint64{id.Dev, id.Ino, uint64(id.Size), uint64(id.Mtime), uint64(id.Ctime), id.Mount} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

func stampAt(b []byte) StatID {
	n := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return StatID{
		Dev: n(0), Ino: n(1), Size: int64(n(2)), Mtime: int64(n(3)), Ctime: int64(n(4)), Mount: n(5),
	}
}

// knownFiles is how many files the manifest has, if it was needed already.
func (c *capture) knownFiles() int {
	if c == nil || c.manifest == nil {
		return 0
	}
	return c.manifest.size()
}

func (m *manifest) size() int { return len(m.records) / manifestRecord }

func (m *manifest) at(i int) (StatID, Digest) {
	r := m.records[i*manifestRecord:][:manifestRecord]
	return stampAt(r), Digest(r[stampSize:])
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

// children adds the names in a directory of a StatID, sorted. It is asked for one directory after another.
func (m *manifest) children(id StatID, to []child) ([]child, bool) {
	i := m.nextFolder
	if i >= len(m.directories) || m.directories[i].id != id {
		if m.folders == nil {
			m.folders = make(map[StatID]int, len(m.directories))
			for i := range m.directories {
				m.folders[m.directories[i].id] = i
			}
		}
		var ok bool
		if i, ok = m.folders[id]; !ok {
			return to, false
		}
	}
	m.nextFolder = i + 1
	known := m.directories[i]
	m.walked = append(m.walked, known)
	for rest := known.names; len(rest) > 0; {
		end := bytes.IndexByte(rest, 0)
		if end > 1 {
			c := child{name: unsafe.String(&rest[1], end-1), kind: kindUnknown}
			if rest[0] == letterOfFile {
				c.kind = kindPlain
			}
			to = append(to, c)
		}
		rest = rest[end+1:]
	}
	return to, true
}

// note notes the names in a directory.
func (m *manifest) note(id StatID, children []child) {
	size := 0
	for _, c := range children {
		size += len(c.name) + 2
	}
	names := make([]byte, 0, size)
	for _, c := range children {
		letter := byte(letterOfElse)
		if c.kind == kindPlain {
			letter = letterOfFile
		}
		names = append(append(append(names, letter), c.name...), 0)
	}
	m.walked = append(m.walked, directoryNames{id, names})
	m.listed++
}
