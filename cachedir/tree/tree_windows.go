package tree

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// dir is an open directory: an os.Root, which no name leads out of. Files have access lists here instead of an owner
// and a mode; those of the user's own profile are private by inheritance.
type dir struct {
	root *os.Root
	path string

	foreign bool // never: files have access lists here, not an owner

	TestOnlyNoLinks bool // there are none anyway
}

// File is an open file of a tree.
type File struct{ f *os.File }

// ID is the number of a file.
type ID struct{ volume, high, low uint32 }

// Open opens a cache directory.
func Open(path string, _ []int) (*Tree, error) {
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
	return &Tree{dir{root: root, path: path}}, nil
}

// MakeParents makes a directory and those above it.
func MakeParents(path string, _ []int) error { return os.MkdirAll(path, 0o700) }

// Close gives the directory back. What was opened in it stays open.
func (t *dir) Close() {
	if t.root != nil {
		_ = t.root.Close()
		t.root = nil
	}
}

// MakePrivate does nothing: see dir.
func (t *dir) MakePrivate() error { return nil }

// Trusts is true: see dir.
func (t *dir) Trusts(int) bool { return true }

func (t *dir) own(File, Info) error { return nil }

// Open opens a file by os flags.
func (t *dir) Open(name string, flags int) (File, error) {
	if err := t.noLinks(name); err != nil {
		return File{}, t.PathError("open", name, err)
	}
	f, err := t.root.OpenFile(filepath.FromSlash(name), flags, 0o600)
	if err != nil {
		return File{}, err
	}
	return File{f}, nil
}

// noLinks refuses names with a link in them: os.Root follows those that stay inside.
func (t *dir) noLinks(name string) error {
	for p := name; p != "." && p != "/"; p = path.Dir(p) {
		fi, err := t.root.Lstat(filepath.FromSlash(p))
		if err == nil && fi.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
			return syscall.ELOOP
		}
	}
	return nil
}

// Sub opens a directory of the tree as a tree of its own.
func (t *dir) Sub(name string) (*Tree, error) {
	if err := t.noLinks(name); err != nil {
		return nil, t.PathError("open", name, err)
	}
	root, err := t.root.OpenRoot(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	return &Tree{dir{root: root, path: filepath.Join(t.path, name)}}, nil
}

// Stat tells of a name without following it: of a link it tells of the link.
func (t *dir) Stat(name string) (Info, error) {
	if err := t.noLinks(path.Dir(name)); err != nil {
		return Info{}, t.PathError("stat", name, err)
	}
	fi, err := t.root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return Info{}, err
	}
	out := infoOf(fi)
	if fi.Mode().IsRegular() { // the number of a file is only told of an open one
		if f, err := t.Open(name, os.O_RDONLY); err == nil {
			out.ID, _ = f.id()
			f.Close()
		}
	}
	return out, nil
}

func (t *dir) mkdir(name string) error { return t.root.Mkdir(filepath.FromSlash(name), 0o700) }

// Remove removes a file, or an empty directory.
func (t *dir) Remove(name string) error { return t.root.Remove(filepath.FromSlash(name)) }

func (t *dir) exchangeOrRename(from, to string) (swapped bool, err error) {
	return false, t.Rename(from, to)
}

func (t *dir) moveNew(from, _ string) error { return t.PathError("rename", from, syscall.ENOSYS) }

// Rename gives a file another name, in the place of the file that has it. Both directories must be there.
func (t *dir) Rename(from, to string) error {
	return t.root.Rename(filepath.FromSlash(from), filepath.FromSlash(to))
}

// Link is not used on Windows: bodies lie beside their entries only.
func (t *dir) Link(from, _ string) error { return t.PathError("link", from, ErrNoLinks) }

