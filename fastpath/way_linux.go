//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// way is all that the short way works in, for it may have to do without a runtime: then nothing can be allocated. It
// reads nothing here that it has not written before.
type way struct {
	cache
	streams [3]int // stdin, stdout, stderr

	invocation, flags Invocation
	left              Unwritten

	began          *uint32   // set before the first byte is written; only before the runtime
	onPipe, onSize [4]uint64 // what is done about signals, as it was

	stands bool     // the memo holds, and files could not be put in place
	room   []byte   // of the page of the memo so much as was read, and the entry behind it
	page   int      // bytes of that
	texts  []string // room for those of a memo

	place
	making making
	chunks chunks
	around around
	target [syscall.PathMax]byte // what a link says
	memo   decoded
}

// roomSize is what the short way needs to read in: the page of a memo, an entry, a file.
const roomSize = PageSize + MaxFile + mostContent

// use gives the short way the streams of this process, and room.
func (w *way) use(room *[roomSize + pageOfMemory]byte, texts []string) {
	w.streams[0], w.streams[1], w.streams[2] = 0, 1, 2
	w.texts = texts
	begin := -uintptr(unsafe.Pointer(room)) % pageOfMemory
	w.room, w.content = room[begin:][:PageSize+MaxFile], room[begin:][PageSize+MaxFile:][:mostContent]
}

// verdict is what the short way came to.
type verdict uint8

const (
	untried     verdict = iota
	interrupted         // it began, and did not end
	nothing
	knowsCall  // what the settings came to, of the whole command line
	knowsFlags // of its flags
	unwritten  // a hit, not all of which could be written
	answered   // a hit
)

// try answers an invocation if a memo does.
func (w *way) try(args, environ []string) verdict {
	w.reset()
	w.left, w.stands = Unwritten{}, false
	var ok bool
	if w.invocation, ok = w.current(args, environ); !ok {
		return nothing
	}
	address, ok := w.invocation.Address()
	if !ok {
		return nothing
	}
	w.uid, w.name = w.invocation.UID, w.path
	found := w.answer(address)
	if found < unwritten {
		w.close()
	}
	return found
}

// answer answers the invocation, if its memo does.
func (w *way) answer(address [32]byte) verdict {
	if !w.openAll(cacheDir(w.invocation.Environ)) {
		return nothing
	}
	w.usable = true
	if !w.remembers(address) {
		return w.answerFlags()
	}
	m := &w.memo.Memo
	if !w.hold(m.Files[:m.Resolved], nil) {
		return nothing
	}
	if m.Entry == "" || !w.holdsNow(m) || !w.isValid(m) || m.Made != nil && !w.holdsMade(m.Made) {
		return knowsCall
	}
	if m.Seen != nil && !w.isLed(m.Seen) {
		return knowsCall
	}
	body, ok := w.body(m)
	if !ok || inputWaits(w.streams[0]) || m.Merged && !oneOutput(w.streams[1], w.streams[2]) {
		return knowsCall
	}
	journal, ok := w.openJournal()
	if !ok || m.Looks != nil && !w.holdsLooks(m) || m.Seen != nil && !w.holdsSeen(m.Seen) {
		return knowsCall
	}
	w.left = Unwritten{frames: m.Frames, body: body, Code: m.Code, journal: journal, hit: m.Hit}
	if m.Made != nil && !w.put(m.Made) {
		w.stands = true
		return knowsCall
	}
	if !w.deliver() {
		return unwritten
	}
	w.left.Log()
	return answered
}

// deliver writes the output, and reports whether that is all. Before the runtime there is nobody to catch what the
// kernel sends who writes to a pipe that is not read, or too much into a file: the ordinary path knows what to do then.
func (w *way) deliver() bool {
	if !beforeRuntime() {
		return w.left.write(w.streams[1:])
	}
	var ignore [4]uint64 // struct sigaction of the kernel
	ignore[0] = 1        // SIG_IGN
	setAction(syscall.SIGPIPE, &ignore, &w.onPipe)
	setAction(syscall.SIGXFSZ, &ignore, &w.onSize)
	*w.began = 1
	if w.left.write(w.streams[1:]) {
		return true
	}
	setAction(syscall.SIGPIPE, &w.onPipe, nil)
	setAction(syscall.SIGXFSZ, &w.onSize, nil)
	return false
}

func setAction(signal syscall.Signal, to, from *[4]uint64) {
	_, _ = call(
		syscall.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(from)), 8, 0,
	)
}

// answerFlags finds out what is remembered of an invocation with another command.
func (w *way) answerFlags() verdict {
	flags, ok := w.invocation.Flags()
	if !ok {
		return nothing
	}
	address, ok := flags.Address()
	if !ok || !w.remembers(address) || !w.hold(w.memo.Files[:w.memo.Resolved], nil) {
		return nothing
	}
	w.flags = flags
	return knowsFlags
}

// remembers reads the memo of an address.
func (w *way) remembers(address [32]byte) bool {
	fd, st, ok := w.file(alias(tableFile), syscall.O_RDONLY)
	if !ok || st.Size <= 0 {
		return false
	}
	at := PageAt(address[:], st.Size)
	w.page = 0
	if !w.readPage(fd, at, firstRead) {
		return false
	}
	memo, cut := find(w.room[:w.page], address)
	for to := firstRead; cut && w.page == to && to < PageSize; {
		to *= 2
		if !w.readPage(fd, at, to) {
			return false
		}
		memo, cut = find(w.room[:w.page], address)
	}
	w.memo.texts = w.texts
	return memo != nil && w.memo.decode(memo)
}

