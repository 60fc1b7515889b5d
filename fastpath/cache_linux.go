//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// cache is an open cache directory.
type cache struct {
	v1     int // descriptor
	uid    int
	usable bool
	gaps   bool    // a standard descriptor was closed: what is opened would be taken for it
	name   cPath   // room, for a moment
	open   [32]int // descriptors: the process ends, or they are closed together
	opened int
}

func (c *cache) reset() { c.opened, c.usable, c.gaps = 0, false, false }

// openAll opens a directory as the ordinary path does, if everything about it is as usual.
func (c *cache) openAll(path, rest string) bool {
	if path == "" {
		return false
	}
	const flags = syscall.O_RDONLY | syscall.O_DIRECTORY | syscall.O_NOFOLLOW
	root, errno := c.openAt(atCwd, path, rest, flags, noSymlinks|noMagiclinks)
	if errno != 0 || !c.isPrivate(root) {
		return false
	}
	c.v1, errno = c.openAt(root, alias(version), "", flags, below)
	if errno != 0 || !c.isPrivate(c.v1) {
		return false
	}
	_, st, ok := c.file(alias(markFile), syscall.O_RDONLY)
	return ok && st.Size == markSize
}

func (c *cache) close() {
	for _, fd := range c.open[:c.opened] {
		closeFile(fd)
	}
	c.opened = 0
}

const stderr = 2

// Names that each hit needs, as cacheVariable is.
var (
	ownFile     = []byte("/proc/self/exe")
	version     = []byte("v1")
	markFile    = []byte(".cachex")
	tableFile   = []byte(Table)
	purgesFile  = []byte("tags/SEQ")
	journalFile = []byte("journal/current")
)

// markSize is the size of the mark in v1: what else it must hold is looked at by who writes.
const markSize = 33

func (c *cache) isPrivate(fd int) bool {
	var st syscall.Stat_t
	return fstat(fd, &st) && int(st.Uid) == c.uid && st.Mode&0o077 == 0
}

// file opens a regular file of ours below v1, and follows no link on the way.
func (c *cache) file(name string, flags int) (fd int, st syscall.Stat_t, ok bool) {
	fd, errno := c.openAt(c.v1, name, "", flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY, below)
	ok = errno == 0 && fstat(fd, &st) && st.Mode&syscall.S_IFMT == syscall.S_IFREG && int(st.Uid) == c.uid
	return fd, st, ok
}

// openJournal opens what hits are counted in.
func (c *cache) openJournal() (fd int, ok bool) {
	fd, st, ok := c.file(alias(journalFile), syscall.O_WRONLY|syscall.O_APPEND)
	return fd, ok && st.Nlink == 1 && st.Mode&0o777 == 0o600
}

// openAt calls openat2(2), or does the same step by step where a kernel or a sandbox has none. The caller forbids
// links. What it opens is closed with the cache.
func (c *cache) openAt(dir int, name, rest string, flags int, resolve uint64) (int, syscall.Errno) {
	if c.opened == len(c.open) {
		return -1, syscall.EMFILE
	}
	if errno := c.name.set(name, rest); errno != 0 {
		return -1, errno
	}
	how := [3]uint64{uint64(flags | syscall.O_CLOEXEC), uint64(modeFor(flags)), resolve}
	fd, errno := call(
		sysOpenat2, uintptr(dir), c.name.address(), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0,
	)
	switch errno {
	case syscall.ENOSYS, syscall.EPERM, syscall.EINVAL:
		fd, errno = c.openStepwise(dir, flags)
	}
	if errno != 0 {
		return -1, errno
	}
	if !c.keep(fd) {
		return -1, syscall.EBADF
	}
	return fd, 0
}

// keep has a descriptor closed with the cache; false: it stands in the place of a standard one.
func (c *cache) keep(fd int) bool {
	c.open[c.opened] = fd
	c.opened++
	c.gaps = c.gaps || fd <= stderr
	return fd > stderr
}

// modeFor is the mode of what is made.
func modeFor(flags int) int {
	if flags&syscall.O_CREAT != 0 {
		return 0o600
	}
	return 0
}

// openStepwise opens the name one component after the other, and follows no link. A directory on the way need not be
// readable.
func (c *cache) openStepwise(dir, flags int) (int, syscall.Errno) {
	const onTheWay = oPath | syscall.O_DIRECTORY
	from, last := 0, -1 // where a part begins; the directory that was opened on the way
	if c.name[0] == '/' {
		dir, from = atCwd, 1
		root := [...]byte{'/', 0}
		fd, errno := openPart(dir, &root[0], onTheWay)
		if errno != 0 {
			return -1, errno
		}
		dir, last = fd, fd
	}
	for {
		to := from
		for c.name[to] != 0 && c.name[to] != '/' {
			to++
		}
		more := c.name[to] == '/'
		part := alias(c.name[from:to])
		if part == "" || part == ".." {
			return -1, c.closeOnTheWay(last, syscall.EXDEV) // no name that we write
		}
		c.name[to] = 0
		how := flags
		if more {
			how = onTheWay
		}
		fd, errno := openPart(dir, &c.name[from], how)
		errno = c.closeOnTheWay(last, errno)
		if errno != 0 || !more {
			return fd, errno
		}
		dir, last, from = fd, fd, to+1
	}
}

// closeOnTheWay closes a directory that was opened on the way, if there is one, and returns the error of before.
func (c *cache) closeOnTheWay(fd int, errno syscall.Errno) syscall.Errno {
	if fd >= 0 {
		closeFile(fd)
	}
	return errno
}

func openPart(dir int, name *byte, flags int) (int, syscall.Errno) {
	how := uintptr(flags | syscall.O_NOFOLLOW | syscall.O_CLOEXEC)
	return call(syscall.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(name)), how, uintptr(modeFor(flags)), 0)
}
