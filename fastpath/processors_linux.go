//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// What a run that the short way does not answer tells the runtime, so that it starts sooner. It is told by variables,
// which are put behind those of the environment in a copy of what the kernel left on the stack, and gone before anybody
// can see them.
//
// That it has one processor: most runs have no work for a second, and with one the runtime starts 0.3 ms sooner, with
// fewer threads and pages. Whoever has work for more asks late.Processors.
//
// That there is no instruction for CRC-32C (noTables): where there is one, tables for it are made as packages are
// initialised, for a format that comes with zstd and is not used here. That takes 0.15 ms; the table that does without
// the instruction takes next to nothing.

var (
	narrowed   bool // the runtime was told of one processor
	tableless  bool // and that there is no such instruction
	handedOver [mostHanded]uintptr
)

const (
	processorsVariable = "GOMAXPROCS"
	oneProcessor       = processorsVariable + "=1\x00"
	debugVariable      = "GODEBUG"
	mostHanded         = 1024 // words: a larger environment is left as it is
)

// narrow is the address of what the runtime shall take for the arguments, environment and auxiliary vector that are on
// the stack; 0: these. What somebody has said himself is not contradicted.
func narrow(stack unsafe.Pointer, environ []string) uintptr {
	_, processors := lookup(environ, processorsVariable)
	_, debug := lookup(environ, debugVariable)
	debug = debug || noTables == ""
	if processors && debug {
		return 0
	}
	size := unsafe.Sizeof(handedOver[0])
	word := func(n int) uintptr { return *(*uintptr)(unsafe.Add(stack, uintptr(n)*size)) }
	from, to := 1, 0 // behind the number of arguments
	for ends := 0; ends < 2; from++ {
		if to >= mostHanded-2 {
			return 0
		}
		if word(from) == 0 {
			ends++
		}
		if ends == 2 && !processors {
			handedOver[to] = uintptr(unsafe.Pointer(unsafe.StringData(oneProcessor)))
			to++
		}
		if ends == 2 && !debug {
			handedOver[to] = uintptr(unsafe.Pointer(unsafe.StringData(noTables)))
			to++
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
	narrowed, tableless = !processors, !debug
	return uintptr(unsafe.Pointer(&handedOver))
}

// IsNarrow reports whether the runtime was told of one processor where there may be more.
func IsNarrow() bool { return narrowed }

// environment is what was handed over to this process, without what was added for the runtime.
func environment() []string {
	all := runtimeEnvironment()
	for _, added := range [...]bool{narrowed, tableless} {
		if added {
			all = all[:len(all)-1]
		}
	}
	return all
}

// forgetNarrow removes what the runtime was told from what others see of the environment.
func forgetNarrow() {
	if narrowed {
		_ = syscall.Unsetenv(processorsVariable)
	}
	if tableless {
		_ = syscall.Unsetenv(debugVariable)
	}
}
