package outputs

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
)

// Finder finds and reads what a run has made in a directory.
type Finder struct {
	Tree  *Tree
	Avoid fs.FileInfo // a directory that must not be stored: the cache; nil: none

	files  map[string]File
	before Before // what there was before the run
	infos  map[string]fs.FileInfo
}

// Before is what lay where outputs may be before a run, by its name.
type Before map[string]fs.FileInfo

// Look lists what patterns name before a run.
func (f *Finder) Look(patterns []string) (Before, error) {
	before := Before{}
	for _, pattern := range patterns {
		set := hashing.OutputSet([]string{pattern})
		err := f.walk(set.Base(), set, set.Covers(set.Base()), func(name string, fi fs.FileInfo) error {
			before[name] = fi
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return before, nil
}

// mostExtents is how many parts a file with holes may have; with more it is stored as if it had none.
const mostExtents = 10_000

func whole(size int64) []Extent {
	if size == 0 {
		return nil
	}
	return []Extent{{0, size}}
}

// Find lists what patterns name after a run, in the order of the names. A pattern that names nothing, and what can be
// no output, is a *Refusal.
func (f *Finder) Find(patterns []string, before Before) ([]File, error) {
	f.files, f.before, f.infos = map[string]File{}, before, map[string]fs.FileInfo{}
	for _, pattern := range patterns {
		set := hashing.OutputSet([]string{pattern})
		base := set.Base()
		if err := f.checkBase(pattern, base); err != nil {
			return nil, err
		}
		if f.isInAvoided(base) {
			return nil, refuse(base, "it is in the cache directory")
		}
		found, known := len(f.files), f.knows(base)
		if err := f.walk(base, set, set.Covers(base), f.add); err != nil {
			return nil, err
		}
		if len(f.files) == found && !known && !f.covered(set) {
			return nil, refuse(pattern, "the command did not make it")
		}
	}
	return f.sorted(), nil
}

// Named lists what has exactly these names after a run; true: and what is below it. The run is known to have made or
// changed all of it.
func (f *Finder) Named(names map[string]bool) ([]File, error) {
	f.files, f.before, f.infos = map[string]File{}, nil, map[string]fs.FileInfo{}
	for name, whole := range names {
		fi, err := f.Tree.lstat(name)
		switch {
		case err != nil:
		case whole:
			err = f.walk(name, hashing.OutputSet([]string{hashing.EscapeGlob(name)}), true, f.add)
		default:
			err = f.add(name, fi)
		}
		if err != nil {
			return nil, refused(name, "look at it", err)
		}
	}
	return f.sorted(), nil
}

func (f *Finder) sorted() []File {
	files := make([]File, 0, len(f.files))
	for _, file := range f.files {
		files = append(files, file)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files
}

// Strangers lists what patterns name and a list does not, directories before what is in them.
func (f *Finder) Strangers(patterns []string, files []File) (strangers []string, err error) {
	known := map[string]bool{}
	for i := range files {
		known[files[i].Name] = true
	}
	for _, pattern := range patterns {
		set := hashing.OutputSet([]string{pattern})
		err := f.walk(set.Base(), set, set.Covers(set.Base()), func(name string, _ fs.FileInfo) error {
			if !known[name] {
				known[name] = true
				strangers = append(strangers, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return strangers, nil
}

// checkBase refuses a pattern for what is in a directory that is a link: what it leads to would be left out.
func (f *Finder) checkBase(pattern, base string) error {
	if !strings.HasSuffix(pattern, "/") && !hashing.IsGlob(pattern) { // it names this, and not what is in it
		return nil
	}
	if fi, err := f.Tree.lstat(base); err != nil || fi.Mode()&fs.ModeSymlink == 0 {
		return nil
	}
	target, err := f.Tree.Readlink(base)
	if err != nil {
		return refused(base, "read the link", err)
	}
	return refuse(base, "it is a link, to "+hashing.Show(target)+": name the directory to which it leads")
}

// isInAvoided reports whether a directory above a name is the one that must not be stored.
func (f *Finder) isInAvoided(name string) bool {
	if f.Avoid == nil {
		return false
	}
	for dir := filepath.Dir(f.Tree.Path(name)); ; dir = filepath.Dir(dir) {
		if fi, err := os.Stat(dir); err == nil && os.SameFile(fi, f.Avoid) {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

func (f *Finder) knows(name string) bool { _, ok := f.files[name]; return ok }

// covered reports whether another pattern has found what this one names.
func (f *Finder) covered(set hashing.Outputs) bool {
	for name := range f.files {
		if set.Covers(name) {
			return true
		}
	}
	return false
}

// walk calls each for a file, if it is covered, and for what is covered below it.
func (f *Finder) walk(name string, set hashing.Outputs, covered bool, each func(string, fs.FileInfo) error) error {
	fi, err := f.Tree.lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return refused(name, "look at it", err)
	}
	if covered {
		if fi.IsDir() && f.Avoid != nil && os.SameFile(fi, f.Avoid) {
			return refuse(name, "it is the cache directory")
		}
		if err := each(name, fi); err != nil {
			return err
		}
	}
	if fi.Mode()&fs.ModeSymlink != 0 && !covered && set.Expects(name) {
		return f.checkLink(name, set)
	}
	if !fi.IsDir() || !covered && !set.Expects(name) {
		return nil
	}
	names, err := f.list(name)
	if err != nil {
		return err
	}
	for _, base := range names {
		below := path.Join(name, base)
		if hashing.IsTemporary(below) || base == ".git" && !covered && !set.Names(below) {
			continue
		}
		if err := f.walk(below, set, covered || set.Covers(below), each); err != nil {
			return err
		}
	}
	return nil
}

// checkLink refuses a link to a directory in which something is that a pattern names: it would be left out.
func (f *Finder) checkLink(name string, set hashing.Outputs) error {
	const deepest = 16 // links may lead back
	var meant func(name string, depth int) bool
	meant = func(name string, depth int) bool {
		entries, err := os.ReadDir(f.Tree.Path(name))
		return err == nil && depth < deepest && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
			below := path.Join(name, e.Name())
			return set.Covers(below) || !e.Type().IsRegular() && set.Expects(below) && meant(below, depth+1)
		})
	}
	if !meant(name, 0) {
		return nil
	}
	target, err := f.Tree.Readlink(name)
	if err != nil {
		return refused(name, "read the link", err)
	}
	return refuse(name, "it is a link, to "+hashing.Show(target)+": name the directory to which it leads")
}

func (f *Finder) list(name string) ([]string, error) {
	d, err := f.Tree.open(name)
	if err != nil {
		return nil, refused(name, "open it", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, refused(name, "list it", err)
	}
	return names, nil
}

// add notes a file that is there after the run.
func (f *Finder) add(name string, fi fs.FileInfo) (err error) {
	file := File{Name: name, Perm: fi.Mode().Perm(), ModTime: fi.ModTime().UnixNano()}
	switch mode := fi.Mode(); {
	case mode.IsDir():
		file.Kind = Directory
	case mode.IsRegular():
		file.Size = fi.Size()
	case mode&fs.ModeSymlink != 0:
		if file, err = f.link(file); err != nil {
			return err
		}
	default:
		return refuse(name, "it is a "+specialKind(mode)+", which cannot be stored")
	}
	f.files[name], f.infos[name] = file, fi
	return nil
}

// CheckUntouched refuses files that were there before the run, and that it has left alone, unless it is known that an
// earlier run of the command has made them: they may be somebody's work, and a hit would bring them back as they are
// now.
func (f *Finder) CheckUntouched(files []File, known func(File) bool) error {
	for i := range files {
		file := &files[i]
		if file.Kind != Directory && !f.before.Touched(file.Name, f.infos[file.Name]) && !known(*file) {
			return refuse(file.Name, untouched)
		}
	}
	return nil
}

// Touched reports whether a file is not what was there before, or not the same.
func (b Before) Touched(name string, now fs.FileInfo) bool {
	before, there := b[name]
	return !there || !isSame(before, now)
}

// isSame reports whether two looks at a name have seen the same file, which nobody has changed in between.
func isSame(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Mode() == b.Mode() && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) &&
		changeTime(a) == changeTime(b)
}

func specialKind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "FIFO"
	case mode&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

func (f *Finder) link(file File) (File, error) {
	target, err := f.Tree.Readlink(file.Name)
	if err != nil {
		return file, refused(file.Name, "read the link", err)
	}
	if f.Tree.leadsOut(file.Name, target) {
		why := "it is a link that leads out of " + f.Tree.top(file.Name) + ", to " + hashing.Show(target)
		return file, refuse(file.Name, why)
	}
	file.Kind, file.Target, file.Perm = Link, target, 0
	return file, nil
}

// Write writes the contents of the files, one after another, and enters into the list what they hold. A file that
// changes meanwhile is a *Refusal; other errors are those of w.
func (f *Finder) Write(files []File, w io.Writer) error {
	buf := make([]byte, 256<<10)
	for i := range files {
		if files[i].Kind != Regular {
			continue
		}
		if err := f.write(&files[i], w, buf); err != nil {
			return err
		}
	}
	return nil
}

const (
	untouched        = "it was there before, and is not known to be made by this command: name outputs more narrowly, or remove it once"
	changedMeanwhile = "it changed while it was stored"
	cannotRead       = "read it"
)

func (f *Finder) write(file *File, w io.Writer, buf []byte) error {
	in, err := f.Tree.openFile(file.Name, readFlags, 0)
	if err != nil {
		return refused(file.Name, cannotRead, err)
	}
	defer in.Close()
	before, err := in.Stat()
	if err != nil {
		return refused(file.Name, cannotRead, err)
	}
	if !isAsFound(before, file) {
		return refuse(file.Name, changedMeanwhile)
	}
	if file.Data, err = extents(in, file.Size); err != nil {
		return refused(file.Name, cannotRead, err)
	}
	sum := sha256.New()
	at := int64(0)
	for _, e := range file.Data {
		_ = addZeros(sum, e.Off-at) // a hash takes all
		if err := copyPart(io.MultiWriter(sum, w), in, e, file.Name, buf); err != nil {
			return err
		}
		at = e.Off + e.Len
	}
	_ = addZeros(sum, file.Size-at)
	sum.Sum(file.Sum[:0])
	after, err := in.Stat()
	if err != nil || !isAsFound(after, file) || !os.SameFile(before, after) {
		return refuse(file.Name, changedMeanwhile)
	}
	return nil
}

func isAsFound(fi fs.FileInfo, file *File) bool {
	return fi.Mode().IsRegular() && fi.Size() == file.Size && fi.ModTime().UnixNano() == file.ModTime
}

// copyPart copies a part of a file. What is wrong with the file is a *Refusal.
func copyPart(w io.Writer, in io.ReaderAt, e Extent, name string, buf []byte) error {
	for done := int64(0); done < e.Len; {
		b := buf[:min(int64(len(buf)), e.Len-done)]
		n, err := in.ReadAt(b, e.Off+done)
		if n < len(b) {
			if errors.Is(err, io.EOF) {
				return refuse(name, changedMeanwhile)
			}
			return refused(name, cannotRead, err)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		done += int64(n)
	}
	return nil
}

// zeros is what holes hold.
var zeros [64 << 10]byte

func addZeros(w io.Writer, n int64) error {
	for n > 0 {
		done, err := w.Write(zeros[:min(n, int64(len(zeros)))])
		if err != nil {
			return err
		}
		n -= int64(done)
	}
	return nil
}

// Total is how many bytes the files hold, holes left out.
func Total(files []File) (n int64) {
	for i := range files {
		n += files[i].stored()
	}
	return n
}
