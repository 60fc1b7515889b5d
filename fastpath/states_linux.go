//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// look is where a file is looked at.
type look struct {
	path cPath
	st   statx
}

// sight is where a file is looked at, or read.
type sight struct {
	look
	content []byte // room for mostContent
}

const mostContent = MaxContent + 1

// Hold reports whether what was seen of files is as it was, for a command line that has the words among them.
func Hold(files []FileState, args []string) bool {
	var room [syscall.PathMax]byte
	s := &sight{look: look{path: room[:]}, content: make([]byte, mostContent)}
	return s.hold(files, args)
}

func (l *sight) hold(files []FileState, args []string) bool {
	for i := range files {
		if !l.holds(&files[i], args) {
			return false
		}
	}
	return true
}

func (l *sight) holds(f *FileState, args []string) bool {
	path, ok := f.path(args)
	if !ok {
		return false
	}
	if f.Kind == Content {
		size, sum, ok := l.read(path)
		return ok && f.ID == FileID{Size: size} && sum == f.Sum
	}
	id, ok := l.identify(path, f.Kind)
	if f.ID.Mount == 0 {
		id.Mount = 0
	}
	return ok && id.is(&f.ID)
}

// Identify returns what a state of a kind other than Content says of a path now; false if that cannot be told.
func Identify(path string, kind StateKind) (FileID, bool) {
	var room [syscall.PathMax]byte
	l := &look{path: room[:]}
	return l.identify(path, kind)
}

func (l *look) identify(path string, kind StateKind) (FileID, bool) {
	flags := noAutomount
	if kind == Itself || kind == Exists {
		flags |= noFollow
	}
	err := l.path.set(path, "")
	if err == 0 {
		err = l.statx(flags)
	}
	st := &l.st
	switch {
	case err == syscall.ENOENT || err == syscall.ENOTDIR:
		return FileID{}, true
	case kind == Regular && (err == syscall.ENAMETOOLONG || err == 0 && st.mode&syscall.S_IFMT != syscall.S_IFREG):
		return FileID{}, true
	case err == 0 && kind == Executable && !l.mayExecute():
		return FileID{}, false
	case err != 0:
		return FileID{}, false
	case kind == Exists:
		return present, true
	}
	return l.id(), true
}

// id is what was seen last.
func (l *look) id() FileID { return l.st.id() }

// id tells the file. The number of the device is what stat(2) says.
func (st *statx) id() FileID {
	major, minor := uint64(st.devMajor), uint64(st.devMinor)
	return FileID{
		major&^0xfff<<32 | major&0xfff<<8 | minor&^0xff<<12 | minor&0xff, st.ino, uint64(st.mode), int64(st.size),
		st.mtime.ns(), st.ctime.ns(), st.mount,
	}
}

func (l *look) statx(flags int) syscall.Errno { return l.statxFrom(atCwd, flags) }

// statxMask asks for type, mode, owner, group, inode, size, mtime, ctime; and for the mount, by a number that is not
// used again if there is one.
const statxMask = 0x3db | 0x1000 | 0x4000

func (l *look) statxFrom(dir, flags int) syscall.Errno {
	_, errno := call(
		sysStatx, uintptr(dir), l.path.address(), uintptr(flags), statxMask, uintptr(unsafe.Pointer(&l.st)),
	)
	return errno
}

func (l *look) mayExecute() bool {
	dir := atCwd
	_, errno := call(syscall.SYS_FACCESSAT, uintptr(dir), l.path.address(), 1, 0, 0)
	return errno == 0
}

// ReadContent returns what Content says of a file now; false if that cannot be told, or if it is larger than
// MaxContent.
func ReadContent(path string) (FileState, bool) {
	var room [syscall.PathMax]byte
	s := &sight{look: look{path: room[:]}, content: make([]byte, mostContent)}
	size, sum, ok := s.read(path)
	return FileState{Path: path, Kind: Content, ID: FileID{Size: size}, Sum: sum}, ok
}

func (l *sight) read(path string) (size int64, sum [32]byte, ok bool) {
	const flags = syscall.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC
	if l.path.set(path, "") != 0 {
		return 0, sum, false
	}
	dir := atCwd
	fd, errno := call(syscall.SYS_OPENAT, uintptr(dir), l.path.address(), flags, 0, 0)
	if errno != 0 {
		return 0, sum, false
	}
	n, ok := l.readAll(fd)
	closeFile(fd)
	if !ok {
		return 0, sum, false
	}
	return int64(n), Sum256(l.content[:n]), true
}

// readAll reads a regular file; false: it is none, is too large or cannot be read.
func (l *sight) readAll(fd int) (n int, ok bool) {
	var st syscall.Stat_t
	if !fstat(fd, &st) || st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return 0, false
	}
	for n < len(l.content) {
		rest := l.content[n:]
		got, errno := call(
			syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(rest))), uintptr(len(rest)), 0, 0,
		)
		switch {
		case errno == syscall.EINTR:
		case errno != 0 || got < 0 || got > len(rest):
			return 0, false
		case got == 0:
			return n, true
		default:
			n += got
		}
	}
	return 0, false
}

// statx is what statx(2) fills in: what stat does, and the mount.
type statx struct {
	mask, blksize                            uint32
	attributes                               uint64
	nlink, uid, gid                          uint32
	mode                                     uint16
	_                                        uint16
	ino, size, blocks, attributesMask        uint64
	atime, btime, ctime, mtime               statxTime
	rdevMajor, rdevMinor, devMajor, devMinor uint32
	mount                                    uint64
	_                                        [13]uint64
}

type statxTime struct {
	sec  int64
	nsec uint32
	_    int32
}

func (t statxTime) ns() int64 { return t.sec*1e9 + int64(t.nsec) }
