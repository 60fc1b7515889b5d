//go:build amd64 || arm64

package fastpath

import (
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// What was populated is there before anybody has used it.
func TestPopulate(t *testing.T) {
	page := os.Getpagesize()
	there := make([]byte, populated/page)
	at := populate()
	_, _, errno := syscall.Syscall(syscall.SYS_MINCORE, at, populated, uintptr(unsafe.Pointer(&there[0])))
	require.Zero(t, errno)
	for i, b := range there {
		require.NotZero(t, b&1, "page %d", i)
	}
}
