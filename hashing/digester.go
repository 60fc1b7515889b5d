package hashing

import (
	"errors"
	"io/fs"
)

// digester finds the digests of many files.
type digester struct {
	*contents
	dir      string // where names begin
	entries  []entry
	digests  []Digest
	known    []bool    // what stands for the file has this digest, now and later
	rest     []int     // files that are not in the manifest
	manifest *manifest // nil: they are too few
}

// digestEntries returns the digests of the regular files among the entries: those that the manifest of what was asked
// for has, and the others from as many goroutines as there are processors.
func (c *capture) digestEntries(entries []entry) ([]Digest, error) {
	d := &digester{
		contents: &c.contents, dir: c.spec.Dir, entries: entries,
		digests: make([]Digest, len(entries)), known: make([]bool, len(entries)),
	}
	if c.cache != nil && len(entries) >= manifestLeast {
		d.manifest = c.openManifest()
	}
	d.ask()
	err := inParallel(len(d.rest), func(i int) error { return d.digest(d.rest[i]) })
	for i := range d.entries {
		if !d.known[i] && d.entries[i].kind.regular() {
			c.looks.untold = true
		}
	}
	if err == nil && d.manifest != nil {
		d.keep()
	}
	return d.digests, err
}

// ask takes what the manifest says.
func (d *digester) ask() {
	for i := range d.entries {
		if !d.entries[i].kind.regular() {
			continue
		}
		if d.manifest != nil {
			if id, trust := d.id(i); trust {
				d.digests[i], d.known[i] = d.manifest.digest(id)
			}
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

func (d *digester) digest(i int) error {
	e := &d.entries[i]
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
	m, all, fresh := d.manifest, 0, 0
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
	if all < manifestLeast ||
		fresh <= all/manifestShare && m.listed <= len(m.walked)/manifestShare && m.size() <= 2*all {
		return
	}
	records := make([]byte, 0, all*manifestRecord)
	for i := range d.known {
		if id, trust := d.id(i); d.known[i] && trust {
			records = append(appendStamp(records, id), d.digests[i][:]...)
		}
	}
	d.cache.KeepManifest(m.name, m.encode(records))
}
