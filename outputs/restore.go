package outputs

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/cachex-cli/cachex/hashing"
)

// Restorer puts files in their places.
type Restorer struct {
	Tree   *Tree
	Digest func(path string) (hashing.Digest, error) // of a regular file; a stat cache may know it
	Ledger Ledger                                    // nil: what a kill leaves behind stays

	// Expendable reports whether a file that is there, and is something else, may be replaced. Of it there are name,
	// kind, permissions, and digest or target. nil: each may.
	Expendable func(there File, info fs.FileInfo) bool

	// Strangers lists what is to be removed besides, directories before what is in them. nil: nothing.
	Strangers func() ([]string, error)

	// Begin is called before the first file is replaced or removed. nil: it is not.
	Begin func()
	begun bool

	// Stop reports whether to end, before the first file is replaced. nil: it does not.
	Stop func() bool

	Written bool // something was
	Times   Times
	Now     time.Time // for TimesNow
}

// Times says which modification times files have in the end.
type Times uint8

// The choices: that of when it was written, or, of what was right already, the one that it had; that of the hit, for
// make; that of the run.
const (
	TimesAsWritten Times = iota
	TimesNow
	TimesOfRun
)

// ErrContents is what stored contents are that are not what the list says.
var ErrContents = errors.New("the stored contents are damaged")

// ErrStopped is why files are not in place that were not to be any more.
var ErrStopped = errors.New("stopped")

// Restore makes files what a list says, or says why that cannot be: then nothing was renamed, unless the system refused
// a rename after it had admitted everything before it. What is right already is not touched.
func (r *Restorer) Restore(files []File, contents io.ReaderAt) error {
	ledger := r.Ledger
	if ledger == nil {
		ledger = noLedger{}
	}
	RemoveStrays(r.Tree, ledger)
	wrong, err := r.compare(files)
	if err != nil {
		return err
	}
	var strangers []string
	if r.Strangers != nil {
		if strangers, err = r.Strangers(); err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		if err := r.place(wrong, contents, ledger); err != nil {
			return err
		}
	}
	for _, name := range slices.Backward(strangers) {
		r.begin()
		if err := r.Tree.remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return refused(name, "remove it", err)
		}
		r.Written = true
	}
	return r.setTimes(files)
}

// place makes what is wrong right.
func (r *Restorer) place(wrong []difference, contents io.ReaderAt, ledger Ledger) error {
	p := placing{Restorer: r, contents: contents, word: rand.Uint64()}
	done, err := ledger.Keep(encodeRecord(p.temporaries(wrong)))
	if err != nil {
		return &Refusal{wrong[0].Name, "note what is about to be written", err}
	}
	defer func() {
		if !p.left {
			done() // else whoever comes next removes it
		}
	}()
	r.Written = true
	if err := p.write(wrong); err != nil {
		p.undo()
		return err
	}
	r.begin()
	return p.rename(wrong)
}

func (r *Restorer) stops() bool { return r.Stop != nil && r.Stop() }

func (r *Restorer) begin() {
	if r.Begin != nil && !r.begun {
		r.Begin()
	}
	r.begun = true
}

// difference is what is wrong with a file.
type difference struct {
	*File
	temp   string      // what becomes it; empty: nothing does
	backup string      // under which the file that was there stands meanwhile; empty: nothing does
	seen   fs.FileInfo // what was there when it was compared; nil: nothing
}

// compare lists what is not as it should be. What lies in the way is a *Refusal.
func (r *Restorer) compare(files []File) (wrong []difference, err error) {
	for i := range files {
		d := difference{File: &files[i]}
		right, err := r.look(&d)
		if err != nil {
			return nil, err
		}
		if !right {
			wrong = append(wrong, d)
		}
	}
	return wrong, nil
}

// look compares a file with what it should be.
func (r *Restorer) look(d *difference) (right bool, err error) {
	fi, err := r.Tree.lstat(d.Name)
	d.seen = nil
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, refused(d.Name, "look at it", err)
	}
	d.seen = fi
	mode := fi.Mode()
	there := File{Name: d.Name, Kind: d.Kind, Perm: mode.Perm()}
	switch {
	case mode&fs.ModeSymlink != 0 && d.Kind == Link:
		there.Perm = 0
		there.Target, err = r.Tree.Readlink(d.Name)
		right = err == nil && there.Target == d.Target
	case mode.IsRegular() && d.Kind == Regular:
		there.Sum, err = r.Digest(r.Tree.Path(d.Name))
		right = err == nil && there.Sum == d.Sum && there.Perm == d.Perm
	case mode.IsDir() && d.Kind == Directory:
		right = there.Perm == d.Perm
	default:
		return false, refuse(d.Name, "it would be a "+d.Kind.String()+", and there is a "+kindThere(mode))
	}
	if right {
		return true, nil
	}
	return false, r.checkExpendable(there, fi, err)
}

