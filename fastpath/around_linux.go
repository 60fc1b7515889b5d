//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// around is room for who runs a command, and on which host.
type around struct {
	names  [6][65]byte // struct utsname
	ids    [3]uint32
	groups [mostGroups]uint32
}

const mostGroups = 256

// SumAround is the SHA-256 of what an observed run depends on that no path shows: the permissions that files are made
// without (umask), user and groups, what the kernel says of itself and of the host, and all variables of the
// environment but those that do not count, in their order. False: that cannot be told. Variables of cachex itself are
// in the address.
func SumAround(umask uint16, environ, uncounted []string) (sum [32]byte, ok bool) {
	return new(around).sum(umask, environ, uncounted)
}

func (a *around) sum(umask uint16, environ, uncounted []string) (sum [32]byte, ok bool) {
	var d digest
	d.reset()
	d.word(uint64(umask))
	if _, errno := call(syscall.SYS_UNAME, uintptr(unsafe.Pointer(&a.names)), 0, 0, 0, 0); errno != 0 {
		return sum, false
	}
	for i := range a.names {
		d.sized(textIn(a.names[i][:]))
	}
	for _, ids := range [...]uintptr{syscall.SYS_GETRESUID, syscall.SYS_GETRESGID} {
		real, effective, saved := &a.ids[0], &a.ids[1], &a.ids[2]
		_, errno := call(
			ids, uintptr(unsafe.Pointer(real)), uintptr(unsafe.Pointer(effective)), uintptr(unsafe.Pointer(saved)),
			0, 0,
		)
		if errno != 0 {
			return sum, false
		}
		d.word(uint64(*real)<<32 | uint64(*effective))
	}
	n, errno := call(syscall.SYS_GETGROUPS, uintptr(len(a.groups)), uintptr(unsafe.Pointer(&a.groups)), 0, 0, 0)
	if errno != 0 || n < 0 || n > len(a.groups) {
		return sum, false
	}
	d.word(uint64(n))
	for _, group := range a.groups[:n] {
		d.word(uint64(group))
	}
	for _, variable := range environ {
		name, value, _ := cut(variable, '=')
		switch {
		case isOwn(name) || isAmong(name, uncounted):
		case hasJobserver(name):
			d.sized(name)
			d.withoutJobserver(value)
		default:
			d.sized(variable)
		}
	}
	return d.sum(), true
}

func isAmong(name string, names []string) bool {
	for _, one := range names {
		if one == name {
			return true
		}
	}
	return false
}

// hasJobserver tells the variables by which make and cargo hand on how many processors there are to be used: through
// descriptors, or a pipe, which are others in each run.
func hasJobserver(name string) bool {
	switch name {
	case "MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS", "GNUMAKEFLAGS":
		return true
	}
	return false
}

// withoutJobserver adds the words of a value but those. Behind -- there are variables, with blanks in their values.
func (d *digest) withoutJobserver(value string) {
	variables := false
	for more := true; more; {
		var word string
		word, value, more = cut(value, ' ')
		variables = variables || word == "--"
		if variables || !isJobserver(word) {
			d.sized(word)
		}
	}
	d.word(1<<64 - 1) // no size of a word
}

func isJobserver(word string) bool {
	const begin = "--jobserver-"
	if len(word) >= len(begin) && word[:len(begin)] == begin {
		return true
	}
	if len(word) < 2 || word[:2] != "-j" {
		return false
	}
	for i := 2; i < len(word); i++ {
		if word[i] < '0' || word[i] > '9' {
			return false
		}
	}
	return true
}
