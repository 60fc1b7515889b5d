//go:build amd64 || arm64

package fastpath

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// The runtime gets what is on the stack, and behind the environment a variable more.
func TestNarrow(t *testing.T) {
	defer func() { narrowed = false }()
	pointers := func(texts []string) (words []uintptr) {
		for _, text := range texts {
			words = append(words, uintptr(unsafe.Pointer(unsafe.StringData(text+"\x00"))))
		}
		return append(words, 0)
	}
	auxiliary := []uintptr{33, 1 << 40, 6, 4096, 23, 0, 0, 0}
	of := func(args, environ []string) (stack []uintptr, handed uintptr) {
		stack = append([]uintptr{uintptr(len(args))}, pointers(args)...)
		stack = append(append(stack, pointers(environ)...), auxiliary...)
		narrowed = false
		return stack, narrow(unsafe.Pointer(unsafe.SliceData(stack)), environ)
	}
	for _, environ := range [][]string{nil, {"HOME=/h"}, {"", "A", "GOMAXPROC=1", "XGOMAXPROCS=2"}} {
		stack, handed := of([]string{"cachex", "run", "x"}, environ)
		require.Equal(t, uintptr(unsafe.Pointer(&handedOver)), handed)
		require.True(t, IsNarrow())
		before := 3 + 1 + len(environ)
		require.Equal(t, stack[1:1+before], handedOver[:before])
		added := unsafe.String((*byte)(unsafe.Pointer(unsafe.StringData(oneProcessor))), len(oneProcessor))
		require.Equal(t, uintptr(unsafe.Pointer(unsafe.StringData(added))), handedOver[before])
		require.Equal(t, stack[1+before:], handedOver[before+1:before+2+len(auxiliary)])
	}
	for what, environ := range map[string][]string{
		"it was said":   {"A=1", "GOMAXPROCS=3"},
		"also if empty": {"GOMAXPROCS="},
		"too many":      strings.Fields(strings.Repeat("V=1 ", mostHanded)),
		"just too many": strings.Fields(strings.Repeat("V=1 ", mostHanded-len(auxiliary)-3-1-1-1+1)),
	} {
		_, handed := of([]string{"cachex", "run", "x"}, environ)
		require.Zero(t, handed, what)
		require.False(t, IsNarrow(), what)
	}
	_, handed := of(
		[]string{"cachex", "run", "x"},
		strings.Fields(strings.Repeat("V=1 ", mostHanded-len(auxiliary)-3-1-1-1)),
	)
	require.NotZero(t, handed, "just not too many")
}
