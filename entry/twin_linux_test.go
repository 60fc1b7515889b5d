//go:build (amd64 || arm64) && !race && !msan && !asan

package entry

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/fastpath"
)

// told is what the other thread writes.
type told struct{ argument, deep uint64 }

var tell = func(of unsafe.Pointer) {
	t := (*told)(of)
	t.deep = descend(t.argument)
	t.argument++
}

// descend needs so much of a stack that its end is looked at, and of registers that they are kept there.
//
//go:noinline
func descend(n uint64) uint64 {
	var room [64]uint64
	for i := range room {
		room[i] = n + uint64(i)
	}
	if n == 0 {
		return room[63]
	}
	return descend(n-1) + room[n%64] - room[0]
}

// The thread that the entry makes where there is no runtime calls a function, with its argument, on a stack of its own, and is
// gone when who has made it goes on. It needs nothing of a runtime, so it can be tried where one is.
func TestTwin(t *testing.T) {
	here := (*short)(unsafe.Add(unsafe.Pointer(&area), -uintptr(unsafe.Pointer(&area))%pageOfMemory))
	require.NotZero(t, here.kernel[0], "the short way was tried")
	kernel := (*fastpath.Kernel)(unsafe.Pointer(&here.kernel))
	for range 100 {
		said := told{argument: 10}
		require.Positive(t, kernel.Start(tell, unsafe.Pointer(&said)))
		kernel.Join()
		require.Equal(t, told{argument: 11, deep: 63 + 55}, said)
		require.Zero(t, twinID)
	}
	kernel.Join() // there is none
}
