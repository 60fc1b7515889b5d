//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// Files of a hit are put in place before the Go runtime only where nothing is, as in a build after `make clean`: what
// is there is to be compared, and may be somebody's work. Each is written without a name (O_TMPFILE), verified as it is
// read, and gets its name when all are whole; so a kill leaves nothing behind but what is right.
//
// Others are told of it as they are of any hit that makes files (cachedir/making.go): whoever records a run that may
// make the same does not store it.

// holdsMade reports whether files may be put in place as they were made.
func (w *way) holdsMade(m *Made) bool {
	if !beforeRuntime() || umask() != m.Umask {
		return false
	}
	_, errno := w.openAt(w.v1, m.Strays, "", oPath|syscall.O_NOFOLLOW, below)
	return errno == syscall.ENOENT
}

// umask asks by setting it: there is no other thread yet, or none that makes files.
func umask() uint16 {
	mask, _ := call(syscall.SYS_UMASK, 0o077, 0, 0, 0, 0)
	_, _ = call(syscall.SYS_UMASK, uintptr(mask), 0, 0, 0, 0)
	return uint16(mask)
}

// making is what is under way to put files in place.
type making struct {
	dirs, files [MaxMade]int // descriptors of directories, and of files that have no name yet
	room        [syscall.PathMax]byte
	own         [192]byte // room for the name of the file that tells others
	name        string    // of that file
	line        [1024]byte
}

// put puts the files in place, and makes what is to be printed what is left to write; false: the ordinary way has to,
// and sees what is there by then.
func (w *way) put(m *Made) bool {
	ignore := [4]uint64{1} // struct sigaction of the kernel: SIG_IGN; a file may not be as large as it should be
	setAction(syscall.SIGXFSZ, &ignore, &w.onSize)
	ok := w.putAll(m)
	setAction(syscall.SIGXFSZ, &w.onSize, nil)
	return ok
}

func (w *way) putAll(m *Made) bool {
	beside, st, ok := w.file(m.Beside, syscall.O_RDONLY)
	if !ok || st.Size != m.Size {
		return false
	}
	for i := range m.Files {
		if !w.prepare(&m.Files[i], i, beside) {
			return false
		}
	}
	b := w.entry()[:m.Printed.size()] // the entry is not needed any more
	if n, ok := readAt(beside, b, m.Printed.From); !ok || n != len(b) || Sum64(b) != m.Printed.Sum {
		return false
	}
	if !w.tell(m) {
		return false
	}
	ok = w.giveNames(m)
	w.told()
	w.left.body = b
	return ok
}

// prepare writes one file that has no name yet, if nothing is in its place.
func (w *way) prepare(f *MadeFile, i, beside int) bool {
	dir, slash := atCwd, lastSlash(f.Name)
	if slash > 0 {
		var errno syscall.Errno // through no link: others are told this name alone
		dir, errno = w.openAt(atCwd, f.Name[:slash], "", oPath|syscall.O_DIRECTORY, below)
		if errno != 0 {
			return false
		}
	}
	w.making.dirs[i] = dir
	if w.name.set(f.Name[slash+1:], "") != 0 {
		return false
	}
	_, errno := call(
		sysStatx, uintptr(dir), w.name.address(), noFollow|noAutomount, 1, uintptr(unsafe.Pointer(&w.st)),
	)
	if errno != syscall.ENOENT || w.opened == len(w.open) || w.name.set(".", "") != 0 {
		return false
	}
	const nameless = 0x400000 | syscall.O_DIRECTORY // O_TMPFILE
	fd, errno := call(
		syscall.SYS_OPENAT, uintptr(dir), w.name.address(), nameless|syscall.O_WRONLY|syscall.O_CLOEXEC, 0o600, 0,
	)
	if errno != 0 {
		return false
	}
	w.making.files[i] = fd
	if !w.keep(fd) || !w.copyTo(fd, &f.Part, beside) {
		return false
	}
	_, errno = call(syscall.SYS_FCHMOD, uintptr(fd), uintptr(f.Perm), 0, 0, 0)
	return errno == 0
}

// copyTo copies a part, and reports whether it is what it should be.
func (w *way) copyTo(fd int, p *Part, from int) bool {
	const piece = 64 << 10 // of whole blocks of the sum
	var s sum64
	s.reset()
	rest := w.entry()[:0]
	for at := p.From; at < p.To; {
		b := w.entry()[:min(piece, p.To-at)]
		if n, ok := readAt(from, b, at); !ok || n != len(b) {
			return false
		}
		if n, errno := writeTo(fd, b); errno != 0 || n != len(b) {
			return false
		}
		rest, at = s.blocks(b), at+int64(len(b))
	}
	return s.end(rest) == p.Sum
}

