package cachedir

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

// A tree is a directory that is already open, and everything below it. All work on files of the store goes through
// one: no call follows a symbolic link, in no component of a name, so nothing that lies inside the cache directory can
// send a read or a write elsewhere (P14). Names are relative and use slashes on every system.
//
// The calls of each platform are in tree_unix.go and tree_windows.go; what is made of them is here.

// info is what the store wants to know of a file.
type info struct {
	regular bool
	dir     bool
	size    int64
	mtime   time.Time
	perm    uint32 // the nine bits
	uid     int    // -1 where files have no numeric owner
	links   uint64 // 1 where that is unknown
	id      fileID
}

// Errors besides what the system says, and *Refused.
var (
	// errForeign is for what lies where a file of the store belongs and is none: a link, a directory, a FIFO, a file of
	// another user, and, where a file is changed in place, one with a second name.
	errForeign = errors.New("not a file of this cache")
	errTooLong = errors.New("damaged")                          // readSmall: longer than such a file ever is
	errLocked  = errors.New("locked by another process")        // tryLock
	errNoLocks = errors.New("the filesystem has no file locks") // tryLock
	errNoLinks = errors.New("the filesystem has no hard links") // link
)

// Refused says why a directory is not used as a cache (P14).
type Refused struct{ Path, Why string }

func (r *Refused) Error() string { return fmt.Sprintf("cache directory %s: %s", r.Path, r.Why) }

// What is on its way to its place, or out of it, lies here; the rest is the cleaner's.
const (
	pendingDir  = "pending"
	tempPrefix  = "tmp."   // of a small file on its way to its place
	asidePrefix = "aside." // of what lay where a file belongs

	clearBudget = 20 * time.Millisecond // for removing what lay in a file's place
)

// inPlace are the open flags of files that are changed where they are.
const inPlace = os.O_RDWR | os.O_CREATE

// pathTo is the path of a name as the system writes it.
func (t *tree) pathTo(name string) string { return filepath.Join(t.path, filepath.FromSlash(name)) }

// pathError says what went wrong with a name.
func (t *tree) pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: t.pathTo(name), Err: err}
}

// isForeign reports whether the directory belongs to another user.
func (t *tree) isForeign() bool { return t.foreign }

// openRead opens a regular file of ours for reading.
func (t *tree) openRead(name string) (file, info, error) {
	f, err := t.open(name, os.O_RDONLY)
	if err != nil {
		return file{}, info{}, err
	}
	fi, err := f.info()
	if err == nil && (!fi.regular || !t.trusts(fi.uid)) {
		err = t.pathError("open", name, errForeign)
	}
	if err != nil {
		f.close()
		return file{}, info{}, err
	}
	return f, fi, nil
}

// openWritten opens for reading a file that is written in place: one with a second name is not believed.
func (t *tree) openWritten(name string) (file, info, error) {
	f, fi, err := t.openRead(name)
	if err == nil && fi.links != 1 {
		f.close()
		return file{}, info{}, t.pathError("open", name, errForeign)
	}
	return f, fi, err
}

// isAbsent tells errors that mean: what is wanted is not there, or what is there is not it. Others, of the disk or of
// rights, are worth telling.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errForeign) || errors.Is(err, errTooLong) || isObstacle(err)
}

// openInPlace opens, and makes if need be, a file that is changed where it is. What is there and is not a regular file
// of ours with one name is taken away first: through a second name the write would reach a file that is not the
// store's.
func (t *tree) openInPlace(name string, flags int) (file, info, error) {
	var last error
	for range 8 {
		f, err := t.openMaking(name, flags|inPlace)
		if err == nil {
			var fi info
			if fi, err = f.info(); err == nil && fi.regular && t.trusts(fi.uid) && fi.links == 1 {
				if err = t.own(f, fi); err == nil {
					return f, fi, nil
				}
			}
			f.close()
			if err != nil {
				return file{}, info{}, err
			}
			err = t.pathError("open", name, errForeign)
			if last = err; fi.links == 0 {
				continue // replaced since it was opened: what has the name now is another one
			}
		} else if !isObstacle(err) {
			return file{}, info{}, err
		}
		last = err
		if err := t.clear(name); err != nil {
			return file{}, info{}, err
		}
	}
	return file{}, info{}, last
}

// openMaking is open with O_CREATE that makes missing directories on the way.
func (t *tree) openMaking(name string, flags int) (file, error) {
	f, err := t.open(name, flags)
	if errors.Is(err, fs.ErrNotExist) || isObstacle(err) {
		if err := t.makeDirs(path.Dir(name)); err != nil {
			return file{}, err
		}
		f, err = t.open(name, flags)
	}
	return f, err
}

