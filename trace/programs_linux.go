//go:build amd64 || arm64

package trace

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// What the kernel reads when it executes a file is in no call: the file says it.
const (
	headerSize = 256 // of a script's first line as well, BINPRM_BUF_SIZE
	mostDeep   = 5   // interpreters of interpreters
)

// executables are the programs that callers run. To ask the kernel costs as much as all else that is done for a call.
// A thread runs another one than before only by a call that is notified, or if its number was given to another thread
// meanwhile; and the kernel does not give a number again before it has given all others.
type executables struct {
	known  map[int]executable // by thread
	number map[string]int     // by path, in the order in which they were asked for
	shared bool               // one thread may have changed the program of others: nothing is known any more

	last       executable // what lastThread runs: mostly, one thread calls many times
	lastThread int        // 0: nobody
}

type executable struct {
	path   string
	number int
	till   time.Duration // until then its number belongs to the thread
}

// oneNumber is less than a kernel needs to give a number to a thread.
const oneNumber = 100 * time.Nanosecond

// of returns the program of a caller; not ok: it has ended.
func (e *executables) of(c *caller) (program executable, ok bool) {
	if e.lastThread == c.thread && c.now() < e.last.till {
		return e.last, true
	}
	if known, ok := e.known[c.thread]; ok && c.now() < known.till {
		e.last, e.lastThread = known, c.thread
		return known, true
	}
	path, err := c.readlink(c.proc("exe"))
	if err != nil {
		return program, false
	}
	if e.known == nil {
		e.known, e.number = map[int]executable{}, map[string]int{}
	}
	number, known := e.number[path]
	if !known {
		number = len(e.number)
		e.number[path] = number
	}
	program = executable{path, number, c.now() + ownNumber()}
	if !e.shared {
		e.known[c.thread] = program
	}
	return program, true
}

// forget is called when a caller is about to run another program. Its whole process does then, also what is called
// until then by other threads of it.
func (e *executables) forget(c *caller) {
	const alone = 3 // links of a directory of threads that has one entry
	var st unix.Stat_t
	if unix.Stat(c.proc("task"), &st) != nil || st.Nlink > alone {
		e.shared = true
		clear(e.known)
	}
	delete(e.known, c.thread)
	e.lastThread = 0
}

// ownNumber is how long a number belongs to a thread that has it, at least.
func ownNumber() time.Duration { return time.Duration(threadNumbers()) * oneNumber }

// threadNumbers is how many numbers the kernel gives to threads before it begins anew; 0: not known.
var threadNumbers = sync.OnceValue(func() int {
	text, _ := os.ReadFile("/proc/sys/kernel/pid_max")
	const reserved = 300 // which are given once
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return max(n-reserved, 0)
})

// execute notes a program and what it is interpreted by. The call may still fail.
func (o *observer) execute(c *caller, path string, depth int) {
	o.note(path, Read|Executed)
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Mode&0o111 == 0 {
		return
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		if unix.Access(path, unix.X_OK) == nil {
			o.doubt("its program cannot be read", path)
		}
		return
	}
	defer unix.Close(fd)
	if hasRights(fd, &st) {
		const reason = "it runs a program that has more rights than its user"
		o.add(Doubt{Reason: reason, Path: path, Altered: c.lostRights()})
	}
	header := make([]byte, headerSize)
	n, err := unix.Pread(fd, header, 0)
	if err != nil {
		return
	}
	header = header[:n]
	switch {
	case bytes.HasPrefix(header, []byte("#!")):
		o.script(c, path, header, depth)
	case bytes.HasPrefix(header, []byte("\x7fELF")):
		o.program(Program{Path: path})
		if name := elfInterpreter(fd, header); name != "" {
			if name, ok := o.absolute(c, unix.AT_FDCWD, name); ok {
				o.note(name, Read|Executed)
			}
		}
	case hasBinfmts():
		o.doubt("the kernel may run it by a program of binfmt_misc", path)
	}
}

func (o *observer) program(p Program) {
	if !slices.Contains(o.programs, p) {
		o.programs = append(o.programs, p)
	}
}

func (o *observer) script(c *caller, path string, header []byte, depth int) {
	name := interpreter(header)
	if name == "" || depth == mostDeep {
		return
	}
	name, ok := o.absolute(c, unix.AT_FDCWD, name)
	if !ok {
		return
	}
	o.program(Program{path, name})
	o.execute(c, name, depth+1)
}

// interpreter returns the first word of a script's first line.
func interpreter(header []byte) string {
	line, _, _ := bytes.Cut(header[2:], []byte("\n"))
	line = bytes.TrimLeft(line, " \t")
	if end := bytes.IndexAny(line, " \t\x00"); end >= 0 {
		line = line[:end]
	}
	return string(line)
}

// elfInterpreter returns what loads a program that was linked dynamically.
func elfInterpreter(fd int, header []byte) string {
	const class64, size, entrySize, interp = 2, 64, 56, 3
	if len(header) < size || header[4] != class64 {
		return "" // its calls are a doubt
	}
	at, count := binary.LittleEndian.Uint64(header[32:]), int(binary.LittleEndian.Uint16(header[56:]))
	table := make([]byte, count*entrySize)
	if n, err := unix.Pread(fd, table, int64(at)); err != nil || n < len(table) {
		return ""
	}
	for entry := range slices.Chunk(table, entrySize) {
		if binary.LittleEndian.Uint32(entry) != interp {
			continue
		}
		name := make([]byte, min(binary.LittleEndian.Uint64(entry[32:]), unix.PathMax))
		n, _ := unix.Pread(fd, name, int64(binary.LittleEndian.Uint64(entry[8:])))
		text, _, _ := strings.Cut(string(name[:max(n, 0)]), "\x00")
		return text
	}
	return ""
}

// hasRights reports whether a program gets rights of its file that its user does not have.
func hasRights(fd int, st *unix.Stat_t) bool {
	if st.Mode&unix.S_ISUID != 0 || st.Mode&(unix.S_ISGID|0o010) == unix.S_ISGID|0o010 {
		return true
	}
	n, err := unix.Fgetxattr(fd, "security.capability", nil)
	return err == nil && n > 0
}

// lostRights reports whether a program of a caller gets no rights of its file because it is observed.
func (c *caller) lostRights() bool {
	before, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	status, _ := os.ReadFile(c.proc("status"))
	return err == nil && before == 0 && bytes.Contains(status, []byte("\nNoNewPrivs:\t1\n"))
}

// losesRights reports whether a program would run with fewer rights if it was observed.
func losesRights(path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		var st unix.Stat_t
		return unix.Stat(path, &st) == nil && st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && hasRights(fd, &st)
}

// hasBinfmts reports whether further formats of programs are registered.
func hasBinfmts() bool {
	names, err := os.ReadDir("/proc/sys/fs/binfmt_misc")
	return err == nil && len(names) > 2 // register, status
}
