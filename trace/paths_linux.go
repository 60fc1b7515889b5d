//go:build amd64 || arm64

package trace

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// proc is the name of a file about the caller in /proc.
func (c *caller) proc(name string) string { return "/proc/" + strconv.Itoa(c.thread) + "/" + name }

// peek reads the caller's memory. If there is nothing at the address the call fails as well, and is of no interest.
func (o *observer) peek(c *caller, address uint64, b []byte) bool {
	n, err := c.read(address, b)
	o.checkPeek(c, err)
	return err == nil && n == len(b)
}

func (o *observer) checkPeek(c *caller, err error) {
	if err == unix.EPERM || err == unix.ENOSYS {
		program, _ := os.Readlink(c.proc("exe"))
		o.doubt("it does not let itself be observed", program)
	}
}

const pageSize = 4096 // or more: what is not a multiple of it is in no page's way

// read reads memory up to the end of b, or up to a page that is not there.
func (c *caller) read(address uint64, b []byte) (int, error) {
	if address == 0 {
		return 0, unix.EFAULT
	}
	c.local[0].Base = &b[0]
	c.local[0].SetLen(len(b))
	c.remote[0] = unix.RemoteIovec{Base: uintptr(address), Len: len(b)}
	parts := c.remote[:1]
	if first := pageSize - int(address%pageSize); first < len(b) {
		c.remote[0].Len = first
		c.remote[1] = unix.RemoteIovec{Base: uintptr(address) + uintptr(first), Len: len(b) - first}
		parts = c.remote[:]
	}
	return unix.ProcessVMReadv(c.thread, c.local[:], parts, 0)
}

// text reads a text that ends with a zero byte, into the caller's room for one.
func (o *observer) text(c *caller, address uint64) ([]byte, bool) {
	const usual = 256 // bytes
	b := c.argument[:]
	for have, want := 0, usual; have < len(b); want = min(want*4, len(b)) {
		n, err := c.read(address+uint64(have), b[have:want])
		if err != nil {
			o.checkPeek(c, err)
			return nil, false
		}
		if end := bytes.IndexByte(b[have:have+n], 0); end >= 0 {
			return b[:have+end], true
		}
		have += n
	}
	return nil, false // too long for the call as well
}

// path returns what an argument names, absolute; not ok: nothing that has a name, or that the call could find. dir is
// the argument with the directory's descriptor.
//
// Most paths are used many times: of one that is noted already nothing is made anew.
func (o *observer) path(c *caller, dir, arg int) (string, bool) {
	name, ok := o.text(c, c.args[arg])
	if !ok || len(name) == 0 { // what is open already, if anything
		return "", false
	}
	fd := unix.AT_FDCWD
	if dir != cwd {
		fd = int(int32(c.args[dir]))
	}
	base, ok := o.base(c, fd, name[0] == '/')
	if !ok {
		return "", false
	}
	whole := name
	if name[0] != '/' {
		c.joined = append(append(append(c.joined[:0], base...), '/'), name...)
		whole = c.joined
	}
	if u := o.seen[string(whole)]; u != nil && u.direct { // so there is nothing to leave out of the name
		o.last = u
		return u.path, true
	}
	if isClean(name) {
		return o.magic(c, string(whole))
	}
	return o.magic(c, o.clean(base, string(name)))
}

func (o *observer) absolute(c *caller, fd int, name string) (string, bool) {
	base, ok := o.base(c, fd, name[0] == '/')
	if !ok {
		return "", false
	}
	return o.magic(c, o.clean(base, name))
}

// base is what a name begins at: the path of a directory without a slash at its end, and nothing if the name begins at
// the root.
func (o *observer) base(c *caller, fd int, isAbsolute bool) (path string, ok bool) {
	if isAbsolute {
		return "", true
	}
	path, ok = o.directory(c, fd)
	return strings.TrimSuffix(path, "/"), ok
}

// directory returns the path of a directory that is open in the caller.
func (o *observer) directory(c *caller, fd int) (string, bool) {
	switch {
	case fd != unix.AT_FDCWD:
		return o.directoryAt(c, c.proc("fd/"+strconv.Itoa(fd)))
	case o.executes.shared: // a thread may have taken the number of another, and have another directory
		return o.directoryAt(c, c.proc("cwd"))
	}
	return o.places.of(c, func() (string, bool) { return o.directoryAt(c, c.proc("cwd")) })
}

