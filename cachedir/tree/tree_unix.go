//go:build unix

package tree

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dir is an open directory. It holds descriptors, not *os.File: a hit is a handful of system calls, and os.File would
// nearly double them (fcntl, epoll) for files that it then cannot poll.
type dir struct {
	fd    int
	path  string // for messages
	uid   int    // our own
	owner int    // who should own what we make: differs from uid where root works in a directory of a trusted user
	trust []int
	loose bool // others may read or enter the directory itself

	foreign bool // the directory belongs to another user

	TestOnlyNoLinks bool // as on a filesystem that has no hard links
}

// File is an open file of a tree. It must be closed: nothing collects it.
type File struct{ fd int }

// ID is the number of a file.
type ID struct{ dev, ino uint64 }

// Close gives the directory back. What was opened in it stays open.
func (t *dir) Close() {
	if t.fd >= 0 {
		_ = unix.Close(t.fd)
		t.fd = -1
	}
}

// Trusts reports whether files of this owner are believed: our own, root's, and those of admitted owners.
func (t *dir) Trusts(uid int) bool {
	if uid == t.uid || uid == 0 || uid == t.owner {
		return true
	}
	for _, u := range t.trust {
		if uid == u {
			return true
		}
	}
	return false
}

// ignoringEINTR repeats a call that a signal interrupted: on some filesystems even an open can be.
func ignoringEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

const fileFlags = unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY

// Open opens a file by os flags. It never blocks: a FIFO or a device in a file's place is opened at once or refused.
func (t *dir) Open(name string, flags int) (File, error) {
	mode := uint32(0)
	if flags&os.O_CREATE != 0 {
		mode = 0o600
	}
	fd, err := openBelow(t.fd, name, flags|fileFlags, mode)
	if err != nil {
		return File{}, t.PathError("open", name, err)
	}
	return File{fd}, nil
}

// Sub opens a directory of the tree as a tree of its own.
func (t *dir) Sub(name string) (*Tree, error) {
	fd, err := t.openDir(name)
	if err != nil {
		return nil, err
	}
	s := *t
	s.fd, s.path = fd, path.Join(t.path, name)
	return &Tree{s}, nil
}

func (t *dir) openDir(name string) (int, error) {
	fd, err := openBelow(t.fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return -1, t.PathError("open", name, err)
	}
	return fd, nil
}

// at calls f with the directory that holds a name. The *at calls follow links in all but the last component, so the
// directory is opened by ourselves.
func (t *dir) at(op, name string, f func(dirfd int, base string) error) error {
	dir, base := path.Split(name)
	fd := t.fd
	if dir != "" {
		var err error
		if fd, err = t.openDir(path.Clean(dir)); err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
	}
	if err := ignoringEINTR(func() error { return f(fd, base) }); err != nil {
		return t.PathError(op, name, err)
	}
	return nil
}

