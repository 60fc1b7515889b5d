//go:build (amd64 || arm64) && (race || msan || asan)

package entry

import (
	"unsafe"

	"github.com/cachex-cli/cachex/fastpath"
)

// early is nil, and the short way is not tried. The entry has the address of code of fastpath all the same.
//
//lint:ignore U1000 the entry alone uses it
var early func(stack unsafe.Pointer, begun *uint32, handed *uintptr, kernel *fastpath.Kernel)
