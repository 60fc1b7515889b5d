package cachedir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// A directory is ours if it carries one of two marks: CACHEDIR.TAG with our text, or v1/.cachex. One that is empty
// becomes ours, and so does one that lost its marks (see recognise.go); one that holds anything else is refused, so
// that no mistyped path turns into a place where cachex removes files (P11a). The marks are written in an order that
// lets a kill at any point leave a directory that still counts as new:
//
//	directory made                     empty: new
//	CACHEDIR.TAG made or half written  holds nothing but a beginning of our text: new
//	CACHEDIR.TAG complete              ours
//	README, v1, v1/.cachex             ours already
//
// So whoever sees contents in v1 sees a complete CACHEDIR.TAG if he looks again.

const (
	tagFile    = "CACHEDIR.TAG"
	readmeFile = "README"
	markFile   = ".cachex"

	// The first line is fixed by https://bford.info/cachedir/: backup programs leave such directories out.
	tagText = "Signature: 8a477f597d28d172789f06886806bc55\n" +
		"# This directory holds results of commands, cached by cachex.\n" +
		"# About this file: https://bford.info/cachedir/\n"

	readmeText = "This directory belongs to cachex. It holds the output of commands, so that running one of them again\n" +
		"can be answered from here. All of it may be deleted at any time: `cachex purge --all`, or by hand.\n" +
		"Programs should not read or write files here; their format changes without notice.\n"

	markText = "cachex cache directory, format 1\n"
)

// marks are the files by which a directory is known as ours.
type marks struct{ root *tree.Tree } // the directory itself

// openMarked opens v1 and sees to the marks.
//
// The way of a hit is short: v1 opens and the mark in it has the right kind and size. What the mark says is compared
// when something is stored.
func (d *Dir) openMarked() error {
	v1, err := d.root.Sub("v1")
	if err == nil {
		if fi, serr := v1.Stat(markFile); serr == nil && fi.Regular && fi.Size == int64(len(markText)) &&
			v1.Trusts(fi.UID) {
			d.v1 = v1
			return d.tighten()
		}
		v1.Close()
	}
	switch {
	case d.isMarked():
	case d.o.ReadOnly && d.isNew():
		return ErrAbsent
	case !d.isNew() && !d.isMarked() && !d.onlyOurs(): // marked meanwhile, by another process
		return &Refused{
			Path: d.path, Why: "it is not empty and has no mark of cachex (choose another with --cache-dir)",
		}
	}
	if !d.o.ReadOnly {
		err = d.mark()
	}
	var serr error
	if d.v1, serr = d.root.Sub("v1"); serr == nil {
		return d.tighten()
	}
	if err == nil {
		err = serr
	}
	if d.o.ReadOnly && errors.Is(err, fs.ErrNotExist) {
		return ErrAbsent
	}
	return err
}

// tighten makes a directory that is ours private: somebody may have made it by hand, with the usual rights. It comes
// after the marks were found, so that no other directory is ever changed.
func (d *Dir) tighten() error {
	if d.o.ReadOnly {
		return nil
	}
	err := d.root.MakePrivate()
	if err != nil {
		d.v1.Close()
	}
	return err
}

func (d *marks) isMarked() bool {
	return d.holds(tagFile, tagText) == whole || d.holds("v1/"+markFile, markText) == whole
}

// isNew reports whether the directory is empty, or holds only what a killed creation leaves.
func (d *marks) isNew() bool {
	fresh := true
	err := d.root.List(".", func(name string) bool {
		switch name {
		case tagFile:
			fresh = d.holds(name, tagText) >= beginning
		case readmeFile:
			fresh = d.holds(name, readmeText) >= beginning
		case "v1":
			fresh = d.isNewV1()
		case "lost+found": // a filesystem of its own
		default:
			fresh = false
		}
		return fresh
	})
	return err == nil && fresh
}

func (d *marks) isNewV1() bool {
	fresh := true
	err := d.root.List("v1", func(name string) bool {
		fresh = name == markFile && d.holds("v1/"+name, markText) >= beginning
		return fresh
	})
	return err == nil && fresh
}

// How much of a text a file holds.
type extent int

const (
	other     extent = iota // something else, or it cannot be read
	missing                 // there is no such file
	beginning               // a beginning of the text, perhaps nothing; or zeros, as after a power cut
	whole
)

func (d *marks) holds(name, text string) extent {
	f, err := d.root.Open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return missing
	}
	if err != nil {
		return other
	}
	defer f.Close()
	fi, err := f.Info()
	if err != nil || !fi.Regular || !d.root.Trusts(fi.UID) || fi.Size > int64(len(text)) {
		return other
	}
	b := make([]byte, fi.Size)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return other
	}
	switch held := string(b[:n]); {
	case held == text:
		return whole
	case strings.HasPrefix(text, held), strings.Trim(held, "\x00") == "":
		return beginning
	}
	return other
}

// mark writes what is missing of the marks.
func (d *marks) mark() error {
	if err := d.writeMark(d.root, tagFile, tagText); err != nil {
		return err
	}
	if err := d.root.MakeDirs("v1"); err != nil {
		return err
	}
	if err := d.writeMark(d.root, "v1/"+markFile, markText); err != nil {
		return err
	}
	if d.holds(readmeFile, readmeText) != whole {
		_ = d.writeMark(d.root, readmeFile, readmeText) // for people: the cache does without
	}
	d.root.Sync("v1", ".")
	return nil
}

// writeMark writes a mark where it lies. Several processes may do so at once: they write the same bytes to the same
// places, and readers take a beginning for what it is.
func (d *marks) writeMark(t *tree.Tree, name, text string) error {
	if d.holds(name, text) == whole {
		return nil
	}
	f, fi, err := t.OpenInPlace(name, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.WriteAt([]byte(text), 0); err != nil {
		return t.PathError("write", name, err)
	}
	if fi.Size > int64(len(text)) {
		err = f.Truncate(int64(len(text)))
	}
	f.Sync()
	return err
}

// healMarks rewrites a damaged mark as long as the other one still says that the directory is ours.
func (d *marks) healMarks() {
	if d.holds(tagFile, tagText) != whole || d.holds("v1/"+markFile, markText) != whole {
		_ = d.mark()
	}
}