// create makes a new file; it must not exist.
func (t *tree) create(name string) (file, error) {
	f, err := t.openMaking(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return file{}, err
	}
	fi, err := f.info()
	if err == nil {
		err = t.own(f, fi)
	}
	if err != nil {
		f.close()
		_ = t.remove(name)
		return file{}, err
	}
	return f, nil
}

// makeDirs makes a directory and those above it, up to the tree's own. What lies in the way and is no directory is
// taken away.
func (t *tree) makeDirs(name string) error {
	if name == "." || name == "" {
		return nil
	}
	if err := t.makeDirs(path.Dir(name)); err != nil {
		return err
	}
	err := t.mkdir(name)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	fi, err := t.stat(name)
	if err != nil || fi.dir {
		return err
	}
	if err := t.remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := t.mkdir(name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// clear takes away whatever lies at a name where a file belongs. A directory is moved aside, where the cleaner finds
// it should its removal be cut short.
func (t *tree) clear(name string) error {
	err := t.remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	aside := pendingDir + "/" + asidePrefix + randomName()
	if err := t.makeDirs(pendingDir); err != nil {
		return err
	}
	if err := t.rename(name, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	t.removeAll(aside, time.Now().Add(clearBudget))
	return nil
}

// removeAll removes a directory and what is in it until the deadline has passed, and reports whether it is all gone.
func (t *tree) removeAll(name string, deadline time.Time) bool {
	if err := t.remove(name); err == nil || errors.Is(err, fs.ErrNotExist) {
		return true
	}
	gone := true
	_ = t.list(name, func(base string) bool {
		gone = t.removeAll(name+"/"+base, deadline) && gone
		return time.Now().Before(deadline)
	})
	return t.remove(name) == nil && gone
}

// replace writes a small file under a temporary name and renames it into place: a reader sees the old content or the
// new, and a kill between the two leaves a temporary file for the cleaner.
func (t *tree) replace(name string, content []byte) error {
	tmp := tempName()
	f, err := t.create(tmp)
	if err != nil {
		return err
	}
	err = f.writeAll(content)
	f.close()
	if err == nil {
		err = t.supplant(tmp, name)
	}
	if err != nil {
		_ = t.remove(tmp)
	}
	return err
}

// moveOver renames a file over another name, whatever lies there, and makes the directory it goes to.
func (t *tree) moveOver(from, to string) error {
	return t.makeWay(from, to, func() error { return t.rename(from, to) })
}

// supplant is moveOver for a file in pending/: where the system can, the two change places, and what was there is removed
// from its new one, by the cleaner after a kill. A rename over a file makes ext4 write the new one to the disk first, in case
// of a power cut, and costs 93 us instead of 6; here what a power cut tore is a miss.
func (t *tree) supplant(from, to string) error {
	return t.makeWay(from, to, func() error {
		swapped, err := t.swap(from, to)
		if swapped {
			_ = t.clear(from)
		}
		return err
	})
}

// makeWay tries a move again after it removed what was in its way.
func (t *tree) makeWay(from, to string, move func() error) error {
	var err error
	for range 4 {
		if err = move(); err == nil {
			return nil
		}
		switch fi, serr := t.stat(to); {
		case serr == nil && fi.dir:
			if cerr := t.clear(to); cerr != nil {
				return cerr
			}
		case errors.Is(err, fs.ErrNotExist) || isObstacle(err):
			if _, serr := t.stat(from); serr != nil {
				return err
			}
			if merr := t.makeDirs(path.Dir(to)); merr != nil {
				return merr
			}
		default:
			return err
		}
	}
	return err
}

// readSmall reads a file of ours whole, of at most limit bytes.
func (t *tree) readSmall(name string, limit int64) ([]byte, info, error) {
	f, fi, err := t.openRead(name)
	if err != nil {
		return nil, info{}, err
	}
	defer f.close()
	if fi.size > limit {
		return nil, fi, t.pathError("read", name, fmt.Errorf("%w: %d bytes", errTooLong, fi.size))
	}
	b := make([]byte, fi.size)
	n, err := f.readAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fi, t.pathError("read", name, err)
	}
	return b[:n], fi, nil
}

// writeAll writes b at the file's position, all of it or with an error.
func (f file) writeAll(b []byte) error {
	for len(b) > 0 {
		n, err := f.write(b)
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

// tempName is a name in pending/ that nobody else picks.
func tempName() string { return pendingDir + "/" + tempPrefix + randomName() }

// randomName is a name that nobody else picks. It is no secret: the runtime's own generator will do.
func randomName() string { return fmt.Sprintf("%016x", rand.Uint64()) }
