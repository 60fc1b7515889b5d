//go:build !windows && !linux

package hashing

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func lookFrom(dir int, name string, flags int) (look, error) {
	var st unix.Stat_t
	for {
		err := unix.Fstatat(dir, name, &st, flags)
		if err == nil {
			return lookOf(&st), nil
		}
		if err != unix.EINTR { // network filesystems can be interrupted
			return look{}, err
		}
	}
}

func (d *folder) look(name string) (look, error) {
	return lookFrom(d.fd, name, unix.AT_SYMLINK_NOFOLLOW)
}

func lookOf(st *unix.Stat_t) look {
	mode := uint32(st.Mode)
	return look{kind: kindOf(mode), mode: mode & allBits, owner: st.Uid, group: st.Gid, id: StatID{
		Dev: uint64(st.Dev), Ino: uint64(st.Ino), Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
	}}
}

func lookAtOpen(f *os.File) (look, error) {
	var st unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &st)
	runtime.KeepAlive(f) // else a collection may close f between Fd and Fstat
	return lookOf(&st), err
}
