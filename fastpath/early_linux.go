//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// The short way is tried before the Go runtime, from the entry of the program (package entry): a hit then costs a few
// dozen system calls, and nothing of the runtime is started. If it does not answer, what it found out is left here,
// and the runtime starts as if nothing had been. Where there is no such entry it is tried when packages are
// initialised, which is the same function, and later.

var (
	found verdict // what the short way came to, before the runtime or after
	early bool    // it was tried before the runtime
	short way
	large room             // what short reads into
	words [maxWords]string // arguments and environment

	// off turns the short way off, in a build with -ldflags "-X github.com/cachex-cli/cachex/fastpath.off=1". Tests
	// compare.
	off string
)

// maxWords is how many arguments and variables are looked at before the runtime.
const maxWords = 2048

// Early tries the short way, on the stack as the kernel left it, and does not return if that was a hit. It may do
// nothing that needs the runtime. begun becomes 1 before the first byte of the output is written, handed what narrow
// says. twin is for long lists.
func Early(stack unsafe.Pointer, begun *uint32, handed *uintptr, twin *Twin) {
	early, beforeRuntime, found = true, true, interrupted
	args, environ, ok := wordsOf(stack)
	switch {
	case !ok:
		found = untried
	case len(args) < 3 || args[1] != "run" || off != "":
		found = nothing
	default:
		short.began, short.twin = begun, twin
		short.streams, short.room = [3]int{0, 1, 2}, &large
		verdict := short.try(args, environ)
		if verdict == answered {
			exit(short.left.Code)
		}
		if short.gaps {
			verdict = untried // the runtime puts something into the place of closed descriptors
		}
		*handed = narrow(stack, environ)
		found = verdict
	}
	beforeRuntime = false
}

func exit(code int) {
	for {
		_, _ = call(syscall.SYS_EXIT_GROUP, uintptr(code), 0, 0, 0, 0)
	}
}

// IsEarly reports whether the short way was tried before the runtime, and came to an end.
func IsEarly() bool { return early }

func init() {
	forgetNarrow()
	if beforeRuntime, short.twin = false, nil; found == interrupted {
		early = false
		short.close()
	}
	if found == untried && off == "" {
		short.streams, short.room = [3]int{0, 1, 2}, &large
		found = short.try(arguments(), environment())
	}
	i := &short.invocation
	usable, stands = found > interrupted && short.usable, short.stands
	files := short.memo.Files
	switch found {
	case answered:
		syscall.Exit(short.left.Code)
	case unwritten:
		unfinished = &short.left
		fallthrough
	case knowsCall:
		remembered = &RememberedCall{*i, nil, files[:short.memo.Resolved], short.memo.Call}
	case knowsFlags:
		f := short.flags
		remembered = &RememberedCall{f, i.Args[len(f.Args):], files[:short.memo.Resolved], short.memo.Call}
	}
}

// wordsOf finds arguments and environment on the stack: their number, addresses of arguments, 0, addresses of the
// environment, 0, and what the kernel tells of itself. False: there are too many, or the program has more rights than
// its caller.
func wordsOf(stack unsafe.Pointer) (args, environ []string, ok bool) {
	const size = unsafe.Sizeof(uintptr(0))
	argc := *(*int)(stack)
	at := unsafe.Add(stack, size)
	n := 0
	for ; n < argc; n++ {
		if n == len(words) {
			return nil, nil, false
		}
		words[n] = textAt(*(**byte)(at))
		at = unsafe.Add(at, size)
	}
	args = words[:n]
	if argc < 3 || args[1] != "run" {
		return args, nil, true // no more is needed
	}
	first := n
	for at = unsafe.Add(at, size); *(**byte)(at) != nil; at = unsafe.Add(at, size) {
		if n == len(words) {
			return nil, nil, false
		}
		words[n] = textAt(*(**byte)(at))
		n++
	}
	at = unsafe.Add(at, size)
	return args, words[first:n], !isSecure(at)
}

// isSecure reports whether the kernel says so (AT_SECURE), in pairs of words that end with a pair of zeros.
func isSecure(at unsafe.Pointer) bool {
	const secure = 23
	for {
		pair := (*[2]uintptr)(at)
		switch pair[0] {
		case 0:
			return false
		case secure:
			return pair[1] != 0
		}
		at = unsafe.Add(at, unsafe.Sizeof(*pair))
	}
}

// textAt is the text that ends with a zero.
func textAt(p *byte) string {
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return unsafe.String(p, n)
}
