//go:build amd64 || arm64

package trace

import (
	"maps"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What waits for something is not waited for, nor what is gone; what another keeps from its processor is.
func TestGoesOn(t *testing.T) {
	start := func(words ...string) *threads {
		c := exec.Command(words[0], words[1:]...)
		require.NoError(t, c.Start())
		t.Cleanup(func() { c.Process.Kill(); c.Wait() })
		all := &threads{}
		all.add(c.Process.Pid)
		return all
	}
	first := func(all *threads) bool { return (&left{}).goesOn(maps.Keys(all.seen)) }
	becomes := func(want bool, look func() bool) {
		t.Helper()
		require.Eventually(t, func() bool { return look() == want }, 30*time.Second, 10*time.Millisecond)
	}
	require.False(t, first(&threads{}))
	asleep := start("sleep", "1000")
	becomes(false, func() bool { return first(asleep) })

	var allowed unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &allowed))
	n := 0
	for !allowed.IsSet(n) {
		n++
	}
	one := strconv.Itoa(n)
	const spin = "while :; do :; done"
	start("taskset", "-c", one, "sh", "-c", spin)
	starved := start("taskset", "-c", one, "chrt", "--idle", "0", "sh", "-c", spin)
	l := &left{}
	for range 3 { // also when it was looked at before
		becomes(true, func() bool { return l.goesOn(maps.Keys(starved.seen)) })
	}

	ended := start("true")
	becomes(false, func() bool { return first(ended) }) // it is a zombie until the end of the test
}

// Threads that are gone are forgotten when there are many.
func TestThreadsAreForgotten(t *testing.T) {
	all := &threads{}
	for n := range 1 << 12 {
		all.add(1<<22 + 1 + n) // more than there are numbers
	}
	all.add(os.Getpid())
	require.Equal(t, map[int]bool{os.Getpid(): true}, all.seen)
}
