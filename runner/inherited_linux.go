package runner

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a process gets from its parent through exec, the command must get from this process: the
// signal mask, and the signals that are ignored. But the Go runtime changes both before main. It
// unblocks HUP, INT, QUIT, ABRT, TERM, CHLD and others, and of the ignored signals it leaves only
// HUP, INT and the terminal's stops alone: QUIT in a background job of sh, or PIPE in a service of
// systemd, would have their effect on the command again.
//
// The kernel forgets, but the runtime remembers what it found, in two variables of its own. Their
// addresses are in the symbol table of the executable and their values in /proc/self/mem, as for a
// debugger. In an executable that is stripped or position-independent, or without /proc, what the
// runtime has left is all there is to know. What is read is believed only if it agrees with that.

// inheritance is what the parent of this process chose for its child.
type inheritance struct {
	mask    unix.Sigset_t
	ignored []syscall.Signal // without those that the runtime leaves ignored
}

// maskAtInit is what the runtime has left of the inherited mask, seen before anybody could change it.
var maskAtInit = currentMask()

// atStart is found out once, when the first command is run.
var atStart = sync.OnceValue(inherited)

// ignoredAtStart returns the signals that this process must ignore again.
func ignoredAtStart() []syscall.Signal { return atStart().ignored }

// leftIgnored reports whether a signal is ignored by this process now. Of the terminal's stops the runtime keeps no
// account, and os/signal takes them for signals with a default effect.
func leftIgnored(s os.Signal) bool {
	const ignore = 1 // SIG_IGN
	n, ok := s.(syscall.Signal)
	if !ok {
		return false
	}
	var now disposition
	sigaction(n, nil, &now)
	return *(*uintptr)(unsafe.Pointer(&now)) == ignore
}

const signalCount = 65 // as the runtime counts, with the signal 0 that is none

// inherited finds out what this process inherited. It costs about 0.1 ms.
func inherited() inheritance {
	in := inheritance{mask: maskAtInit}
	mask, handlers := make([]byte, 8), make([]byte, 8*signalCount)
	err := readVariables([]variable{{"runtime.initSigmask", mask}, {"runtime.fwdSig", handlers}})
	if err != nil {
		return in
	}
	if word := u64(mask); word&^unblocked() == maskWord(&maskAtInit)&^unblocked() {
		setMaskWord(&in.mask, word)
		in.ignored = ignoredIn(handlers)
	}
	return in
}

// unblocked are the signals that are never blocked in a Go program, whatever it inherited.
func unblocked() uint64 {
	var set unix.Sigset_t
	for _, s := range []syscall.Signal{
		unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGABRT, unix.SIGTERM,
		unix.SIGCHLD, unix.SIGURG, unix.SIGPROF, unix.SIGILL, unix.SIGTRAP, unix.SIGBUS,
		unix.SIGFPE, unix.SIGSEGV, unix.SIGSTKFLT, unix.SIGSYS, 32, 33, 34,
	} {
		add(&set, s)
	}
	return maskWord(&set)
}

// mayIgnore reports whether s can be ignored by this process, so that its command ignores it. The
// exit codes of children are lost to whoever ignores CHLD, and the runtime has a use for the others.
func mayIgnore(s syscall.Signal) bool {
	switch s {
	case unix.SIGCHLD, unix.SIGURG, unix.SIGPROF, unix.SIGILL, unix.SIGTRAP, unix.SIGBUS,
		unix.SIGFPE, unix.SIGSEGV, unix.SIGSTKFLT, unix.SIGSYS, 32, 33, 34:
		return false
	}
	return true
}

// ignoredIn takes the handlers that the runtime found, a word for each signal: 0 is the default
// effect, 1 to ignore it. There are no others after exec.
func ignoredIn(handlers []byte) (ignored []syscall.Signal) {
	for s := range syscall.Signal(signalCount) {
		switch u64(handlers[8*s:]) {
		case 0:
		case 1:
			if mayIgnore(s) {
				ignored = append(ignored, s)
			}
		default:
			return nil
		}
	}
	return ignored
}

