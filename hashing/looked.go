package hashing

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"time"
)

// Looked is a look that was taken to find the files of a spec and to tell what they hold. As long as each shows the
// same again, the same files are found, and hold the same.
type Looked struct {
	Path   string // from the working directory
	Follow bool   // a link is followed
	Listed bool   // a directory, which was opened; its names are told, too
	Stamp         // Mode is a type, with a bit if a regular file may be executed; zero: there is nothing
}

// looks are what a capture has looked at besides the files that it has found.
type looks struct {
	taken  []Looked
	untold bool // something was looked at that cannot be told
}

// take notes a look; only that nothing is there is an error that can be told.
func (l *looks) take(name string, follow bool, at look, err error) {
	if err != nil {
		l.untold = l.untold || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
		at = look{}
	}
	l.taken = append(l.taken, Looked{Path: name, Follow: follow, Stamp: at.stamp()})
}

// list notes a directory that was listed; told: its names are the same as long as a look shows the same.
func (l *looks) list(name string, follow bool, at look, told bool) {
	l.untold = l.untold || !told
	l.taken = append(l.taken, Looked{Path: name, Follow: follow, Listed: true, Stamp: at.stamp()})
}

// link notes a link, and what it leads to.
func (l *looks) link(name string, itself look, e *entry) {
	l.take(name, false, itself, nil)
	switch {
	case e.kind == kindAbsent:
		l.take(name, true, look{}, fs.ErrNotExist)
	case e.kind.regular() || e.kind == kindDirectory:
		l.take(name, true, e.look(), nil)
	default:
		l.untold = true
	}
}

// stamp is what stands for it.
func (l look) stamp() Stamp {
	mode := typeOf(l.kind)
	if l.kind == kindExec {
		mode |= 1
	}
	return Stamp{StatID: l.id, Mode: mode, Mount: l.mount}
}

// NamesMore reports whether the files of a spec are more than those that it names: then LooksOf tells of them.
func NamesMore(spec *Spec) bool {
	return slices.ContainsFunc(spec.Files, func(pattern string) bool {
		return !IsName(pattern) || isDirectory(absolute(tidy(pattern), spec.Dir))
	})
}

// FilesAsked names what files were asked for, and where.
func FilesAsked(r *Recipe) Key {
	text := append([]byte("looks 1\n"), r.dir...)
	for line := range bytes.Lines(r.Text) {
		if bytes.HasPrefix(line, []byte(fileMatchFact.name+" ")) {
			text = append(append(text, '\n'), line...)
		}
	}
	return sha256.Sum256(text)
}

// LooksOf returns all looks at the files of a spec, from which a recipe was captured, in no order; false if they cannot
// be told, or if a file has changed since a time.
func LooksOf(r *Recipe, since time.Time) ([]Looked, bool) {
	if r.looks.untold || len(r.unmatched) > 0 {
		return nil, false
	}
	all := slices.Grow(slices.Clone(r.looks.taken), len(r.files))
	for i := range r.files {
		switch e := &r.files[i]; {
		case e.link || e.kind == kindDirectory: // they are among those taken
		case e.kind == kindAbsent:
			all = append(all, Looked{Path: e.name})
		case e.kind.regular():
			all = append(all, Looked{Path: e.name, Stamp: e.look().stamp()})
		default:
			return nil, false
		}
	}
	changed := func(l Looked) bool { return l.Ctime >= since.UnixNano() }
	return all, !slices.ContainsFunc(all, changed)
}