func kindThere(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return Regular.String()
	case mode.IsDir():
		return Directory.String()
	case mode&fs.ModeSymlink != 0:
		return Link.String()
	}
	return specialKind(mode)
}

// checkExpendable refuses to replace what somebody else has written. What cannot be read is not known.
func (r *Restorer) checkExpendable(there File, info fs.FileInfo, err error) error {
	if r.Expendable == nil || err == nil && r.Expendable(there, info) {
		return nil
	}
	return refuse(there.Name, "no run of cachex has left what is there")
}

// placing is one restoration that has something to do.
type placing struct {
	*Restorer
	contents io.ReaderAt
	word     uint64   // in the names of its temporary files
	left     bool     // something temporary could not be removed
	made     []string // what there was not before, in the order in which it was made
}

// temporaries gives each file that has to be written a name to be written under, and each that is replaced one under
// which it stands until all are, and lists these.
func (p *placing) temporaries(wrong []difference) (names []string) {
	for i := range wrong {
		d := &wrong[i]
		if d.Kind == Directory {
			continue
		}
		d.temp = hashing.TemporaryName(d.Name, p.word, 2*i)
		names = append(names, d.temp)
		if d.seen != nil && len(wrong) > 1 { // a single one is replaced, or is not
			d.backup = hashing.TemporaryName(d.Name, p.word, 2*i+1)
			names = append(names, d.backup)
		}
	}
	return names
}

// write makes directories that are missing, and every file under its temporary name.
func (p *placing) write(wrong []difference) error {
	buf := make([]byte, 256<<10)
	for i := range wrong {
		d := &wrong[i]
		var err error
		switch {
		case p.stops():
			err = ErrStopped
		case d.Kind == Directory && d.seen != nil:
		case d.Kind == Directory:
			err = p.makeDirectory(d.Name, d.Perm|0o700) // its own mode comes when all is in it
		default:
			if err = p.makeDirectory(path.Dir(d.Name), 0o777); err == nil {
				err = p.writeTemporary(d, buf)
			}
		}
		if err != nil {
			return refused(d.Name, "put it in place", err)
		}
	}
	return nil
}

// makeDirectory makes a directory that is missing, and those above it.
func (p *placing) makeDirectory(name string, perm fs.FileMode) error {
	if p.Tree.isTop(name) {
		return nil
	}
	err := p.Tree.mkdir(name, perm)
	if errors.Is(err, fs.ErrNotExist) {
		if err := p.makeDirectory(path.Dir(name), 0o777); err != nil {
			return err
		}
		err = p.Tree.mkdir(name, perm)
	}
	if err == nil {
		p.made = append(p.made, name)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // if it is no directory, what is made in it fails
	}
	return err
}

func (p *placing) writeTemporary(d *difference, buf []byte) error {
	if d.Kind == Link {
		err := p.Tree.symlink(filepath.FromSlash(d.Target), d.temp)
		if err == nil {
			p.made = append(p.made, d.temp)
		}
		return err
	}
	f, err := p.Tree.openFile(d.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	p.made = append(p.made, d.temp)
	err = p.fill(f, d.File, buf)
	if err == nil {
		err = f.Chmod(d.Perm)
	}
	return errors.Join(err, f.Close())
}

// fill writes what a file holds, and nothing where it holds nothing.
func (p *placing) fill(f *os.File, file *File, buf []byte) error {
	sum := sha256.New()
	end, err := file.read(p.contents, buf, func(b []byte, off int64) error {
		if p.stops() {
			return ErrStopped
		}
		sum.Write(b)
		_, err := f.WriteAt(b, off)
		return err
	}, func(n int64) error { return addZeros(sum, n) })
	if err != nil {
		return err
	}
	if hashing.Digest(sum.Sum(nil)) != file.Sum {
		return ErrContents
	}
	if end < file.Size {
		return f.Truncate(file.Size)
	}
	return nil
}

// CopyTo writes what a file holds, holes as zeros.
func (f *File) CopyTo(w io.Writer, contents io.ReaderAt) error {
	_, err := f.read(contents, make([]byte, 256<<10), func(b []byte, _ int64) error {
		_, err := w.Write(b)
		return err
	}, func(n int64) error { return addZeros(w, n) })
	return err
}

// read calls part with what a file holds, and hole with the length of what lies between. It returns where the last part
// ends.
func (f *File) read(contents io.ReaderAt, buf []byte, part func([]byte, int64) error, hole func(int64) error) (
	end int64, err error,
) {
	from := f.at
	for _, e := range f.Data {
		if err := hole(e.Off - end); err != nil {
			return end, err
		}
		for done := int64(0); done < e.Len; {
			b := buf[:min(int64(len(buf)), e.Len-done)]
			if n, err := contents.ReadAt(b, from+done); n < len(b) {
				return end, fmt.Errorf("%w: %w", ErrContents, err)
			}
			if err := part(b, e.Off+done); err != nil {
				return end, err
			}
			done += int64(len(b))
		}
		end, from = e.Off+e.Len, from+e.Len
	}
	return end, hole(f.Size - end)
}

// undo removes what was made.
func (p *placing) undo() {
	for _, name := range slices.Backward(p.made) {
		p.remove(name)
	}
}

// remove removes what is not needed any more, or notes that it is left.
func (p *placing) remove(name string) {
	if err := p.Tree.remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.left = true
	}
}

