//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// populated is how much of the heap is made ready at once, in bytes. Initialising the other packages and one run use most of
// it.
const populated = 1 << 20

// populate maps what the heap is about to use, where the ordinary way goes on: one call instead of 150 page faults, each of
// which a virtual machine may pay dearly for ([M] 13 us where another machine's memory is emulated, and 8 % of an ordinary hit).
// It returns where that begins. Kernels before 5.14 refuse, and nothing is lost.
func populate() uintptr {
	const populateWrite = 23
	page := uintptr(syscall.Getpagesize())
	fresh = make([]byte, 33<<10) // so large a slice gets pages of its own, the first that are free
	at := (uintptr(unsafe.Pointer(&fresh[0])) + page - 1) &^ (page - 1)
	fresh = nil
	_, _, _ = syscall.RawSyscall(syscall.SYS_MADVISE, at, populated, populateWrite)
	return at
}

var fresh []byte // a variable, so that the slice is on the heap
