//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

//go:linkname arguments os.runtime_args
func arguments() []string

//go:linkname environment syscall.runtime_envs
func environment() []string

// place is where this process is found out about. Room for names is in one piece, of which mostly a page is used: the
// working directory, a path, what a link says. Each page costs as much as a look at a file.
type place struct {
	names [3 * syscall.PathMax]byte
	sight
}

// Current returns the invocation of this process; false if there is no short way for it.
func Current(args []string) (Invocation, bool) { return new(place).current(args, environment()) }

func (p *place) current(args, environ []string) (i Invocation, ok bool) {
	if len(args) < 3 || args[1] != "run" {
		return i, false
	}
	n, errno := call(syscall.SYS_GETCWD, uintptr(unsafe.Pointer(&p.names)), syscall.PathMax, 0, 0, 0)
	if errno != 0 || n < 2 || n > syscall.PathMax {
		return i, false
	}
	p.path = p.names[n : n+syscall.PathMax]
	if p.isLinked(args[0], n) {
		return i, false
	}
	exe, ok := p.identify(ownFile, Followed)
	if !ok || exe == (FileID{}) {
		return i, false
	}
	uid, _ := call(syscall.SYS_GETEUID, 0, 0, 0, 0, 0)
	return Invocation{args, environ, alias(p.names[:n-1]), uid, exe, false}, true
}

const ownFile = "/proc/self/exe"

// isLinked reports whether the program was called by a name that is not its file's: a link may stand for a command. The
// first bytes of the names are taken.
func (p *place) isLinked(name string, taken int) bool {
	if name = base(name); name == "cachex" {
		return false
	}
	if p.path.set(ownFile, "") != 0 {
		return true
	}
	taken += len(ownFile) + 1
	link := p.names[taken : taken+syscall.PathMax]
	dir := atCwd
	n, errno := call(
		syscall.SYS_READLINKAT, uintptr(dir), p.path.address(), uintptr(unsafe.Pointer(&link[0])), uintptr(len(link)),
		0,
	)
	return errno != 0 || n < 0 || n > len(link) || base(alias(link[:n])) != name
}

func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}
