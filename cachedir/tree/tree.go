// Package tree is a directory that is already open, and everything below it. All work on files of the store goes
// through one: no call follows a symbolic link, in no component of a name, so nothing that lies inside the cache
// directory can send a read or a write elsewhere (P14). It knows nothing of what the files hold.
//
// Names are relative and use slashes on every system. Errors are *fs.PathError with the whole path, unless a function
// says otherwise. The calls of each platform are in tree_unix.go and tree_windows.go; what is made of them is in
// tree.go.
package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"time"
)

// Tree is an open directory. Its methods that are not in this file are those of the platform.
type Tree struct{ dir }

// Info is what the store wants to know of a file.
type Info struct {
	Regular bool
	Dir     bool
	Size    int64 // bytes
	Disk    int64 // bytes on the disk; less than Size where a file has holes
	ModTime time.Time
	Perm    uint32 // the nine bits
	UID     int    // -1 where files have no numeric owner
	Links   uint64 // 1 where that is unknown
	ID      ID     // tells one file from another as long as one of them is there
}

// Errors besides what the system says, and *Refused.
var (
	// ErrForeign is for what lies where a file of the store belongs and is none: a link, a directory, a FIFO, a file of
	// another user, and, where a file is changed in place, one with a second name.
	ErrForeign = errors.New("not a file of this cache")
	errTooLong = errors.New("damaged")                          // ReadSmall: longer than such a file ever is
	ErrLocked  = errors.New("locked by another process")        // TryLock
	ErrNoLocks = errors.New("the filesystem has no file locks") // TryLock
	ErrNoLinks = errors.New("the filesystem has no hard links") // link
)

// Refused says why a directory is not used as a cache (P14).
type Refused struct{ Path, Why string }

func (r *Refused) Error() string { return fmt.Sprintf("cache directory %s: %s", r.Path, r.Why) }

// What is on its way to its place, or out of it, lies here; the rest is the cleaner's.
const (
	PendingDir  = "pending"
	TempPrefix  = "tmp."   // of a small file on its way to its place
	AsidePrefix = "aside." // of what lay where a file belongs

	clearBudget = 20 * time.Millisecond // for removing what lay in a file's place
)

// inPlace are the open flags of files that are changed where they are.
const inPlace = os.O_RDWR | os.O_CREATE

// Path is the path of a name as the system writes it.
func (t *dir) Path(name string) string { return filepath.Join(t.path, filepath.FromSlash(name)) }

// PathError says what went wrong with a name.
func (t *dir) PathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: t.Path(name), Err: err}
}

// IsForeign reports whether the directory belongs to another user.
func (t *dir) IsForeign() bool { return t.foreign }

// OpenRead opens a regular file of ours for reading.
func (t *Tree) OpenRead(name string) (File, Info, error) {
	f, err := t.Open(name, os.O_RDONLY)
	if err != nil {
		return File{}, Info{}, err
	}
	fi, err := f.Info()
	if err == nil && (!fi.Regular || !t.Trusts(fi.UID)) {
		err = t.PathError("open", name, ErrForeign)
	}
	if err != nil {
		f.Close()
		return File{}, Info{}, err
	}
	return f, fi, nil
}

// OpenWritten opens for reading a file that is written in place: one with a second name is not believed.
func (t *Tree) OpenWritten(name string) (File, Info, error) {
	f, fi, err := t.OpenRead(name)
	if err == nil && fi.Links != 1 {
		f.Close()
		return File{}, Info{}, t.PathError("open", name, ErrForeign)
	}
	return f, fi, err
}

// IsAbsent tells errors that mean: what is wanted is not there, or what is there is not it. Others, of the disk or of
// rights, are worth telling.
func IsAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrForeign) || errors.Is(err, errTooLong) || IsObstacle(err)
}

// OpenInPlace opens, and makes if need be, a file that is changed where it is. What is there and is not a regular file
// of ours with one name is taken away first: through a second name the write would reach a file that is not the
// store's.
func (t *Tree) OpenInPlace(name string, flags int) (File, Info, error) {
	var last error
	for range 8 {
		f, err := t.openMaking(name, flags|inPlace)
		if err == nil {
			var fi Info
			if fi, err = f.Info(); err == nil && fi.Regular && t.Trusts(fi.UID) && fi.Links == 1 {
				if err = t.own(f, fi); err == nil {
					return f, fi, nil
				}
			}
			f.Close()
			if err != nil {
				return File{}, Info{}, err
			}
			err = t.PathError("open", name, ErrForeign)
			if last = err; fi.Links == 0 {
				continue // replaced since it was opened: what has the name now is another one
			}
		} else if !IsObstacle(err) {
			return File{}, Info{}, err
		}
		last = err
		if err := t.Clear(name); err != nil {
			return File{}, Info{}, err
		}
	}
	return File{}, Info{}, last
}

// openMaking is open with O_CREATE that makes missing directories on the way.
func (t *Tree) openMaking(name string, flags int) (File, error) {
	f, err := t.Open(name, flags)
	if errors.Is(err, fs.ErrNotExist) || IsObstacle(err) {
		if err := t.MakeDirs(path.Dir(name)); err != nil {
			return File{}, err
		}
		f, err = t.Open(name, flags)
	}
	return f, err
}

