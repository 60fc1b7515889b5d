//go:build (amd64 || arm64) && !race && !msan && !asan

package entry

import (
	"unsafe"

	"github.com/cachex-cli/cachex/fastpath"
)

// early is what the entry calls before the runtime. It has the address of a Go function, because a call by name goes
// through a wrapper that looks for a goroutine. What a race detector adds to functions needs the runtime.
//
//lint:ignore U1000 the entry alone uses it
var early func(stack unsafe.Pointer, begun *uint32, handed *uintptr, kernel *fastpath.Kernel) = fastpath.Early