// rename gives the files that are written their names, and then directories their modes: those above others last. If
// one cannot be put in place, those before it are taken back.
func (p *placing) rename(wrong []difference) error {
	done := 0
	err := func() error {
		for ; done < len(wrong); done++ {
			if err := p.renameOne(&wrong[done]); err != nil {
				return err
			}
		}
		for i := range slices.Backward(wrong) {
			if d := &wrong[i]; d.Kind == Directory {
				if err := p.Tree.chmod(d.Name, d.Perm); err != nil {
					return refused(d.Name, "set its mode", err)
				}
			}
		}
		return nil
	}()
	if err != nil {
		p.takeBack(wrong[:done])
	}
	for i := range wrong {
		if wrong[i].backup != "" {
			p.remove(wrong[i].backup)
		}
	}
	if err != nil {
		p.undo()
	}
	return err
}

// renameOne puts one file in place, unless what is there by now may not be replaced. The file that it replaces
// keeps a second name where there are hard links: elsewhere it cannot be taken back.
func (p *placing) renameOne(d *difference) error {
	if d.temp == "" {
		return nil
	}
	if changed, err := p.changed(d); err != nil {
		return err
	} else if changed {
		switch right, err := p.look(d); {
		case err != nil:
			return err
		case right: // another hit has done the same
			return p.Tree.remove(d.temp)
		}
	}
	if d.backup != "" && p.Tree.link(d.Name, d.backup) != nil {
		d.backup = ""
	}
	if err := p.Tree.rename(d.temp, d.Name); err != nil {
		return refused(d.Name, "put it in place", err)
	}
	return nil
}

// changed reports whether a file is not what was compared any more.
func (p *placing) changed(d *difference) (bool, error) {
	now, err := p.Tree.lstat(d.Name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, refused(d.Name, "look at it", err)
	}
	return (err == nil) != (d.seen != nil) || err == nil && !isSame(d.seen, now), nil
}

// takeBack makes files again what they were.
func (p *placing) takeBack(done []difference) {
	for i := range slices.Backward(done) {
		switch d := &done[i]; {
		case d.temp == "":
			if d.seen != nil {
				_ = p.Tree.chmod(d.Name, d.seen.Mode().Perm())
			}
		case d.seen == nil:
			_ = p.Tree.remove(d.Name)
		case d.backup != "":
			_ = p.Tree.rename(d.backup, d.Name)
		}
	}
}

// setTimes gives all files the times that are wanted, those of directories after what is in them.
func (r *Restorer) setTimes(files []File) error {
	if r.Times == TimesAsWritten {
		return nil
	}
	for i := range slices.Backward(files) {
		f := &files[i]
		if f.Kind == Link {
			continue // it is what it leads to that is asked
		}
		at := r.Now
		if r.Times == TimesOfRun {
			at = time.Unix(0, f.ModTime)
			if fi, err := r.Tree.lstat(f.Name); err == nil && fi.ModTime().Equal(at) {
				continue
			}
		}
		if err := r.Tree.chtimes(f.Name, time.Time{}, at); err != nil {
			return refused(f.Name, "set its time", err)
		}
	}
	return nil
}
