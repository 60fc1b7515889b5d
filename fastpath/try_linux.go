//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

func init() { unfinished = try() }

//go:linkname arguments os.runtime_args
func arguments() []string

//go:linkname environment syscall.runtime_envs
func environment() []string

// try answers the invocation of this process if a memo does, and then does not return. What could not be written whole
// is returned; nil: nothing was written.
func try() *Unwritten {
	i, ok := Current(arguments())
	if !ok {
		return nil
	}
	address, ok := i.Address()
	if !ok {
		return nil
	}
	dir := cache{uid: i.UID}
	left := dir.answer(&i, address)
	if left == nil {
		dir.close()
	}
	return left
}

// answer answers an invocation, if its memo does.
func (c *cache) answer(i *Invocation, address [32]byte) *Unwritten {
	if !c.openAll(CacheDir(i.Environ)) {
		return nil
	}
	usable = true
	m, ok := c.memo(address)
	if !ok {
		c.rememberFlags(i)
		return nil
	}
	if !Hold(m.Files[:m.Resolved], nil) {
		return nil
	}
	remembered = &RememberedCall{*i, nil, m.Files[:m.Resolved], m.Call}
	if m.Entry == "" || !m.holds(i) || !c.isValid(&m) {
		return nil
	}
	body, ok := c.body(&m)
	if !ok {
		return nil
	}
	journal, ok := c.openJournal()
	if !ok || inputWaits() || m.Merged && !oneOutput() {
		return nil
	}
	left := &Unwritten{frames: m.Frames, body: body, Code: m.Code, journal: journal, hit: m.Hit}
	if !left.write() {
		return left
	}
	left.Log()
	syscall.Exit(m.Code)
	return nil
}

// rememberFlags finds out what is remembered of an invocation with another command.
func (c *cache) rememberFlags(i *Invocation) {
	flags, ok := i.Flags()
	if !ok {
		return
	}
	address, ok := flags.Address()
	if !ok {
		return
	}
	if m, ok := c.memo(address); ok && Hold(m.Files[:m.Resolved], nil) {
		remembered = &RememberedCall{flags, i.Args[len(flags.Args):], m.Files[:m.Resolved], m.Call}
	}
}

// Current returns the invocation of this process; false if there is no short way for it.
func Current(args []string) (i Invocation, ok bool) {
	if len(args) < 3 || args[1] != "run" || isLinked(args[0]) {
		return i, false
	}
	var path [syscall.PathMax]byte
	n, err := syscall.Getcwd(path[:])
	if err != nil || n < 2 {
		return i, false
	}
	exe, ok := Identify("/proc/self/exe", Followed)
	if !ok || exe == (FileID{}) {
		return i, false
	}
	return Invocation{args, environment(), string(path[:n-1]), syscall.Geteuid(), exe, false}, true
}

// isLinked reports whether the program was called by a name that is not its file's: a link may stand for a command.
func isLinked(name string) bool {
	if name = base(name); name == "cachex" {
		return false
	}
	var path [syscall.PathMax]byte
	n, err := syscall.Readlink("/proc/self/exe", path[:])
	return err != nil || base(string(path[:n])) != name
}

func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// cache is an open cache directory.
type cache struct {
	v1   int // descriptor
	uid  int
	open []int // descriptors: the process ends, or they are closed together
}

// openAll opens a directory as the ordinary path does, if everything about it is as usual.
func (c *cache) openAll(path string) bool {
	if path == "" {
		return false
	}
	const flags = syscall.O_RDONLY | syscall.O_DIRECTORY | syscall.O_NOFOLLOW
	root, err := c.openAt(atCwd, path, flags, noSymlinks|noMagiclinks)
	if err != nil || !c.isPrivate(root) {
		return false
	}
	c.v1, err = c.openAt(root, "v1", flags, below)
	if err != nil || !c.isPrivate(c.v1) {
		return false
	}
	_, st, ok := c.file(".cachex", syscall.O_RDONLY)
	return ok && st.Size == markSize
}

func (c *cache) close() {
	for _, fd := range c.open {
		_ = syscall.Close(fd)
	}
}

// markSize is the size of the mark in v1: what else it must hold is looked at by who writes.
const markSize = 33

func (c *cache) isPrivate(fd int) bool {
	var st syscall.Stat_t
	return syscall.Fstat(fd, &st) == nil && int(st.Uid) == c.uid && st.Mode&0o077 == 0
}

