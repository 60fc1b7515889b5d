package cachedir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// tree is an os.Root, which no name leads out of. Files have access lists here instead of an owner and a mode; those
// of the user's own profile are private by inheritance.
type tree struct {
	root *os.Root
	path string

	foreign bool // never: files have access lists here, not an owner

	testOnlyNoLinks bool // there are none anyway
}

// file is an open file of a tree.
type file struct{ f *os.File }

type fileID struct{ volume, high, low uint32 }

// openRoot opens a cache directory.
func openRoot(path string, _ []int) (*tree, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, err // of several missing levels OpenRoot says that one is no directory
	}
	root, err := os.OpenRoot(path)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, &Refused{path, "it is not a directory"}
	}
	if err != nil {
		return nil, err
	}
	return &tree{root: root, path: path}, nil
}

func makeParents(path string, _ []int) error { return os.MkdirAll(path, 0o700) }

func (t *tree) close() {
	if t.root != nil {
		_ = t.root.Close()
		t.root = nil
	}
}

func (t *tree) makePrivate() error { return nil }

func (t *tree) trusts(int) bool { return true }

func (t *tree) own(file, info) error { return nil }

func (t *tree) open(name string, flags int) (file, error) {
	if err := t.noLinks(name); err != nil {
		return file{}, t.pathError("open", name, err)
	}
	f, err := t.root.OpenFile(filepath.FromSlash(name), flags, 0o600)
	if err != nil {
		return file{}, err
	}
	return file{f}, nil
}

// noLinks refuses names with a link in them: os.Root follows those that stay inside.
func (t *tree) noLinks(name string) error {
	for p := name; p != "." && p != "/"; p = path.Dir(p) {
		fi, err := t.root.Lstat(filepath.FromSlash(p))
		if err == nil && fi.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
			return syscall.ELOOP
		}
	}
	return nil
}

func (t *tree) sub(name string) (*tree, error) {
	if err := t.noLinks(name); err != nil {
		return nil, t.pathError("open", name, err)
	}
	root, err := t.root.OpenRoot(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	return &tree{root: root, path: filepath.Join(t.path, name)}, nil
}

func (t *tree) stat(name string) (info, error) {
	if err := t.noLinks(path.Dir(name)); err != nil {
		return info{}, t.pathError("stat", name, err)
	}
	fi, err := t.root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return info{}, err
	}
	out := infoOf(fi)
	if fi.Mode().IsRegular() { // the number of a file is only told of an open one
		if f, err := t.open(name, os.O_RDONLY); err == nil {
			out.id, _ = f.id()
			f.close()
		}
	}
	return out, nil
}

func (t *tree) mkdir(name string) error { return t.root.Mkdir(filepath.FromSlash(name), 0o700) }

func (t *tree) remove(name string) error { return t.root.Remove(filepath.FromSlash(name)) }

func (t *tree) swap(from, to string) (swapped bool, err error) { return false, t.rename(from, to) }

func (t *tree) rename(from, to string) error {
	return t.root.Rename(filepath.FromSlash(from), filepath.FromSlash(to))
}

// link is not used on Windows: bodies lie beside their entries only.
func (t *tree) link(from, _ string) error { return t.pathError("link", from, errNoLinks) }

func (t *tree) list(name string, fn func(base string) bool) error {
	if err := t.noLinks(name); err != nil {
		return t.pathError("open", name, err)
	}
	d, err := t.root.Open(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
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

func (t *tree) space() (free, total int64, err error) {
	name, err := windows.UTF16PtrFromString(t.path)
	if err != nil {
		return 0, 0, err
	}
	var f, all uint64
	if err := windows.GetDiskFreeSpaceEx(name, &f, &all, nil); err != nil {
		return 0, 0, t.pathError("free space of", ".", err)
	}
	return int64(f), int64(all), nil
}

func (t *tree) touch(name string, when time.Time) error {
	return t.root.Chtimes(filepath.FromSlash(name), when, when)
}

func infoOf(fi os.FileInfo) info {
	return info{
		regular: fi.Mode().IsRegular(), dir: fi.IsDir(), size: fi.Size(), mtime: fi.ModTime(),
		perm: 0o600, uid: -1, links: 1,
	}
}

func (f file) close() { _ = f.f.Close() }

func (f file) id() (fileID, error) {
	var h windows.ByHandleFileInformation
	err := windows.GetFileInformationByHandle(windows.Handle(f.f.Fd()), &h)
	return fileID{h.VolumeSerialNumber, h.FileIndexHigh, h.FileIndexLow}, err
}

func (f file) info() (info, error) {
	fi, err := f.f.Stat()
	if err != nil {
		return info{}, err
	}
	out := infoOf(fi)
	out.id, err = f.id()
	return out, err
}

func (f file) readAt(b []byte, off int64) (int, error) { return f.f.ReadAt(b, off) }

func (f file) write(b []byte) (int, error) { return f.f.Write(b) }

func (f file) writeAt(b []byte, off int64) error {
	_, err := f.f.WriteAt(b, off)
	return err
}

// sync sends the file to the disk, as well as the system can.
func (f file) sync() { _ = f.f.Sync() }

// sync does nothing: NTFS keeps a journal of names.
func (t *tree) sync(...string) {}

// isPrivate reports whether this is a directory: who may look into it is not told by its mode.
func (t *tree) isPrivate(name string) bool {
	fi, err := t.stat(name)
	return err == nil && fi.dir
}

func (f file) truncate(size int64) error { return f.f.Truncate(size) }

// tryLock takes the file's lock for as long as it is open, if nobody has it.
func (f file) tryLock() error {
	err := windows.LockFileEx(windows.Handle(f.f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30}) // far behind the content: locks are mandatory here
	switch {
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return errLocked
	case err != nil:
		return errNoLocks
	}
	return nil
}

func (f file) osFile(string) *os.File { return f.f }

func (f file) dup() (*os.File, error) {
	self := windows.CurrentProcess()
	var h windows.Handle
	err := windows.DuplicateHandle(self, windows.Handle(f.f.Fd()), self, &h, 0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), "body"), nil
}

func isDiskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

func isObstacle(err error) bool {
	return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR)
}

// isOthers is false: there is no user here who may write everywhere.
func isOthers(string, []int) bool { return false }

// ownerOf: there are no numbers here, and nobody is root.
func ownerOf(string) (uid int, ok bool) { return 0, false }
