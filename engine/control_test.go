package engine

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allocated is how many bytes f takes from the heap in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Four times the lines cost four times as much, or a little more. (Copying what was parsed before with each line:
// sixteen times.)
func TestControlFileOfManyLines(t *testing.T) {
	for _, line := range []string{
		"vary-file=f%d", "vary-env=V%d", "tag=t%d", "cachex-nested-begins %d", `cachex-nested {"id":"%d"}`,
		"unknown %d",
	} {
		cost := func(lines int) uint64 {
			var text strings.Builder
			for i := range lines {
				fmt.Fprintf(&text, line+"\n", i)
			}
			return allocated(func() { parseDirectives([]byte(text.String())) })
		}
		require.Less(t, cost(16000), 8*cost(4000), line)
	}
}

// What is named more than once, and what the caller named already, is learned once or not at all.
func TestControlFileNamesOnce(t *testing.T) {
	d := parseDirectives([]byte("vary-env=B,A\nvary-file=f\nvary-env=A\nvary-file=f\n"))
	require.Equal(t, []string{"B", "A", "A"}, d.learned.Env)
	l := d.learned.With(d.learned)
	require.Equal(t, []string{"A", "B"}, l.Env)
	require.Equal(t, []string{"f"}, l.Files)
	require.True(t, l.Covers(d.learned))
	require.False(t, l.Without(l).Covers(l))
}