// Create makes a new file; it must not exist.
func (t *Tree) Create(name string) (File, error) {
	f, err := t.openMaking(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return File{}, err
	}
	fi, err := f.Info()
	if err == nil {
		err = t.own(f, fi)
	}
	if err != nil {
		f.Close()
		_ = t.Remove(name)
		return File{}, err
	}
	return f, nil
}

// MakeDirs makes a directory and those above it, up to the tree's own. What lies in the way and is no directory is
// taken away.
func (t *Tree) MakeDirs(name string) error {
	if name == "." || name == "" {
		return nil
	}
	if err := t.MakeDirs(path.Dir(name)); err != nil {
		return err
	}
	err := t.mkdir(name)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	fi, err := t.Stat(name)
	if err != nil || fi.Dir {
		return err
	}
	if err := t.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := t.mkdir(name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Clear takes away whatever lies at a name where a file belongs. A directory is moved aside, where the cleaner finds
// it should its removal be cut short.
func (t *Tree) Clear(name string) error {
	err := t.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	aside := PendingDir + "/" + AsidePrefix + randomName()
	if err := t.MakeDirs(PendingDir); err != nil {
		return err
	}
	if err := t.Rename(name, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	t.RemoveAll(aside, time.Now().Add(clearBudget))
	return nil
}

// RemoveAll removes a directory and what is in it until the deadline has passed, and reports whether it is all gone.
func (t *Tree) RemoveAll(name string, deadline time.Time) bool {
	if err := t.Remove(name); err == nil || errors.Is(err, fs.ErrNotExist) {
		return true
	}
	gone := true
	_ = t.List(name, func(base string) bool {
		gone = t.RemoveAll(name+"/"+base, deadline) && gone
		return time.Now().Before(deadline)
	})
	return t.Remove(name) == nil && gone
}

// Replace writes a small file under a temporary name and renames it into place: a reader sees the old content or the
// new, and a kill between the two leaves a temporary file for the cleaner.
func (t *Tree) Replace(name string, content []byte) error {
	tmp := TempName()
	f, err := t.Create(tmp)
	if err != nil {
		return err
	}
	err = f.WriteAll(content)
	f.Close()
	if err == nil {
		err = t.Exchange(tmp, name)
	}
	if err != nil {
		_ = t.Remove(tmp)
	}
	return err
}

// MoveOver renames a file over another name, whatever lies there, and makes the directory it goes to.
func (t *Tree) MoveOver(from, to string) error {
	return t.makeWay(from, to, func() error { return t.Rename(from, to) })
}

// Exchange is MoveOver for a file in pending/: where the system can, the two change places, and what was there is
// removed from its new one, by the cleaner after a kill. A rename over a file makes ext4 write the new one to the disk
// first, in case of a power cut, and costs 93 us instead of 6; here what a power cut tore is a miss.
func (t *Tree) Exchange(from, to string) error {
	return t.makeWay(from, to, func() error {
		swapped, err := t.exchangeOrRename(from, to)
		if swapped {
			_ = t.Clear(from)
		}
		return err
	})
}

// MoveNew is MoveOver for a name that nothing has: fs.ErrExist if something lies there. Not every system, and not every
// file system, can tell that in the same step; who cannot says so by another error.
func (t *Tree) MoveNew(from, to string) error {
	err := t.moveNew(from, to)
	if errors.Is(err, fs.ErrNotExist) && t.MakeDirs(path.Dir(to)) == nil {
		err = t.moveNew(from, to)
	}
	return err
}

// makeWay tries a move again after it removed what was in its way.
func (t *Tree) makeWay(from, to string, move func() error) error {
	var err error
	for range 4 {
		if err = move(); err == nil {
			return nil
		}
		switch fi, serr := t.Stat(to); {
		case serr == nil && fi.Dir:
			if cerr := t.Clear(to); cerr != nil {
				return cerr
			}
		case errors.Is(err, fs.ErrNotExist) || IsObstacle(err):
			if _, serr := t.Stat(from); serr != nil {
				return err
			}
			if merr := t.MakeDirs(path.Dir(to)); merr != nil {
				return merr
			}
		default:
			return err
		}
	}
	return err
}

// ReadSmall reads a file of ours whole, of at most limit bytes.
func (t *Tree) ReadSmall(name string, limit int64) ([]byte, Info, error) {
	f, fi, err := t.OpenRead(name)
	if err != nil {
		return nil, Info{}, err
	}
	defer f.Close()
	if fi.Size > limit {
		return nil, fi, t.PathError("read", name, fmt.Errorf("%w: %d bytes", errTooLong, fi.Size))
	}
	b := make([]byte, fi.Size)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fi, t.PathError("read", name, err)
	}
	return b[:n], fi, nil
}

// WriteAll writes b at the file's position, all of it or with an error.
func (f File) WriteAll(b []byte) error {
	for len(b) > 0 {
		n, err := f.Write(b)
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrShortWrite
		}
		b = b[n:]
	}
	return nil
}

// TempName is a name in pending/ that nobody else picks.
func TempName() string { return PendingDir + "/" + TempPrefix + randomName() }

// randomName is a name that nobody else picks. It is no secret: the runtime's own generator will do.
func randomName() string { return fmt.Sprintf("%016x", rand.Uint64()) }

// eachName calls fn with each name in an open directory until it returns false, a bounded number at a time.
func eachName(d *os.File, fn func(base string) bool) error {
	for {
		names, err := d.Readdirnames(512)
		for _, n := range names {
			if !fn(n) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
