//go:build !windows

package hashing

import (
	"os"

	"golang.org/x/sys/unix"
)

// lookAt looks at the file that path names; at the link itself if it is one and follow is false.
func lookAt(path string, follow bool) (look, error) {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	return lookFrom(unix.AT_FDCWD, path, flags)
}

// allBits are those of a mode that chmod sets.
const allBits = 0o7777

func kindOf(mode uint32) kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		if mode&0o111 != 0 {
			return kindExec
		}
		return kindPlain
	case unix.S_IFDIR:
		return kindDirectory
	case unix.S_IFLNK:
		return kindLink
	case unix.S_IFIFO:
		return kindFIFO
	case unix.S_IFSOCK:
		return kindSocket
	}
	return kindDevice
}

// openContent opens a file that was seen to be regular. Should it have become a FIFO, a terminal or a link since, this
// neither blocks nor follows.
func openContent(path string, follow bool) (*os.File, error) {
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_NOFOLLOW
	if follow {
		flags &^= unix.O_NOFOLLOW
	}
	return os.OpenFile(path, flags, 0)
}

// folder is an open directory. Names are looked at relative to it, which spares the kernel the way from the root each
// time.
type folder struct {
	f  *os.File
	fd int // valid while f is open; close keeps f alive
	at look
}

func openFolder(path string, follow bool) (*folder, look, error) {
	flags := unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NONBLOCK | unix.O_NOFOLLOW
	if follow {
		flags &^= unix.O_NOFOLLOW
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, look{}, err
	}
	d := &folder{f: f, fd: int(f.Fd())}
	if d.at, err = lookAtOpen(f); err != nil {
		d.close()
		return nil, look{}, err
	}
	return d, d.at, nil
}

func (d *folder) close() { _ = d.f.Close() } // nothing was written
