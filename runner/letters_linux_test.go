//go:build amd64 || arm64

package runner

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() { roles["letters"] = playLetters }

// playLetters lends signals to a command, sends itself each of them many times, while other threads are in a call or
// compute, and tells how often each came, and what caught it.
func playLetters([]string) {
	stop := make(chan struct{})
	defer close(stop)
	for range 2 {
		go func() {
			for n := uint64(1); ; n = n*3 + 1 {
				select {
				case <-stop:
					return
				default:
				}
				if n%1024 < 2 {
					runtime.Gosched()
				}
			}
		}()
	}
	pass := &passer{}
	signals.lend(pass)
	fmt.Println("box", signals.box.caught, "os/signal", signals.wanted)
	const each = 50
	for i := range each {
		for _, s := range interruptions() {
			before := len(pass.unused())
			_ = unix.Kill(os.Getpid(), s.(syscall.Signal))
			for signals.settle(); len(pass.unused()) == before; signals.settle() {
				runtime.Gosched() // another thread has got it, and is about to say so
			}
			if came := pass.unused()[before:]; len(came) != 1 || came[0] != s {
				fmt.Println("the", i, s, "came as", came)
				return
			}
		}
	}
	fmt.Println("all came")
}

func lettersIn(t *testing.T, block, limit string) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `ulimit -n $1; exec "$0" "$0"`, self, limit)
	cmd.Env = append(os.Environ(), roleVar+"=masked", "TEST_BLOCK="+block, "TEST_ROLE=letters")
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

// Each signal that is sent comes once, whichever thread got it. What was blocked at the start, and all where descriptors
// are few, is left to os/signal, which unblocks it.
func TestLetters(t *testing.T) {
	const all = "interrupt terminated hangup quit"
	require.Equal(t, "box ["+all+"] os/signal []\nall came\n", lettersIn(t, "", "1000"))
	require.Equal(t, "box [] os/signal ["+all+"]\nall came\n", lettersIn(t, "", "40"))
	require.Equal(t, "box [interrupt hangup quit] os/signal [terminated]\nall came\n", lettersIn(t, "15", "1000"))
}
