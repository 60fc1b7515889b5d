// Package outputs is the files that a command makes: it finds them after a run, and puts them where they were on a hit.
// It knows neither entries nor recipes. What it found is a list, which whoever stores it keeps as it is, and the
// contents of the files one after another.
//
// A set is restored all at once, as far as a file system can do that:
//
//	compare    what is right already is left alone, and what is in the way ends it before anything is touched
//	record     the names of the temporary files, which whoever comes next removes if this process is killed
//	write      each file under a temporary name in its own directory, verified
//	rename     one after another: each file is the old one or the new one at any instant
//
// A kill between two renames leaves some files old and some new; the next run of the same recipe finds that out by
// comparing, and finishes it. Nothing is written through a link that leads out of the directory (os.Root).
package outputs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
)

// Kind is what a file is.
type Kind uint8

// The kinds that can be stored.
const (
	Regular Kind = iota
	Directory
	Link // a symbolic one
)

// String names a kind for people.
func (k Kind) String() string { return [...]string{"file", "directory", "link"}[k] }

// File is what is known of one file.
type File struct {
	Name    string // from the working directory or absolute, with slashes
	Kind    Kind
	Perm    fs.FileMode    // the nine bits; of a link nothing
	ModTime int64          // when the run left it, in ns since 1970
	Size    int64          // of a regular file, in bytes
	Sum     hashing.Digest // of what it holds
	Data    []Extent       // where it holds anything; what lies between is a hole
	Target  string         // of a link

	at int64 // where the contents of this file begin among those of all
}

// Extent is a part of a file.
type Extent struct{ Off, Len int64 }

// stored is how many bytes of contents are kept of a file.
func (f *File) stored() (n int64) {
	for _, e := range f.Data {
		n += e.Len
	}
	return n
}

// Whole returns where the contents of a regular file without holes begin among those of all; false: it is another one.
func (f *File) Whole() (at int64, ok bool) { return f.at, f.Kind == Regular && f.stored() == f.Size }

// Refusal says why the outputs of a run are not stored, or cannot be put in their places.
type Refusal struct {
	Name string
	Why  string
	Err  error // what the system said; nil: nothing
}

func (r *Refusal) Error() string {
	text := "output " + hashing.Show(r.Name) + ": " + r.Why
	if r.Err != nil {
		text += ": " + r.Err.Error()
	}
	return text
}

func (r *Refusal) Unwrap() error { return r.Err }

func refuse(name, why string) error { return &Refusal{Name: name, Why: why} }

// refused is what the system said of a name, without the name.
func refused(name, doing string, err error) error {
	for {
		switch e := err.(type) {
		case *Refusal:
			return e
		case *fs.PathError:
			err = e.Err
			continue
		case *os.LinkError:
			err = e.Err
			continue
		}
		return &Refusal{name, doing, err}
	}
}

// isLocal reports whether a name is one below the working directory, or an absolute one, in its shortest form.
func isLocal(name string) bool {
	return path.Clean(name) == name && !strings.Contains(name, "\x00") &&
		(isAbs(name) && path.Dir(name) != name || name != "." && filepath.IsLocal(filepath.FromSlash(name)))
}

func isAbs(name string) bool { return filepath.IsAbs(filepath.FromSlash(name)) }

// leadsOut reports whether a link leads, by its text alone, out of the directory in which its name begins. Where an
// absolute name begins is not known.
func leadsOut(name, target string) bool {
	target = filepath.ToSlash(target)
	return path.IsAbs(target) || filepath.IsAbs(target) || filepath.VolumeName(target) != "" ||
		!isAbs(name) && !filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(name), target)))
}
