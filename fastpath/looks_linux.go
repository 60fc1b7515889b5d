//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// SumLooks takes the looks of a list, and sums up what they show; false if one shows what no list is made of.
func SumLooks(list []byte) (sum uint64, ok bool) {
	var l [2]looker
	return sumLooks(&l, list)
}

func sumLooks(l *[2]looker, list []byte) (sum uint64, ok bool) {
	halves, ok := cutLooks(list)
	if !ok || !l[0].look(halves[0]) || !l[1].look(halves[1]) {
		return 0, false
	}
	sums := [2]sumOfFiles{l[0].sums, l[1].sums}
	return sumOfHalves(&sums), true
}

// cutLooks cuts a list into its halves.
func cutLooks(list []byte) (halves [2][]byte, ok bool) {
	if len(list) < listHead {
		return halves, false
	}
	first := load32(list)
	if list = list[listHead:]; uint64(first) > uint64(len(list)) {
		return halves, false
	}
	return [2][]byte{list[:first], list[first:]}, true
}

// looker takes looks.
type looker struct {
	st   statx
	sums sumOfFiles
	dir  int // open; or else that of the process
}

// look takes the looks of a half, one after another.
func (l *looker) look(list []byte) bool {
	l.sums.reset()
	l.dir = atCwd
	ok := true
	for ok && len(list) > 0 {
		var op byte
		var text []byte
		if op, text, list = cutRecord(list); text == nil {
			ok = false
			break
		}
		switch op {
		case opListed, opListedAt, opIn:
			ok = l.enter(op, text)
		case opFile:
			ok = l.see(l.dir, text, noFollow)
		case opItself:
			ok = l.see(atCwd, text, noFollow)
		case opFollowed:
			ok = l.see(atCwd, text, 0)
		default:
			ok = false
		}
	}
	l.leave()
	return ok
}

// cutRecord cuts off the first record; nil: it is none.
func cutRecord(list []byte) (op byte, text, rest []byte) {
	if len(list) < recordHead {
		return 0, nil, nil
	}
	n := recordHead + int(list[1]) + int(list[2])<<8
	if n >= len(list) || n == recordHead || list[n] != 0 {
		return 0, nil, nil
	}
	return list[0], list[recordHead : n+1], list[n+1:]
}

// enter opens a directory as those did who listed it.
func (l *looker) enter(op byte, path []byte) bool {
	l.leave()
	flags := syscall.O_DIRECTORY | syscall.O_CLOEXEC
	switch op {
	case opIn:
		flags |= oPath
	case opListed:
		flags |= syscall.O_NONBLOCK
	case opListedAt:
		flags |= syscall.O_NONBLOCK | syscall.O_NOFOLLOW
	}
	cwd := atCwd
	fd, errno := call(syscall.SYS_OPENAT, uintptr(cwd), cPath(path).address(), uintptr(flags), 0, 0)
	if errno != 0 {
		return false
	}
	l.dir = fd
	return op == opIn || l.see(fd, path[len(path)-1:], emptyPath)
}

func (l *looker) leave() {
	if l.dir != atCwd {
		closeFile(l.dir)
		l.dir = atCwd
	}
}

// see adds what is there now; a text that ends in a NUL.
func (l *looker) see(dir int, text []byte, flags int) bool {
	_, errno := call(
		sysStatx, uintptr(dir), cPath(text).address(), uintptr(flags|noAutomount), statxMask,
		uintptr(unsafe.Pointer(&l.st)),
	)
	var id FileID
	switch {
	case errno == 0:
		id = l.st.id()
		id.Mode = typeAndUse(id.Mode)
	case errno != syscall.ENOENT && errno != syscall.ENOTDIR:
		return false
	}
	l.sums.add(&id)
	return true
}

// holdsLooks reports whether all looks show what they have shown. The list is read behind the entry.
func (w *way) holdsLooks(m *Memo) bool {
	list := w.entry()[m.Size:]
	size := int64(copy(list, m.Looks.List))
	if in := &m.Looks.In; size == 0 {
		fd, st, ok := w.file(in.Name, syscall.O_RDONLY)
		if size = in.size(); !ok || in.To > st.Size || size > int64(len(list)) {
			return false
		}
		n, ok := readAt(fd, list[:size], in.From)
		if !ok || int64(n) != size || Sum64(list[:size]) != in.Sum {
			return false
		}
	}
	sum, ok := sumLooks(&w.lookers, list[:size])
	return ok && sum == m.Looks.Sum
}
