package hashing

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// lookFrom asks by statx, which also tells the mount. Where that is missing or refused by a sandbox, the mount stays
// unknown.
func lookFrom(dir int, name string, flags int) (look, error) {
	const (
		uniqueMount = 0x4000 // STATX_MNT_ID_UNIQUE: never used again until the next boot, since Linux 6.8
		anyMount    = unix.STATX_MNT_ID | uniqueMount
		mask        = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_UID | unix.STATX_INO | unix.STATX_SIZE |
			unix.STATX_MTIME | unix.STATX_CTIME | anyMount
	)
	var st unix.Statx_t
	for {
		switch err := unix.Statx(dir, name, flags|unix.AT_NO_AUTOMOUNT, mask, &st); err {
		case nil:
			at := look{kind: kindOf(uint32(st.Mode)), mode: uint32(st.Mode) & allBits, owner: st.Uid, id: StatID{
				Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Ino: st.Ino, Size: int64(st.Size),
				Mtime: nanoseconds(st.Mtime), Ctime: nanoseconds(st.Ctime),
			}}
			if st.Mask&anyMount != 0 {
				at.mount = st.Mnt_id
			}
			return at, nil
		case unix.EINTR: // network filesystems can be interrupted
		case unix.ENOSYS, unix.EPERM:
			return lookWithoutMount(dir, name, flags)
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
			return look{kind: kindOf(st.Mode), mode: st.Mode & allBits, owner: st.Uid, id: StatID{
				Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
			}}, nil
		}
		if err != unix.EINTR {
			return look{}, err
		}
	}
}

// look does without statx where it can, which costs a fifth more: a file on the device of its directory, while that is
// open, belongs to what the directory's mount shows.
func (d *folder) look(name string) (look, error) {
	at, err := lookWithoutMount(d.fd, name, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || at.id.Dev != d.at.id.Dev {
		return lookFrom(d.fd, name, unix.AT_SYMLINK_NOFOLLOW)
	}
	at.mount = d.at.mount
	return at, nil
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
