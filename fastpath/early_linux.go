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

// state is what the short way has. What most hits use of it lies together: each page that is touched costs as much as
// four looks at files.
var state struct {
	words  [mostTexts + maxWords]string // arguments and environment, at the end; before them texts of a memo
	found  verdict                      // what the short way came to, before the runtime or after
	early  bool                         // it was tried before the runtime
	kernel *Kernel                      // not nil: there is no Go runtime yet: no memory, interface, map or defer
	short  way
}

// large is what the short way reads into. It is apart from what has pointers: of each word among those the runtime
// makes a bit as it starts, and 16 MiB took 0.2 ms.
var large [roomSize + pageOfMemory]byte

// off turns the short way off, in a build with -ldflags "-X github.com/cachex-cli/cachex/fastpath.off=1". Tests
// compare. It is not empty otherwise, for then it would be on a page that nothing else here has need of.
var off = "no"

func isOff() bool { return len(off) != len("no") }

// maxWords is how many arguments and variables are looked at before the runtime.
const maxWords = 2048

const pageOfMemory = 4096 // bytes of the smallest

// Early tries the short way, on the stack as the kernel left it, and does not return if that was a hit. It may do
// nothing that needs the runtime. begun becomes 1 before the first byte of the output is written, handed what narrow
// says.
func Early(stack unsafe.Pointer, begun *uint32, handed *uintptr, kernel *Kernel) {
	state.early, state.kernel, state.found = true, kernel, interrupted
	args, environ, ok := wordsOf(stack)
	switch {
	case !ok:
		state.found = untried
	case len(args) < 3 || args[1] != "run" || isOff():
		state.found = nothing
	default:
		short := &state.short
		short.began = begun
		short.use(&large, state.words[:len(state.words)-len(args)-len(environ)])
		verdict := short.try(args, environ)
		if verdict == answered {
			exit(short.left.Code)
		}
		if short.gaps {
			verdict = untried // the runtime puts something into the place of closed descriptors
		}
		*handed = narrow(stack, environ)
		state.found = verdict
	}
	state.kernel = nil
}

func exit(code int) {
	for {
		_, _ = call(syscall.SYS_EXIT_GROUP, uintptr(code), 0, 0, 0, 0)
	}
}

// IsEarly reports whether the short way was tried before the runtime, and came to an end.
func IsEarly() bool { return state.early }

func init() {
	forgetNarrow()
	short := &state.short
	if state.kernel = nil; state.found == interrupted {
		state.early = false
		short.close()
	}
	if state.found == untried && !isOff() {
		short.use(&large, state.words[:])
		state.found = short.try(arguments(), environment())
	}
	i := &short.invocation
	usable, stands = state.found > interrupted && short.usable, short.stands
	files := short.memo.Files
	switch state.found {
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
	first := unsafe.Add(stack, size)
	if argc < 3 || textAt(*(**byte)(unsafe.Add(first, size))) != "run" {
		return nil, nil, true // no more is needed
	}
	n := argc
	variables := unsafe.Add(first, uintptr(argc+1)*size)
	at := variables
	for ; *(**byte)(at) != nil; at = unsafe.Add(at, size) {
		n++
	}
	if n > maxWords || isSecure(unsafe.Add(at, size)) {
		return nil, nil, false
	}
	words := state.words[len(state.words)-n:]
	args, environ = words[:argc], words[argc:]
	takeWords(args, first)
	takeWords(environ, variables)
	return args, environ, true
}

// takeWords takes the texts at the addresses that begin at a place.
func takeWords(words []string, at unsafe.Pointer) {
	for i := range words {
		words[i] = textAt(*(**byte)(at))
		at = unsafe.Add(at, unsafe.Sizeof(at))
	}
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
