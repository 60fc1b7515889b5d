//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

//go:linkname arguments os.runtime_args
func arguments() []string

//go:linkname runtimeEnvironment syscall.runtime_envs
func runtimeEnvironment() []string

// place is where this process is found out about. Room for names is in one piece, of which mostly the first part of a
// page is used: the working directory, a path, what a link says.
type place struct {
	sight
	names [3 * syscall.PathMax]byte
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
	exe, ok := p.identify(alias(ownFile), Followed)
	if !ok || exe.Mode == 0 {
		return i, false
	}
	dir := alias(p.names[:n-1])
	if p.hasOtherName(dir, environ) {
		return i, false
	}
	uid, _ := call(syscall.SYS_GETEUID, 0, 0, 0, 0, 0)
	return Invocation{args, environ, dir, uid, exe, false}, true
}

// hasOtherName reports whether PWD gives the working directory another name, as one that was reached by a link has: the
// ordinary way goes by that. Who starts a program elsewhere often leaves PWD as it was; then it says nothing.
func (p *place) hasOtherName(dir string, environ []string) bool {
	for _, variable := range environ {
		name, other, _ := cut(variable, '=')
		if name != "PWD" || same(other, dir) || other == "" || other[0] != '/' {
			continue
		}
		there, ok := p.identify(other, Followed)
		here, readable := p.identify(".", Followed)
		if !ok || !readable || there.Dev == here.Dev && there.Ino == here.Ino {
			return true
		}
	}
	return false
}

// isLinked reports whether the program was called by a name that is not its file's: a link may stand for a command. The
// first bytes of the names are taken.
func (p *place) isLinked(name string, taken int) bool {
	if name = base(name); name == "cachex" {
		return false
	}
	if p.path.set(alias(ownFile), "") != 0 {
		return true
	}
	taken += len(ownFile) + 1
	link := p.names[taken : taken+syscall.PathMax]
	dir := atCwd
	n, errno := call(
		syscall.SYS_READLINKAT, uintptr(dir), p.path.address(), uintptr(unsafe.Pointer(&link[0])), uintptr(len(link)),
		0,
	)
	return errno != 0 || n < 0 || n > len(link) || !same(base(alias(link[:n])), name)
}

func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}