// variable is one of this program, given by its name and with room for exactly its contents.
type variable struct {
	name string
	b    []byte
}

// readVariables fills in the present contents of variables.
func readVariables(vars []variable) error {
	exe, err := mapExecutable()
	if err != nil {
		return err
	}
	table, text, err := symbolTable(exe)
	if err != nil {
		return err
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return err
	}
	defer mem.Close()
	return lookUp(table, text, vars, func(v variable, addr uint64) error {
		_, err := mem.ReadAt(v.b, int64(addr))
		return err
	})
}

// mapExecutable maps the file of this program, once for its whole life: to unmap it, with all processors to be told, would cost
// more than the search.
func mapExecutable() ([]byte, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
}

var errNoSymbols = errors.New("no symbol table with fixed addresses")

// symbolTable finds the symbols and their names in a 64-bit ELF file, see elf(5).
func symbolTable(exe []byte) (table, text []byte, err error) {
	const (
		class64    = 2
		executable = 2 // e_type: not position-independent
		symtab     = 2 // sh_type
	)
	if len(exe) < 64 || string(exe[:4]) != "\x7fELF" || exe[4] != class64 || u16(exe[16:]) != executable {
		return nil, nil, errNoSymbols
	}
	headers, size, count := u64(exe[40:]), uint64(u16(exe[58:])), uint64(u16(exe[60:]))
	section := func(i uint64) []byte { return window(exe, headers+i*size, 64) }
	content := func(h []byte) []byte { return window(exe, u64(h[24:]), u64(h[32:])) }
	for i := range count {
		h := section(i)
		if h == nil || u32(h[4:]) != symtab {
			continue
		}
		if names := section(uint64(u32(h[40:]))); names != nil {
			return content(h), content(names), nil
		}
	}
	return nil, nil, errNoSymbols
}

// lookUp calls found with the address of each variable. It goes from the end: the linker puts variables behind functions, and
// the runtime's behind most others, so most pages of a long table stay on the disk. So do most names, for few variables have
// the right size.
func lookUp(table, text []byte, vars []variable, found func(v variable, addr uint64) error) error {
	const (
		entry  = 24
		object = 1 // the type in st_info
	)
	left := len(vars)
	for end := len(table) / entry * entry; end > 0 && left > 0; end -= entry {
		symbol := table[end-entry : end]
		if symbol[4]&0xf != object {
			continue
		}
		for _, v := range vars {
			if u64(symbol[16:]) != uint64(len(v.b)) || !hasName(text, u32(symbol), v.name) {
				continue
			}
			if err := found(v, u64(symbol[8:])); err != nil {
				return err
			}
			left--
		}
	}
	if left > 0 {
		return errNoSymbols
	}
	return nil
}

// hasName reports whether the name that begins at an offset of the table of names is this one.
func hasName(text []byte, at uint32, name string) bool {
	b := window(text, uint64(at), uint64(len(name))+1)
	return b != nil && b[len(name)] == 0 && string(b[:len(name)]) == name
}

// window returns n bytes of b, or nil if they are not there.
func window(b []byte, at, n uint64) []byte {
	if at > uint64(len(b)) || n > uint64(len(b))-at {
		return nil
	}
	return b[at : at+n]
}

func u16(b []byte) uint16 { return binary.NativeEndian.Uint16(b) }
func u32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }
func u64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }

func currentMask() (mask unix.Sigset_t) {
	unix.PthreadSigmask(unix.SIG_SETMASK, nil, &mask)
	return mask
}

// maskWord returns the first 64 signals of a set, signal 1 as the lowest bit.
func maskWord(set *unix.Sigset_t) (word uint64) {
	for s := 1; s < signalCount; s++ {
		if has(set, syscall.Signal(s)) {
			word |= 1 << (s - 1)
		}
	}
	return word
}

func setMaskWord(set *unix.Sigset_t, word uint64) {
	*set = unix.Sigset_t{}
	for s := 1; s < signalCount; s++ {
		if word&(1<<(s-1)) != 0 {
			add(set, syscall.Signal(s))
		}
	}
}
