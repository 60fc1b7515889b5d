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

// place is where this process is found out about.
type place struct {
	sight
	dir, link [syscall.PathMax]byte
}

// Current returns the invocation of this process; false if there is no short way for it.
func Current(args []string) (Invocation, bool) { return new(place).current(args, environment()) }

func (p *place) current(args, environ []string) (i Invocation, ok bool) {
	if len(args) < 3 || args[1] != "run" || p.isLinked(args[0]) {
		return i, false
	}
	n, errno := call(syscall.SYS_GETCWD, uintptr(unsafe.Pointer(&p.dir)), uintptr(len(p.dir)), 0, 0, 0)
	if errno != 0 || n < 2 || n > len(p.dir) {
		return i, false
	}
	exe, ok := p.identify("/proc/self/exe", Followed)
	if !ok || exe == (FileID{}) {
		return i, false
	}
	uid, _ := call(syscall.SYS_GETEUID, 0, 0, 0, 0, 0)
	return Invocation{args, environ, alias(p.dir[:n-1]), uid, exe, false}, true
}

// isLinked reports whether the program was called by a name that is not its file's: a link may stand for a command.
func (p *place) isLinked(name string) bool {
	if name = base(name); name == "cachex" {
		return false
	}
	if p.path.set("/proc/self/exe", "") != 0 {
		return true
	}
	dir := atCwd
	n, errno := call(
		syscall.SYS_READLINKAT, uintptr(dir), p.path.address(), uintptr(unsafe.Pointer(&p.link)), uintptr(len(p.link)),
		0,
	)
	return errno != 0 || n < 0 || n > len(p.link) || base(alias(p.link[:n])) != name
}

func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}