// file opens a regular file of ours below v1, and follows no link on the way.
func (c *cache) file(name string, flags int) (fd int, st syscall.Stat_t, ok bool) {
	fd, err := c.openAt(c.v1, name, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY, below)
	if err != nil || syscall.Fstat(fd, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG ||
		int(st.Uid) != c.uid {
		return fd, st, false
	}
	return fd, st, true
}

// memo reads the memo of an address.
func (c *cache) memo(address [32]byte) (m Memo, ok bool) {
	fd, st, ok := c.file(Table, syscall.O_RDONLY)
	if !ok || st.Size < CellSize {
		return m, false
	}
	cell := make([]byte, CellSize)
	n, err := syscall.Pread(fd, cell, CellOffset(address, st.Size))
	if err != nil {
		return m, false
	}
	m, ok = Decode(cell[:n])
	return m, ok && m.Address == address
}

// holds reports whether everything outside of the cache directory is as it was, besides what the settings rest on.
func (m *Memo) holds(i *Invocation) bool {
	now := now()
	if now < m.NotBefore || now >= m.Until {
		return false
	}
	if !m.HoldsEnviron(i.Environ) {
		return false
	}
	return Hold(m.Files[m.Resolved:], i.Args)
}

// Hold reports whether what was seen of files is as it was, for a command line that has the words among them.
func Hold(files []FileState, args []string) bool {
	for i := range files {
		if !files[i].holds(args) {
			return false
		}
	}
	return true
}

func (f *FileState) holds(args []string) bool {
	path, ok := f.path(args)
	if !ok {
		return false
	}
	if f.Kind == Content {
		now, ok := ReadContent(path)
		return ok && now.ID == f.ID && now.Sum == f.Sum
	}
	id, ok := Identify(path, f.Kind)
	if f.ID.Mount == 0 {
		id.Mount = 0
	}
	return ok && id == f.ID
}

// isValid reports whether nothing was purged since, and no other result was stored that would be preferred.
func (c *cache) isValid(m *Memo) bool {
	fd, _, ok := c.file("tags/SEQ", syscall.O_RDONLY)
	if !ok {
		return false
	}
	var count [PurgesSize + 1]byte
	n, err := syscall.Pread(fd, count[:], 0)
	if err != nil || string(count[:max(n, 0)]) != string(m.Purges) {
		return false
	}
	if m.Absent == "" {
		return true
	}
	_, err = c.openAt(c.v1, m.Absent, oPath|syscall.O_NOFOLLOW, below)
	return err == syscall.ENOENT
}

// body reads the entry, and returns its body if it is the one that the memo speaks of.
func (c *cache) body(m *Memo) ([]byte, bool) {
	fd, st, ok := c.file(m.Entry, syscall.O_RDONLY)
	if !ok || st.Size != m.Size {
		return nil, false
	}
	const hour = 3600 * 1e9
	if age := now() - ns(st.Mtim); age <= -hour || age >= hour {
		return nil, false // its use is to be noted
	}
	b := make([]byte, m.Size)
	n, err := syscall.Pread(fd, b, 0)
	if err != nil || n != len(b) {
		return nil, false
	}
	end := len(b) - 8
	if load64(b[end:]) != m.Sum || Sum64(b[:end]) != m.Sum {
		return nil, false
	}
	return b[m.Offset:end], true
}

// openJournal opens what hits are counted in.
func (c *cache) openJournal() (fd int, ok bool) {
	fd, st, ok := c.file("journal/current", syscall.O_WRONLY|syscall.O_APPEND)
	return fd, ok && st.Nlink == 1 && st.Mode&0o777 == 0o600
}

// inputWaits reports whether stdin has data that nobody will get: then there is a warning to be printed.
func inputWaits() bool {
	var st syscall.Stat_t
	if syscall.Fstat(0, &st) != nil {
		return true
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		at, err := syscall.Seek(0, 0, 1)
		return err != nil || at < st.Size
	case syscall.S_IFIFO, syscall.S_IFSOCK:
		var n int32
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, 0, fionread, uintptr(unsafe.Pointer(&n)))
		return errno != 0 || n > 0
	}
	return false
}

// oneOutput reports whether stdout and stderr are plainly the same file.
func oneOutput() bool {
	var a, b syscall.Stat_t
	if syscall.Fstat(1, &a) != nil || syscall.Fstat(2, &b) != nil || a.Dev != b.Dev || a.Ino != b.Ino {
		return false
	}
	const null = 1<<8 | 3 // the null device counts as two
	return a.Mode&syscall.S_IFMT != syscall.S_IFCHR || uint64(a.Rdev) != null
}

// Log counts the hit.
func (u *Unwritten) Log() {
	put64(u.hit[8:], uint64(now()))
	put64(u.hit[HitSize-8:], Sum64(u.hit[:HitSize-8]))
	_, _ = syscall.Write(u.journal, u.hit) // a lost statistic
}

// write writes what is left, and reports whether that is all.
func (u *Unwritten) write() bool {
	for len(u.frames) > 0 {
		f := &u.frames[0]
		n, err := syscall.Write(int(f.Stream)+1, u.body[:f.Size])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return false
		}
		u.body = u.body[n:]
		if f.Size -= int64(n); f.Size == 0 {
			u.frames = u.frames[1:]
		}
	}
	return true
}