// List calls fn with each name in a directory until it returns false.
func (t *dir) List(name string, fn func(base string) bool) error {
	if err := t.noLinks(name); err != nil {
		return t.PathError("open", name, err)
	}
	d, err := t.root.Open(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return eachName(d, fn)
}

// Space returns the bytes that are free for us on the filesystem, and its size.
func (t *dir) Space() (free, total int64, err error) {
	name, err := windows.UTF16PtrFromString(t.path)
	if err != nil {
		return 0, 0, err
	}
	var f, all uint64
	if err := windows.GetDiskFreeSpaceEx(name, &f, &all, nil); err != nil {
		return 0, 0, t.PathError("free space of", ".", err)
	}
	return int64(f), int64(all), nil
}

// Touch sets both times of the file.
func (t *dir) Touch(name string, when time.Time) error {
	return t.root.Chtimes(filepath.FromSlash(name), when, when)
}

func infoOf(fi os.FileInfo) Info {
	return Info{
		Regular: fi.Mode().IsRegular(), Dir: fi.IsDir(), Size: fi.Size(), Disk: fi.Size(), ModTime: fi.ModTime(),
		Perm: 0o600, UID: -1, Links: 1,
	}
}

// Close closes the file.
func (f File) Close() { _ = f.f.Close() }

func (f File) id() (ID, error) {
	var h windows.ByHandleFileInformation
	err := windows.GetFileInformationByHandle(windows.Handle(f.f.Fd()), &h)
	return ID{h.VolumeSerialNumber, h.FileIndexHigh, h.FileIndexLow}, err
}

// Info tells of the open file.
func (f File) Info() (Info, error) {
	fi, err := f.f.Stat()
	if err != nil {
		return Info{}, err
	}
	out := infoOf(fi)
	out.ID, err = f.id()
	return out, err
}

// ReadAt fills b from an offset; io.EOF if the file ends before.
func (f File) ReadAt(b []byte, off int64) (int, error) { return f.f.ReadAt(b, off) }

// Write is one write call.
func (f File) Write(b []byte) (int, error) { return f.f.Write(b) }

// WriteAt writes all of b at an offset, or returns an error.
func (f File) WriteAt(b []byte, off int64) error {
	_, err := f.f.WriteAt(b, off)
	return err
}

// Sync sends the file to the disk, as well as the system can.
func (f File) Sync() { _ = f.f.Sync() }

// Sync does nothing: NTFS keeps a journal of names.
func (t *dir) Sync(...string) {}

// IsPrivate reports whether this is a directory: who may look into it is not told by its mode.
func (t *dir) IsPrivate(name string) bool {
	fi, err := t.Stat(name)
	return err == nil && fi.Dir
}

// Truncate sets the size of the file, in bytes.
func (f File) Truncate(size int64) error { return f.f.Truncate(size) }

// TryLock takes the file's lock for as long as it is open, if nobody has it.
func (f File) TryLock() error { return f.tryLock(windows.LOCKFILE_EXCLUSIVE_LOCK) }

// TryLockShared is TryLock for a lock that others may have at the same time, if all of them take it so.
func (f File) TryLockShared() error { return f.tryLock(0) }

func (f File) tryLock(how uint32) error {
	err := windows.LockFileEx(windows.Handle(f.f.Fd()), how|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30}) // far behind the content: locks are mandatory here
	switch {
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return ErrLocked
	case err != nil:
		return ErrNoLocks
	}
	return nil
}

func (f File) osFile(string) *os.File { return f.f }

// Dup returns a second handle of the same open file.
func (f File) Dup() (*os.File, error) {
	self := windows.CurrentProcess()
	var h windows.Handle
	err := windows.DuplicateHandle(self, windows.Handle(f.f.Fd()), self, &h, 0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), "body"), nil
}

// IsDiskFull tells errors of writing that removing something may help against.
func IsDiskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// IsObstacle tells errors of opening that mean: something lies at this name, and it is not what belongs there.
func IsObstacle(err error) bool {
	return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR)
}

// IsOthers is false: there is no user here who may write everywhere.
func IsOthers(string, []int) bool { return false }

// OwnerOf: there are no numbers here, and nobody is root.
func OwnerOf(string) (uid int, ok bool) { return 0, false }
