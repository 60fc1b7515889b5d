//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// What a line says of a path is held against what the kernel says now, as the ordinary way does it. For what a file
// holds, and for the names in a directory, the line has a digest; in its place stands what the kernel says of the file
// or directory, which is summed up. Whoever leaves a memo knows that no other content has the same (package hashing).

// seer compares lines with the present.
type seer struct {
	*look
	target []byte   // room for what a link says
	uid    int      // effective
	groups []uint32 // room for those of this process
	member int      // how many there are, the effective one first; 0: not known yet
	sums   sumOfFiles
}

// SumSeen compares lines about paths, and sums up what the kernel says of those files and directories whose lines
// have a digest, as SumFiles does; false if a line is not as the path is now, or is nothing for the short way.
func SumSeen(lines string) (sum uint64, ok bool) {
	var room, target [syscall.PathMax]byte
	var groups [mostGroups]uint32
	uid, _ := call(syscall.SYS_GETEUID, 0, 0, 0, 0, 0)
	s := seer{look: &look{path: room[:]}, target: target[:], uid: uid, groups: groups[:]}
	return s.sum(lines)
}

func (s *seer) sum(lines string) (sum uint64, ok bool) {
	s.sums.reset()
	r := lineReader{rest: lines}
	for r.rest != "" && !r.failed {
		s.line(&r)
	}
	return s.sums.sum(), !r.failed
}

// line compares one: seen USES- "PATH" STATE.
func (s *seer) line(r *lineReader) {
	r.expect("seen ")
	uses := r.uses()
	path := r.quoted()
	r.expect(" ")
	switch {
	case r.failed:
		return
	case path == "" || path[0] != '/' || uses&usesAbove != 0:
		r.failed = true
		return
	case uses&usesOutput != 0:
		r.expect("output\n")
		return
	}
	errno := s.lookAt(path, uses&usesLink != 0)
	if errno == 0 && s.isKind(syscall.S_IFLNK) {
		s.readLink(r)
		if uses&usesTimes != 0 {
			r.expect("modified ")
			r.number(s.st.mtime.ns(), 10)
			r.expect(" ")
		}
		if uses&usesChange != 0 {
			r.expect("changed ")
			r.number(s.st.ctime.ns(), 10)
			r.expect(" ")
		}
		if r.try("itself\n") {
			return
		}
		errno = s.lookAt(path, false)
	}
	switch {
	case errno != 0:
		r.absence(errno)
	case s.isKind(syscall.S_IFDIR):
		s.directory(r, uses, path)
	default:
		s.file(r, uses)
	}
	r.expect("\n")
}

func (s *seer) lookAt(path string, itself bool) syscall.Errno {
	if len(path) >= len(s.path) {
		return syscall.ENAMETOOLONG
	}
	s.path[copy(s.path, path)] = 0 // there is no other 0 in what was quoted
	flags := noAutomount
	if itself {
		flags |= noFollow
	}
	return s.statx(flags)
}

func (s *seer) isKind(kind uint16) bool { return s.st.mode&syscall.S_IFMT == kind }

// absence expects why nothing can be looked at.
func (r *lineReader) absence(errno syscall.Errno) {
	switch errno {
	case syscall.ENOENT, syscall.ENAMETOOLONG:
		r.expect("absent")
	case syscall.ENOTDIR:
		r.expect("below a file, absent")
	case syscall.EACCES:
		r.expect("unreachable")
	case syscall.ELOOP:
		r.expect("loop")
	default:
		r.failed = true
	}
}

// readLink expects where the link at the path leads.
func (s *seer) readLink(r *lineReader) {
	dir := atCwd
	n, errno := call(
		syscall.SYS_READLINKAT, uintptr(dir), s.path.address(), uintptr(unsafe.Pointer(unsafe.SliceData(s.target))),
		uintptr(len(s.target)), 0,
	)
	if errno != 0 || n < 0 || n >= len(s.target) {
		r.failed = true
		return
	}
	r.expect("link ")
	if r.quoted() != alias(s.target[:n]) {
		r.failed = true
	}
	r.expect(" ")
}