func (o *observer) directoryAt(c *caller, link string) (string, bool) {
	path, err := c.readlink(link)
	switch {
	case err != nil: // not open, or the process is gone; or else it cannot be asked
		if os.IsPermission(err) {
			o.checkPeek(c, unix.EPERM)
		}
		return "", false
	case strings.HasSuffix(path, deleted) || path == "" || path[0] != '/':
		o.doubt("it uses a directory that was removed", path)
		return "", false
	}
	return path, true
}

// deleted is what the kernel adds to the path of a file that has none any more.
const deleted = " (deleted)"

// opened returns the path of a file that is open in the caller; not ok: it has none.
func (o *observer) opened(c *caller, fd int) (string, bool) {
	path, err := c.readlink(c.proc("fd/" + strconv.Itoa(fd)))
	return path, err == nil && strings.HasPrefix(path, "/") && !strings.HasSuffix(path, deleted)
}

// clean appends a name to a base without links and leaves out what is superfluous. `..` goes with what stands before
// it if that is a directory and no link.
func (o *observer) clean(base, name string) string {
	if base == "" && strings.HasPrefix(name, "/") && isClean(name) {
		return name
	}
	path, kept := base, false // a `..`
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "" || part == ".":
		case part == ".." && !kept && (len(path) <= len(base) && strings.HasPrefix(base, path) || o.isDirectory(path)):
			path = path[:max(strings.LastIndexByte(path, '/'), 0)]
		default:
			kept = kept || part == ".."
			path = strings.TrimSuffix(path, "/") + "/" + part
		}
	}
	if path == "" {
		return "/"
	}
	return path
}

// isClean tells names to which there is nothing to do: no part is empty, `.` or `..`, but the first of an absolute name
// is empty.
func isClean[T string | []byte](name T) bool {
	begin := 0 // of a part
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			continue
		}
		switch length := i - begin; {
		case length == 0 && i > 0:
			return len(name) == 1
		case length == 1 && name[begin] == '.', length == 2 && name[begin] == '.' && name[begin+1] == '.':
			return false
		}
		begin = i + 1
	}
	return len(name) > 0
}

// isDirectory reports whether a path is a directory and no link to one, and notes that this counts.
func (o *observer) isDirectory(path string) bool {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false
	}
	o.note(path, Looked|Link)
	return true
}

// mayBeMagic reports whether a path may mean another thing to each process.
func mayBeMagic(path string) bool {
	return strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/dev/")
}

// magic replaces names that mean another thing to each process by what they mean to the caller; not ok: nothing that
// has a name outside of the run.
func (o *observer) magic(c *caller, path string) (string, bool) {
	if !mayBeMagic(path) {
		return path, true
	}
	switch path {
	case "/dev/stdin":
		path = "/proc/self/fd/0"
	case "/dev/stdout":
		path = "/proc/self/fd/1"
	case "/dev/stderr":
		path = "/proc/self/fd/2"
	}
	if rest, ok := strings.CutPrefix(path, "/dev/fd/"); ok {
		path = "/proc/self/fd/" + rest
	}
	rest, ok := c.own(path)
	if !ok {
		return path, true
	}
	kind, below, _ := strings.Cut(rest, "/")
	switch kind {
	case "fd":
		number, below, more := strings.Cut(below, "/")
		fd, err := strconv.Atoi(number)
		if err != nil {
			break
		}
		file, ok := o.opened(c, fd)
		if !ok || !more {
			return file, ok
		}
		return o.clean(file, below), true
	case "cwd":
		dir, ok := o.directory(c, unix.AT_FDCWD)
		return o.clean(dir, below), ok
	case "root":
		return o.clean("", "/"+below), true
	}
	return strings.TrimSuffix("/proc/self/"+rest, "/"), true
}

// own returns what is behind the caller's own directory in /proc.
func (c *caller) own(path string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, "/proc/")
	if !ok {
		return "", false
	}
	process, rest, _ := strings.Cut(rest, "/")
	switch {
	case process == "self" || process == "thread-self":
		return rest, true
	case process == "" || process[0] < '0' || process[0] > '9':
		return "", false
	}
	return rest, exists("/proc/"+process+"/task/"+strconv.Itoa(c.thread), true)
}
