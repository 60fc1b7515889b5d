//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// SumLooks takes the looks of a list, and sums up what they show; false if one shows what no list is made of.
func SumLooks(list []byte) (sum uint64, ok bool) { return new(chunks).sum(list, nil) }

// chunks are those of a list. One thread takes them from the front, and another, if there is one, from the back, until
// they meet: so neither waits for the other for long, whatever else the processors have to do. To be taken by both does
// no harm: then the sum of a chunk is what one of them has seen.
type chunks struct {
	all   [mostChunks][]byte
	sums  [mostChunks]uint64
	n     int
	first int // the last that was begun from the front
	last  int // and from the back
	front looker
	back  looker
	both  bool // all that was begun from the back has shown something
}

func (c *chunks) sum(list []byte, k *Kernel) (sum uint64, ok bool) {
	if !c.cut(list) {
		return 0, false
	}
	c.first, c.last, c.both = -1, c.n, false
	if c.n >= chunksForTwo && k != nil && isForTwo() && k.Start(lookFromBack, unsafe.Pointer(c)) > 0 {
		ok = c.fromFront()
		k.Join()
		ok = ok && c.both
	} else {
		ok = c.fromFront()
	}
	return sumOfChunks(c.sums[:c.n]), ok
}

// chunksForTwo is from how many on two are faster than one.
const chunksForTwo = 8

// cut finds the chunks.
func (c *chunks) cut(list []byte) bool {
	for c.n = 0; len(list) > 0; c.n++ {
		if len(list) < chunkHead || c.n == len(c.all) {
			return false
		}
		size := load32(list)
		if list = list[chunkHead:]; uint64(size) > uint64(len(list)) {
			return false
		}
		c.all[c.n], list = list[:size], list[size:]
	}
	return true
}

func (c *chunks) fromFront() bool {
	for i := 0; i < c.last; i++ {
		c.first = i
		if !c.front.look(c.all[i]) {
			c.first = c.n // nobody needs to go on
			return false
		}
		c.sums[i] = c.front.sums.sum()
	}
	return true
}

// lookFromBack is what the other thread does. If it does not come to its end, for it made a fault, both stays false.
var lookFromBack = func(of unsafe.Pointer) {
	c := (*chunks)(of)
	for i := c.n - 1; i > c.first; i-- {
		c.last = i
		if !c.back.look(c.all[i]) {
			return
		}
		c.sums[i] = c.back.sums.sum()
	}
	c.both = true
}

// isForTwo reports whether there is a processor for another thread.
func isForTwo() bool {
	var mask [16]uint64
	n, errno := call(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)), 0, 0)
	if errno != 0 || n < 0 || n > int(unsafe.Sizeof(mask)) {
		return false
	}
	processors := 0
	for _, word := range mask[:n/8] {
		for ; word != 0; word &= word - 1 {
			processors++
		}
	}
	return processors > 1
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
	sum, ok := w.chunks.sum(list[:size], state.kernel)
	return ok && sum == m.Looks.Sum
}
