package hashing

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// lookFrom looks at a name in an open directory.
func lookFrom(dir int, name string, flags int) (look, error) {
	var usual [256]byte // which needs no memory of its own
	if len(name) < len(usual) && strings.IndexByte(name, 0) < 0 {
		copy(usual[:], name)
		return statx(dir, &usual[0], flags)
	}
	path, err := unix.BytePtrFromString(name)
	if err != nil {
		return look{}, err
	}
	return statx(dir, path, flags)
}

// statx looks at what a name means that a NUL ends. It also tells the mount. Where the call is missing or refused by a
// sandbox, that stays unknown.
func statx(dir int, name *byte, flags int) (look, error) {
	const (
		uniqueMount = 0x4000 // STATX_MNT_ID_UNIQUE: never used again until the next boot, since Linux 6.8
		anyMount    = unix.STATX_MNT_ID | uniqueMount
		mask        = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_UID | unix.STATX_GID | unix.STATX_INO |
			unix.STATX_SIZE | unix.STATX_MTIME | unix.STATX_CTIME | anyMount
	)
	var st unix.Statx_t
	for {
		// unix.Statx would copy the name
		_, _, err := unix.Syscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(name)),
			uintptr(flags|unix.AT_NO_AUTOMOUNT), mask, uintptr(unsafe.Pointer(&st)), 0)
		switch err {
		case 0:
			mode := uint32(st.Mode)
			at := look{kind: kindOf(mode), mode: mode & allBits, owner: st.Uid, group: st.Gid, id: StatID{
				Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Ino: st.Ino, Size: int64(st.Size),
				Mtime: nanoseconds(st.Mtime), Ctime: nanoseconds(st.Ctime),
			}}
			at.encrypted = st.Attributes&unix.STATX_ATTR_ENCRYPTED != 0
			if st.Mask&anyMount != 0 {
				at.mount = st.Mnt_id
			}
			return at, nil
		case unix.EINTR: // network filesystems can be interrupted
		case unix.ENOSYS, unix.EPERM:
			return lookWithoutMount(dir, unix.BytePtrToString(name), flags)
		default:
			return look{}, err
		}
	}
}

func nanoseconds(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }

func lookWithoutMount(dir int, name string, flags int) (look, error) {
	var st unix.Stat_t
	for {
		err := unix.Fstatat(dir, name, &st, flags)
		if err == nil {
			return look{kind: kindOf(st.Mode), mode: st.Mode & allBits, owner: st.Uid, group: st.Gid, id: StatID{
				Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
			}}, nil
		}
		if err != unix.EINTR {
			return look{}, err
		}
	}
}

// lookListed looks at a name that a NUL follows in memory, as a walk has it.
func (d *folder) lookListed(name string) (look, error) {
	return statx(d.fd, unsafe.StringData(name), unix.AT_SYMLINK_NOFOLLOW)
}

// namesShow: each change of a name moves the change time of its directory, on the filesystems that are tracked.
const namesShow = true

func (d *folder) look(name string) (look, error) {
	return lookFrom(d.fd, name, unix.AT_SYMLINK_NOFOLLOW)
}

// listing holds what is in a directory, and has room for the next.
type listing struct {
	records  []byte
	children []child
}

// read lists a directory. Nothing is allocated for a name.
func (l *listing) read(d *folder) ([]child, error) {
	const atOnce = 32 << 10
	l.records, l.children = l.records[:0], l.children[:0]
	for {
		l.records = slices.Grow(l.records, atOnce)
		n, err := unix.ReadDirent(d.fd, l.records[len(l.records):cap(l.records)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n == 0:
			l.cut()
			return l.children, nil
		default:
			l.records = l.records[:len(l.records)+n]
		}
	}
}

// cut takes the records apart: struct linux_dirent64.
func (l *listing) cut() {
	const sizeAt, typeAt, nameAt = 16, 18, 19
	for rest := l.records; len(rest) > nameAt; {
		size := int(binary.NativeEndian.Uint16(rest[sizeAt:]))
		if size <= nameAt || size > len(rest) {
			return // no kernel does that
		}
		name, _, _ := bytes.Cut(rest[nameAt:size], []byte{0})
		c := child{kind: kindUnknown}
		if rest[typeAt] == unix.DT_REG {
			c.kind = kindPlain
		}
		isThere := binary.NativeEndian.Uint64(rest) != 0 // the number of its inode
		rest = rest[size:]
		if isThere && len(name) > 0 && string(name) != "." && string(name) != ".." {
			c.name = unsafe.String(&name[0], len(name))
			l.children = append(l.children, c)
		}
	}
}

func lookAtOpen(f *os.File) (look, error) {
	at, err := lookFrom(int(f.Fd()), "", unix.AT_EMPTY_PATH)
	runtime.KeepAlive(f) // else a collection may close f between Fd and the call
	return at, err
}

// FileTime is now by the clock of files, in nanoseconds since 1970: it is behind others by up to a tick of the kernel.
func FileTime() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now); err != nil {
		return 0 // then everything counts as changed since
	}
	return now.Nano()
}