// giveNames gives all files their names, if nothing has got them meanwhile.
func (w *way) giveNames(m *Made) bool {
	cwd := atCwd
	for i := range m.Files {
		f := &m.Files[i]
		var digits [20]byte
		from := cPath(w.making.room[:])
		if from.set("/proc/self/fd/", decimal(&digits, w.making.files[i])) != 0 ||
			w.name.set(f.Name[lastSlash(f.Name)+1:], "") != 0 {
			return false
		}
		_, errno := call(
			syscall.SYS_LINKAT, uintptr(cwd), from.address(), uintptr(w.making.dirs[i]), w.name.address(), atFollow,
		)
		if errno != 0 {
			return false
		}
	}
	return true
}

const atFollow = 0x400 // AT_SYMLINK_FOLLOW

func decimal(room *[20]byte, n int) string {
	at := len(room)
	for {
		at--
		room[at] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return alias(room[at:])
		}
	}
}

// tell tells others what is about to be made: first in a file of its own, which is locked while this process lives, and
// then in those of all who are there already. Of two who come at once, one at least sees the other.
func (w *way) tell(m *Made) bool {
	const suffix = ".making"
	name := w.making.own[:0]
	if len(m.Making)+16+len(suffix) > len(w.making.own) || len(m.Says)+len(w.making.own) > len(w.making.line) {
		return false
	}
	var word [8]byte
	if n, errno := call(sysGetrandom, uintptr(unsafe.Pointer(&word)), 8, 0, 0, 0); errno != 0 || n != len(word) {
		return false
	}
	name = append(name, m.Making...)
	for _, c := range word {
		name = append(name, hexDigits[c>>4], hexDigits[c&15])
	}
	w.making.name = alias(append(name, suffix...))
	own, errno := w.openAt(
		w.v1, w.making.name, "", syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW, below,
	)
	if errno != 0 {
		return false
	}
	var st syscall.Stat_t
	said := w.making.line[:copy(w.making.line[:], m.Says)]
	if isLocked(own) && fstat(own, &st) && st.Nlink == 1 && writeWhole(own, said) && w.tellThose(m) {
		return true
	}
	w.told()
	return false
}

const hexDigits = "0123456789abcdef"

// told says that nothing is made any more.
func (w *way) told() {
	if w.name.set(w.making.name, "") == 0 {
		_, _ = call(syscall.SYS_UNLINKAT, uintptr(w.v1), w.name.address(), 0, 0, 0)
	}
}

// isLocked locks a file, unless somebody else has.
func isLocked(fd int) bool {
	_, errno := call(syscall.SYS_FLOCK, uintptr(fd), syscall.LOCK_EX|syscall.LOCK_NB, 0, 0, 0)
	return errno == 0
}

func writeWhole(fd int, b []byte) bool {
	n, errno := writeTo(fd, b)
	return errno == 0 && n == len(b)
}

// tellThose tells all who make files in the same directory.
func (w *way) tellThose(m *Made) bool {
	slash := lastSlash(m.Making)
	if slash < 0 {
		return false
	}
	dir, errno := w.openAt(w.v1, m.Making[:slash], "", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, below)
	if errno != 0 {
		return false
	}
	begin, own := m.Making[slash+1:], w.making.name[slash+1:]
	line := append(append(append(w.making.line[:0], sayMet...), own...), ' ')
	line = append(line, m.Says...)
	names := w.entry()[MaxBody:] // below is what is to be printed
	for {
		n, errno := call(
			syscall.SYS_GETDENTS64, uintptr(dir), uintptr(unsafe.Pointer(&names[0])), uintptr(len(names)), 0, 0,
		)
		if errno != 0 || n < 0 || n > len(names) {
			return false
		}
		if n == 0 {
			return true
		}
		for b := names[:n]; len(b) > direntName; {
			size := int(b[16]) | int(b[17])<<8
			if size <= direntName || size > len(b) {
				return false
			}
			name := textIn(b[direntName:size])
			if len(name) > len(begin) && name[:len(begin)] == begin && name != own && !w.tellOne(dir, name, line) {
				return false
			}
			b = b[size:]
		}
	}
}

// sayMet begins the line of one who came later (cachedir/making.go has all of them).
const sayMet = "met "

// direntName is where the name begins in what getdents64(2) returns.
const direntName = 19

// textIn is the text before the first zero.
func textIn(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return alias(b[:i])
		}
	}
	return alias(b)
}

// tellOne tells one of those who are there. Who was killed has no lock any more, and goes. Who has said nothing yet
// will see this one.
func (w *way) tellOne(dir int, name string, line []byte) bool {
	const flags = syscall.O_RDWR | syscall.O_APPEND | syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_NOCTTY
	fd, errno := w.openAt(dir, name, "", flags, below)
	if errno == syscall.ENOENT {
		return true
	}
	var st syscall.Stat_t
	if errno != 0 || !fstat(fd, &st) || st.Mode&syscall.S_IFMT != syscall.S_IFREG || int(st.Uid) != w.uid {
		return false
	}
	ok := true
	switch {
	case isLocked(fd):
		if w.name.set(name, "") == 0 {
			_, _ = call(syscall.SYS_UNLINKAT, uintptr(dir), w.name.address(), 0, 0, 0)
		}
	case st.Size > 0:
		ok = writeWhole(fd, line)
	}
	w.opened--
	closeFile(fd)
	return ok
}