// file expects what is no directory.
func (s *seer) file(r *lineReader, uses int) {
	isRegular := s.isKind(syscall.S_IFREG)
	switch {
	case isRegular && s.st.mode&0o111 != 0:
		r.expect("exec")
	case isRegular:
		r.expect("plain")
	case s.isKind(syscall.S_IFIFO):
		r.expect("fifo")
	case s.isKind(syscall.S_IFSOCK):
		r.expect("socket")
	default:
		r.expect("device")
	}
	if s.mode(r, uses); isRegular && uses&(usesMode|usesContent) != 0 {
		r.expect(" size ")
		r.number(int64(s.st.size), 10)
	}
	if uses&usesTimes != 0 {
		r.expect(" modified ")
		r.number(s.st.mtime.ns(), 10)
	}
	if uses&usesChange != 0 {
		r.expect(" changed ")
		r.number(s.st.ctime.ns(), 10)
	}
	if isRegular && uses&(usesContent|usesLibraries|usesIdentity) != 0 {
		if !r.try(" identity") {
			r.try(" libraries")
		}
		s.stand(r)
	}
}

// mode expects permissions, and the owner of what belongs to somebody else; and the group where it tells what this
// process may do.
func (s *seer) mode(r *lineReader, uses int) {
	if uses&usesMode == 0 {
		return
	}
	const allBits = 0o7777
	r.expect(" mode ")
	r.number(int64(s.st.mode&allBits), 8)
	if !s.isKind(syscall.S_IFREG) && !s.isKind(syscall.S_IFDIR) {
		return
	}
	if s.member == 0 && !s.knowGroups() {
		r.failed = true
		return
	}
	isOwn := s.st.uid == uint32(s.uid)
	if !isOwn {
		r.expect(" owner ")
		r.number(int64(s.st.uid), 10)
	}
	if isOwn && s.st.gid != s.groups[0] || !isOwn && s.isMember(s.st.gid) {
		r.expect(" group ")
		r.number(int64(s.st.gid), 10)
	}
}

// knowGroups finds out which groups this process has.
func (s *seer) knowGroups() bool {
	gid, _ := call(syscall.SYS_GETEGID, 0, 0, 0, 0, 0)
	rest := s.groups[1:]
	n, errno := call(syscall.SYS_GETGROUPS, uintptr(len(rest)), uintptr(unsafe.Pointer(&rest[0])), 0, 0, 0)
	if errno != 0 || n < 0 || n > len(rest) {
		return false
	}
	s.groups[0], s.member = uint32(gid), n+1
	return true
}

func (s *seer) isMember(gid uint32) bool {
	for _, group := range s.groups[:s.member] {
		if group == gid {
			return true
		}
	}
	return false
}

// stand takes what the kernel says in the place of a digest.
func (s *seer) stand(r *lineReader) {
	id := s.id()
	s.sums.add(&id)
	r.sum()
}

// directory expects one. Which names a directory without links has is what a program sees of it that asks where it is.
func (s *seer) directory(r *lineReader, uses int, path string) {
	r.expect("directory")
	place, isOther := path, r.try(" at ")
	if isOther {
		place = r.quoted()
	}
	lists := uses&(usesNames|usesContent) != 0
	if !s.isPlace(place, isOther, lists) {
		r.failed = true
		return
	}
	s.mode(r, uses)
	if uses&usesInode != 0 && r.try(" changed ") {
		r.number(s.st.ctime.ns(), 10)
	}
	if lists {
		r.expect(" names")
		s.stand(r)
	}
}

// isPlace reports whether no link leads to the directory of this path; isOther: and that it is the one that was looked
// at by another path; lists: and that it can be opened to be listed, for which not each process of a user has the same
// rights.
func (s *seer) isPlace(place string, isOther, lists bool) bool {
	if s.path.set(place, "") != 0 {
		return false
	}
	flags := uint64(oPath)
	if lists {
		flags = syscall.O_RDONLY | syscall.O_NONBLOCK
	}
	how := [3]uint64{flags | syscall.O_DIRECTORY | syscall.O_CLOEXEC, 0, noSymlinks | noMagiclinks}
	dir := atCwd
	fd, errno := call(
		sysOpenat2, uintptr(dir), s.path.address(), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0,
	)
	if errno != 0 {
		return false
	}
	same := true
	if isOther {
		led := s.id()
		s.path.set("", "")
		errno = s.statxFrom(fd, emptyPath)
		same = errno == 0 && s.id() == led
	}
	closeFile(fd)
	return same
}
