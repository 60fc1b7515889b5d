//go:build amd64 || arm64

package fastpath

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// After populate all code of the program from the runtime on is mapped, also what nobody has called.
func TestPopulate(t *testing.T) {
	from, to := program()
	require.Less(t, from, to)
	_, _, errno := syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED) // as if nothing had been used yet
	require.Zero(t, errno)
	populate()
	smaps, err := os.ReadFile("/proc/self/smaps")
	require.NoError(t, err)
	code := 0
	var begin, end uintptr
	var perm string
	for line := range strings.Lines(string(smaps)) {
		var kB uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &begin, &end, &perm); n == 3 {
			continue
		}
		if n, _ := fmt.Sscanf(line, "Rss: %d kB", &kB); n == 1 && perm == "r-xp" && begin <= from && from < end && end <= to {
			code++
			require.GreaterOrEqual(t, kB<<10, end-from, "%x-%x", begin, end)
		}
	}
	require.Equal(t, 1, code)
}