// readPage reads more of a page, up to so many bytes.
func (w *way) readPage(fd int, at int64, to int) bool {
	n, ok := readAt(fd, w.room[w.page:to], at+int64(w.page))
	if !ok || n < 0 || n > to-w.page {
		return false
	}
	w.page += n
	return true
}

// holdsNow reports whether everything outside of the cache directory is as it was, besides what the settings rest on.
func (w *way) holdsNow(m *Memo) bool {
	if now := now(); now < m.NotBefore || now >= m.Until {
		return false
	}
	return m.HoldsEnviron(w.invocation.Environ) && w.hold(m.Files[m.Resolved:], w.invocation.Args)
}

// isValid reports whether nothing was purged since, and no other result was stored that would be preferred.
func (w *way) isValid(m *Memo) bool {
	fd, _, ok := w.file(alias(purgesFile), syscall.O_RDONLY)
	if !ok {
		return false
	}
	var count [PurgesSize + 1]byte
	n, ok := readAt(fd, count[:], 0)
	if !ok || n != PurgesSize || !same(alias(count[:PurgesSize]), alias(m.Purges)) {
		return false
	}
	if m.Absent == "" {
		return true
	}
	_, errno := w.openAt(w.v1, m.Absent, "", oPath|syscall.O_NOFOLLOW, below)
	return errno == syscall.ENOENT
}

// isLed reports whether it is still the same entry that leads to that of the memo, and nothing around the run is
// another.
func (w *way) isLed(s *Seen) bool {
	if s.Around != ([32]byte{}) {
		if sum, ok := w.around.sum(umask(), w.invocation.Environ, s.Uncounted); !ok || sum != s.Around {
			return false
		}
	}
	return w.isWhole(s.Redirect.Name, s.Redirect.To, s.Redirect.Sum)
}

// holdsSeen reports whether all that the lines of the entry tell of is as it was.
func (w *way) holdsSeen(s *Seen) bool {
	sees := seer{look: &w.look, target: w.target[:], uid: w.uid, groups: w.around.groups[:]}
	sum, ok := sees.sum(alias(w.entry()[s.Lines.From:s.Lines.To]))
	return ok && sum == s.Sum
}

// body reads the entry, and returns its body if it is the one that the memo speaks of.
func (w *way) body(m *Memo) ([]byte, bool) {
	if !w.isWhole(m.Entry, m.Size, m.Sum) {
		return nil, false
	}
	return w.entry()[m.Offset : m.Size-8], true
}

// entry is the room for an entry.
func (w *way) entry() []byte { return w.room[w.page:][:MaxFile] }

// isWhole reads an entry, and reports whether it is the one with this sum, and its use need not be noted.
func (w *way) isWhole(name string, size int64, sum uint64) bool {
	fd, st, ok := w.file(name, syscall.O_RDONLY)
	if !ok || st.Size != size || size > MaxFile {
		return false
	}
	const hour = 3600 * 1e9
	if age := now() - ns(st.Mtim); age <= -hour || age >= hour {
		return false
	}
	b := w.entry()[:size]
	if n, ok := readAt(fd, b, 0); !ok || n != len(b) {
		return false
	}
	end := len(b) - 8
	return load64(b[end:]) == sum && Sum64(b[:end]) == sum
}

// inputWaits reports whether stdin has data that nobody will get: then there is a warning to be printed.
func inputWaits(stdin int) bool {
	var st syscall.Stat_t
	if !fstat(stdin, &st) {
		return true
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		at, errno := call(syscall.SYS_LSEEK, uintptr(stdin), 0, 1, 0, 0)
		return errno != 0 || int64(at) < st.Size
	case syscall.S_IFIFO, syscall.S_IFSOCK:
		var n int32
		_, errno := call(syscall.SYS_IOCTL, uintptr(stdin), fionread, uintptr(unsafe.Pointer(&n)), 0, 0)
		return errno != 0 || n > 0
	}
	return false
}

// oneOutput reports whether stdout and stderr are plainly the same file.
func oneOutput(stdout, stderr int) bool {
	var a, b syscall.Stat_t
	if !fstat(stdout, &a) || !fstat(stderr, &b) || a.Dev != b.Dev || a.Ino != b.Ino {
		return false
	}
	const null = 1<<8 | 3 // the null device counts as two
	return a.Mode&syscall.S_IFMT != syscall.S_IFCHR || uint64(a.Rdev) != null
}

// Log counts the hit.
func (u *Unwritten) Log() {
	put64(u.hit[8:], uint64(now()))
	put64(u.hit[HitSize-8:], Sum64(u.hit[:HitSize-8]))
	_, _ = writeTo(u.journal, u.hit) // a lost statistic
}

// write writes what is left to stdout and stderr, and reports whether that is all.
func (u *Unwritten) write(outputs []int) bool {
	for len(u.frames) > 0 {
		f := &u.frames[0]
		n, errno := writeTo(outputs[f.Stream], u.body[:f.Size])
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return false
		}
		u.body = u.body[n:]
		if f.Size -= int64(n); f.Size == 0 {
			u.frames = u.frames[1:]
		}
	}
	return true
}