// Identify returns what a state of a kind other than Content says of a path now; false if that cannot be told.
func Identify(path string, kind StateKind) (FileID, bool) {
	flags := noAutomount
	if kind == Itself || kind == Exists {
		flags |= noFollow
	}
	var st statx
	err := st.look(path, flags)
	switch {
	case err == syscall.ENOENT || err == syscall.ENOTDIR:
		return FileID{}, true
	case kind == Regular && (err == syscall.ENAMETOOLONG || err == 0 && st.mode&syscall.S_IFMT != syscall.S_IFREG):
		return FileID{}, true
	case err == 0 && kind == Executable && syscall.Access(path, 1) != nil:
		return FileID{}, false
	case err != 0:
		return FileID{}, false
	case kind == Exists:
		return present, true
	}
	return FileID{
		uint64(st.devMajor)<<32 | uint64(st.devMinor), st.ino, uint64(st.mode), int64(st.size), st.mtime.ns(),
		st.ctime.ns(), st.mount,
	}, true
}

// ReadContent returns what Content says of a file now; false if that cannot be told, or if it is larger than
// MaxContent.
func ReadContent(path string) (FileState, bool) {
	f := FileState{Path: path, Kind: Content}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return f, false
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return f, false
	}
	b := make([]byte, MaxContent+1)
	n := 0
	for n < len(b) {
		got, err := syscall.Read(fd, b[n:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return f, false
		}
		if got == 0 {
			f.ID.Size, f.Sum = int64(n), Sum256(b[:n])
			return f, true
		}
		n += got
	}
	return f, false
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

func (st *statx) look(path string, flags int) syscall.Errno {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return syscall.EINVAL
	}
	// type, mode, inode, size, mtime, ctime; mount, by a number that is not used again if there is one
	const mask = 0x3c3 | 0x1000 | 0x4000
	cwd := atCwd
	_, _, errno := syscall.Syscall6(
		sysStatx, uintptr(cwd), uintptr(unsafe.Pointer(name)), uintptr(flags), mask, uintptr(unsafe.Pointer(st)), 0,
	)
	return errno
}

func ns(t syscall.Timespec) int64 { return t.Sec*1e9 + t.Nsec }

func now() int64 {
	var t syscall.Timeval
	if syscall.Gettimeofday(&t) != nil {
		return -1 << 63
	}
	return t.Sec*1e9 + t.Usec*1e3
}

const (
	atCwd       = -100
	noFollow    = 0x100
	noAutomount = 0x800
	oPath       = 0x200000
	fionread    = 0x541b

	noMagiclinks = 2 // of openat2(2): no link of /proc
	noSymlinks   = 4
	below        = noMagiclinks | noSymlinks | 8 // and nothing outside of the directory
)

// openAt calls openat2(2), or does the same step by step where a kernel or a sandbox has none. The caller forbids
// links.
func (c *cache) openAt(dir int, name string, flags int, resolve uint64) (int, error) {
	path, err := syscall.BytePtrFromString(name)
	if err != nil {
		return -1, err
	}
	how := [3]uint64{uint64(flags | syscall.O_CLOEXEC), 0, resolve}
	const sysOpenat2 = 437 // on all architectures
	fd, _, errno := syscall.Syscall6(
		sysOpenat2, uintptr(dir), uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0,
		0,
	)
	switch errno {
	case 0:
		c.open = append(c.open, int(fd))
		return int(fd), nil
	case syscall.ENOSYS, syscall.EPERM, syscall.EINVAL:
		return c.openStepwise(dir, name, flags)
	}
	return -1, errno
}

// openStepwise opens a name one component after the other, and follows no link. A directory on the way need not be
// readable.
func (c *cache) openStepwise(dir int, name string, flags int) (int, error) {
	const onTheWay = oPath | syscall.O_DIRECTORY
	if name != "" && name[0] == '/' {
		root, err := c.openPart(atCwd, "/", onTheWay)
		if err != nil {
			return -1, err
		}
		dir, name = root, name[1:]
	}
	for {
		part, rest, more := cut(name, '/')
		if part == "" || part == ".." {
			return -1, syscall.EXDEV // no name that we write
		}
		if !more {
			return c.openPart(dir, part, flags)
		}
		next, err := c.openPart(dir, part, onTheWay)
		if err != nil {
			return -1, err
		}
		dir, name = next, rest
	}
}

func (c *cache) openPart(dir int, name string, flags int) (int, error) {
	fd, err := syscall.Openat(dir, name, flags|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err == nil {
		c.open = append(c.open, fd)
	}
	return fd, err
}
