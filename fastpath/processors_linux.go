//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// A run that the short way does not answer starts a runtime that knows of one processor: most have no work for a
// second, and with one the runtime starts 0.3 ms sooner, with fewer threads and pages. It is told by a variable, which
// is put behind those of the environment in a copy of what the kernel left on the stack, and gone before anybody can
// see it. Whoever has work for more asks late.Processors.

var (
	narrowed   bool // the runtime was told so
	handedOver [mostHanded]uintptr
)

const (
	processorsVariable = "GOMAXPROCS"
	oneProcessor       = processorsVariable + "=1\x00"
	mostHanded         = 1024 // words: a larger environment is left as it is
)

// narrow is the address of what the runtime shall take for the arguments, environment and auxiliary vector that are on
// the stack; 0: these. Who has said how many processors are to be used is not contradicted.
func narrow(stack unsafe.Pointer, environ []string) uintptr {
	if _, said := lookup(environ, processorsVariable); said {
		return 0
	}
	size := unsafe.Sizeof(handedOver[0])
	word := func(n int) uintptr { return *(*uintptr)(unsafe.Add(stack, uintptr(n)*size)) }
	from, to := 1, 0 // behind the number of arguments
	for ends := 0; ends < 2; from++ {
		if to == mostHanded-1 {
			return 0
		}
		if word(from) == 0 {
			if ends++; ends == 2 {
				handedOver[to] = uintptr(unsafe.Pointer(unsafe.StringData(oneProcessor)))
				to++
			}
		}
		handedOver[to] = word(from)
		to++
	}
	for ; ; from, to = from+2, to+2 {
		if to > mostHanded-2 {
			return 0
		}
		handedOver[to], handedOver[to+1] = word(from), word(from+1)
		if word(from) == 0 {
			break
		}
	}
	narrowed = true
	return uintptr(unsafe.Pointer(&handedOver))
}

// IsNarrow reports whether the runtime was told of one processor where there may be more.
func IsNarrow() bool { return narrowed }

// environment is what was handed over to this process, without what was added for the runtime.
func environment() []string {
	all := runtimeEnvironment()
	if narrowed {
		return all[:len(all)-1]
	}
	return all
}

// forgetNarrow removes what the runtime was told from what others see of the environment.
func forgetNarrow() {
	if narrowed {
		_ = syscall.Unsetenv(processorsVariable)
	}
}
