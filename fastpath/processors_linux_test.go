//go:build amd64 || arm64

package fastpath

import (
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// The runtime gets what is on the stack, and behind the environment what it is told.
func TestNarrow(t *testing.T) {
	defer func() { narrowed, tableless = false, false }()
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
		narrowed, tableless = false, false
		return stack, narrow(unsafe.Pointer(unsafe.SliceData(stack)), environ)
	}
	textAt := func(at uintptr) string {
		for _, text := range []string{oneProcessor, noTables} {
			if at == uintptr(unsafe.Pointer(unsafe.StringData(text))) {
				return text
			}
		}
		return ""
	}
	for _, c := range []struct {
		environ []string
		told    []string
	}{
		{nil, []string{oneProcessor, noTables}},
		{[]string{"HOME=/h"}, []string{oneProcessor, noTables}},
		{[]string{"", "A", "GOMAXPROC=1", "XGOMAXPROCS=2", "GODEBUGS=1"}, []string{oneProcessor, noTables}},
		{[]string{"A=1", "GOMAXPROCS=3"}, []string{noTables}},
		{[]string{"GOMAXPROCS="}, []string{noTables}},
		{[]string{"GODEBUG=cpu.avx2=off"}, []string{oneProcessor}},
		{[]string{"GODEBUG="}, []string{oneProcessor}},
		{[]string{"GODEBUG=", "GOMAXPROCS=1"}, nil},
	} {
		told := slices.DeleteFunc(c.told, func(text string) bool { return text == "" })
		stack, handed := of([]string{"cachex", "run", "x"}, c.environ)
		require.Equal(t, slices.Contains(told, oneProcessor), IsNarrow())
		require.Equal(t, noTables != "" && slices.Contains(told, noTables), tableless)
		if len(told) == 0 {
			require.Zero(t, handed)
			continue
		}
		require.Equal(t, uintptr(unsafe.Pointer(&handedOver)), handed)
		before := 3 + 1 + len(c.environ)
		require.Equal(t, stack[1:1+before], handedOver[:before])
		for i, text := range told {
			require.Equal(t, text, textAt(handedOver[before+i]), "%q", c.environ)
		}
		rest := stack[1+before:]
		require.Equal(t, rest, handedOver[before+len(told):before+len(told)+len(rest)])
	}
	added := len([]string{oneProcessor, noTables}[:1+min(len(noTables), 1)])
	most := mostHanded - len(auxiliary) - 3 - 1 - 1 - added
	many := func(n int) []string { return strings.Fields(strings.Repeat("V=1 ", n)) }
	for what, environ := range map[string][]string{"too many": many(mostHanded), "just too many": many(most + 1)} {
		_, handed := of([]string{"cachex", "run", "x"}, environ)
		require.Zero(t, handed, what)
		require.False(t, IsNarrow(), what)
	}
	_, handed := of([]string{"cachex", "run", "x"}, many(most))
	require.NotZero(t, handed, "just not too many")
}

// What the runtime was told is not in the environment that memos are made by.
func TestEnvironmentIsAsItWas(t *testing.T) {
	defer func() { narrowed, tableless = false, false }()
	all := runtimeEnvironment()
	require.GreaterOrEqual(t, len(all), 2)
	for added, told := range [][2]bool{{false, false}, {true, false}, {true, true}} {
		narrowed, tableless = told[0], told[1]
		require.Equal(t, all[:len(all)-added], environment())
	}
}