// Stat tells of a name without following it: of a link it tells of the link.
func (t *dir) Stat(name string) (Info, error) {
	var st unix.Stat_t
	err := t.at("stat", name, func(fd int, base string) error {
		return unix.Fstatat(fd, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

// mkdir makes one directory, 0700 whatever the umask.
func (t *dir) mkdir(name string) error {
	return t.at("mkdir", name, func(fd int, base string) error {
		if err := unix.Mkdirat(fd, base, 0o700); err != nil {
			return err
		}
		if t.owner != t.uid {
			if err := unix.Fchownat(fd, base, t.owner, -1, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				return err
			}
		}
		return makeFolderPrivate(fd, base)
	})
}

// makeFolderPrivate gives a directory that was just made as 0700 what the umask may have taken away. A sandbox may
// refuse to set a mode that is right already.
func makeFolderPrivate(dirfd int, name string) error {
	err := unix.Fchmodat(dirfd, name, 0o700, 0)
	var st unix.Stat_t
	if err != nil && unix.Fstatat(dirfd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&0o777 == 0o700 {
		return nil
	}
	return err
}

// own gives a file that may have just been made the mode and owner that files of the store have. The umask may have
// taken bits away, and a file that was there before may have too many.
func (t *dir) own(f File, fi Info) error {
	if t.owner != t.uid && fi.UID != t.owner {
		if err := unix.Fchown(f.fd, t.owner, -1); err != nil {
			return fmt.Errorf("chown: %w", err)
		}
	}
	if fi.Perm != 0o600 && fi.UID == t.uid {
		if err := unix.Fchmod(f.fd, 0o600); err != nil {
			return fmt.Errorf("chmod: %w", err)
		}
	}
	return nil
}

// Remove removes a file, or an empty directory.
func (t *dir) Remove(name string) error {
	return t.at("remove", name, func(fd int, base string) error {
		err := unix.Unlinkat(fd, base, 0)
		if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
			if derr := unix.Unlinkat(fd, base, unix.AT_REMOVEDIR); !errors.Is(derr, unix.ENOTDIR) {
				return derr
			}
		}
		return err
	})
}

// Rename gives a file another name, in the place of the file that has it. Both directories must be there.
func (t *dir) Rename(from, to string) error {
	return t.at("rename", from, func(fromFD int, fromBase string) error {
		return t.at("rename", to, func(toFD int, toBase string) error {
			return unix.Renameat(fromFD, fromBase, toFD, toBase)
		})
	})
}

// exchangeOrRename exchanges two files if both are there, or else renames the first.
func (t *dir) exchangeOrRename(from, to string) (swapped bool, err error) {
	err = t.at("rename", from, func(fromFD int, fromBase string) error {
		return t.at("rename", to, func(toFD int, toBase string) error {
			if swapped = exchange(fromFD, fromBase, toFD, toBase); swapped {
				return nil
			}
			return unix.Renameat(fromFD, fromBase, toFD, toBase)
		})
	})
	return swapped, err
}

// moveNew renames a file to a name that must not be there.
func (t *dir) moveNew(from, to string) error {
	return t.at("rename", from, func(fromFD int, fromBase string) error {
		return t.at("rename", to, func(toFD int, toBase string) error {
			return moveNew(fromFD, fromBase, toFD, toBase)
		})
	})
}

// Link gives a file a second name, which must not be there.
func (t *dir) Link(from, to string) error {
	if t.TestOnlyNoLinks {
		return t.PathError("link", from, unix.EPERM)
	}
	return t.at("link", from, func(fromFD int, fromBase string) error {
		return t.at("link", to, func(toFD int, toBase string) error {
			return unix.Linkat(fromFD, fromBase, toFD, toBase, 0)
		})
	})
}

// List calls fn with each name in a directory until it returns false. Memory is bounded whatever their number.
func (t *dir) List(name string, fn func(base string) bool) error {
	fd, err := t.openDir(name)
	if err != nil {
		return err
	}
	d := os.NewFile(uintptr(fd), name)
	defer func() { _ = d.Close() }()
	if err := eachName(d, fn); err != nil {
		return t.PathError("read directory", name, err)
	}
	return nil
}

// Space returns the bytes that are free for us on the filesystem, and its size.
func (t *dir) Space() (free, total int64, err error) {
	var st unix.Statfs_t
	if err := ignoringEINTR(func() error { return unix.Fstatfs(t.fd, &st) }); err != nil {
		return 0, 0, t.PathError("statfs", ".", err)
	}
	unit := blockSize(&st)
	return int64(st.Bavail) * unit, int64(st.Blocks) * unit, nil
}

// Close closes the file.
func (f File) Close() { _ = unix.Close(f.fd) }

// Info tells of the open file.
func (f File) Info() (Info, error) {
	var st unix.Stat_t
	if err := ignoringEINTR(func() error { return unix.Fstat(f.fd, &st) }); err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

func infoOf(st *unix.Stat_t) Info {
	return Info{
		Regular: st.Mode&unix.S_IFMT == unix.S_IFREG,
		Dir:     st.Mode&unix.S_IFMT == unix.S_IFDIR,
		Size:    st.Size,
		Disk:    st.Blocks * 512,
		ModTime: time.Unix(st.Mtim.Unix()),
		Perm:    uint32(st.Mode) & 0o777,
		UID:     int(st.Uid),
		Links:   uint64(st.Nlink),
		ID:      ID{uint64(st.Dev), st.Ino},
	}
}

// ReadAt fills b from an offset; io.EOF if the file ends before.
func (f File) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		n, err := unix.Pread(f.fd, b[done:], off+int64(done))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return done, err
		}
		if n == 0 {
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

// Write is one write call.
func (f File) Write(b []byte) (n int, err error) {
	err = ignoringEINTR(func() (err error) { n, err = unix.Write(f.fd, b); return err })
	return max(n, 0), err
}

// WriteAt writes all of b at an offset, or returns an error.
func (f File) WriteAt(b []byte, off int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(f.fd, b, off)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}

// Truncate sets the size of the file, in bytes.
func (f File) Truncate(size int64) error {
	return ignoringEINTR(func() error { return unix.Ftruncate(f.fd, size) })
}

// Sync sends the file to the disk, as well as the system can.
func (f File) Sync() { _ = ignoringEINTR(func() error { return unix.Fsync(f.fd) }) }

// Sync sends the names in these directories to the disk.
func (t *dir) Sync(dirs ...string) {
	for _, name := range dirs {
		if fd, err := t.openDir(name); err == nil {
			File{fd}.Sync()
			_ = unix.Close(fd)
		}
	}
}

// IsPrivate reports whether a directory is our own, and nobody else may look into it.
func (t *dir) IsPrivate(name string) bool {
	fi, err := t.Stat(name)
	return err == nil && fi.Dir && fi.UID == t.uid && fi.Perm&0o077 == 0
}

// Touch sets both times of the file.
func (t *dir) Touch(name string, when time.Time) error {
	ts := unix.NsecToTimespec(when.UnixNano())
	return t.at("touch", name, func(fd int, base string) error {
		return unix.UtimesNanoAt(fd, base, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// TryLock takes the file's lock for as long as it is open, if nobody has it.
func (f File) TryLock() error { return f.tryLock(unix.LOCK_EX) }

// TryLockShared is TryLock for a lock that others may have at the same time, if all of them take it so.
func (f File) TryLockShared() error { return f.tryLock(unix.LOCK_SH) }

func (f File) tryLock(how int) error {
	err := ignoringEINTR(func() error { return unix.Flock(f.fd, how|unix.LOCK_NB) })
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return ErrLocked
	case err != nil:
		return ErrNoLocks
	}
	return nil
}

// osFile hands the descriptor to an os.File, which closes it from now on.
func (f File) osFile(name string) *os.File { return os.NewFile(uintptr(f.fd), name) }

// IsDiskFull tells errors of writing that removing something may help against.
func IsDiskFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// Dup returns a second descriptor of the same open file, for the kernel to copy from. They share one position.
func (f File) Dup() (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(f.fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "body"), nil
}

// IsObstacle tells errors of opening that mean: something lies at this name, and it is not what belongs there.
func IsObstacle(err error) bool {
	for _, e := range [...]syscall.Errno{
		unix.ELOOP, unix.ENOTDIR, unix.EISDIR, unix.ENXIO, unix.ENODEV, unix.EMLINK, unix.EOPNOTSUPP,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
