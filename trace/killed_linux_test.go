//go:build amd64 || arm64

package trace_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/entry"
)

// Whoever is left when the supervisor was killed goes on as if nothing had been: a keeper answers, also the call that
// was at hand. The command itself dies with its parent, as it does unobserved; its children do not.
func TestKilledSupervisor(t *testing.T) {
	if testing.Short() {
		t.Skip("kills many processes")
	}
	const places, steps = 200, 20
	dir := workspace(t)
	write(t, filepath.Join(dir, "in"), "hello\n")
	for n := range places {
		c, _ := elsewhere(t, nil, "sh", "-c", `(i=0; while [ $i -lt 20 ]; do cat in || echo failed; i=$((i+1)); done; echo end) & wait`)
		c.Dir, c.Stderr = dir, os.Stderr
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		lines := bufio.NewScanner(out)
		for range 1 + n%steps {
			require.True(t, lines.Scan())
			require.Equal(t, "hello", lines.Text())
		}
		spin(time.Duration(n) * 7 * time.Microsecond) // somewhere in the next step
		require.NoError(t, c.Process.Kill())
		rest := n % steps
		for lines.Scan() && lines.Text() != "end" {
			require.Equal(t, "hello", lines.Text())
			rest++
		}
		require.Equal(t, "end", lines.Text())
		require.Equal(t, steps, rest+1)
		_ = c.Wait() // the last ones may have ended before that
	}
	requireNoKeepers(t)
}

// spin lets time pass without giving the processor away.
func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// requireNoKeepers waits until all keepers and witnesses of this binary have ended.
func requireNoKeepers(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		return len(named(t, entry.Keeper))+len(named(t, entry.Stage)) == 0
	}, waitLong, waitShort)
}

// named returns the processes of this binary that have a name.
func named(t *testing.T, name string) (pids []int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range lines {
		words, _ := os.ReadFile(path) // gone by now: nothing
		exe, _ := os.Readlink(filepath.Join(filepath.Dir(path), "exe"))
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && exe == self &&
			strings.HasPrefix(string(words), name) {
			pids = append(pids, pid)
		}
	}
	return pids
}
