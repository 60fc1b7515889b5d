//go:build linux || darwin

package cachedir

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// childProbes says what the breaker allows, and does what it is told on its standard input.
func childProbes() {
	d, err := Open(os.Args[1], Options{})
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	b := d.Breaker("x")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "allow":
			fmt.Println(b.Allow())
		case "failed":
			b.Failed()
			fmt.Println()
		case "succeeded":
			b.Succeeded()
			fmt.Println()
		}
	}
}

type caller struct {
	*exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

func (c *caller) does(t testing.TB, what string) string {
	t.Helper()
	_, err := fmt.Fprintln(c.in, what)
	require.NoError(t, err)
	line, err := c.out.ReadString('\n')
	require.NoError(t, err)
	return line[:len(line)-1]
}

// Of many processes one probes; when it is killed, the next.
func TestBreakerOfProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	past := time.Now().Add(-time.Hour)
	openAt(t, path, Options{Now: func() time.Time { return past }}).Breaker("x").Failed()
	var callers []*caller
	for range 6 {
		c := child(t, "probe", path)
		in, err := c.StdinPipe()
		require.NoError(t, err)
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		callers = append(callers, &caller{c, in, bufio.NewReader(out)})
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	}
	const prober, off = "true true", "false false"
	ask := func() (one int) {
		t.Helper()
		one = -1
		for i, c := range callers {
			if got := c.does(t, "allow"); got == prober {
				require.Equal(t, -1, one, "two probe")
				one = i
			} else {
				require.Equal(t, off, got)
			}
		}
		require.NotEqual(t, -1, one, "nobody probes")
		return one
	}
	first := ask()
	require.Equal(t, first, ask())
	require.NoError(t, callers[first].Process.Kill())
	_ = callers[first].Wait()
	callers = append(callers[:first], callers[first+1:]...)
	second := ask()
	callers[second].does(t, "succeeded")
	for _, c := range callers {
		require.Equal(t, "true false", c.does(t, "allow"))
	}
	callers[0].does(t, "failed")
	require.Equal(t, off, callers[1].does(t, "allow"))
}
