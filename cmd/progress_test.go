//go:build unix

package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
)

// What takes longer than a second says at a terminal how far it is, and takes that away again; elsewhere it is silent.
func TestProgress(t *testing.T) {
	person, terminal, err := pty.Open()
	require.NoError(t, err)
	defer person.Close()
	defer terminal.Close()
	r, pipe, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	say := func(stderr *os.File, before time.Duration) {
		w := watch(&App{Process: call.Process{Stderr: stderr}}, "checking")
		w.begun = time.Now().Add(-before)
		w.Done(cachedir.Parts / 2)
		w.end()
		_, _ = stderr.WriteString("end")
	}
	read := func(f *os.File) string {
		b := make([]byte, 200)
		n := 0
		for n < 3 || string(b[n-3:n]) != "end" {
			m, err := f.Read(b[n:])
			require.NoError(t, err)
			n += m
		}
		return string(b[:n])
	}
	say(terminal, 2*time.Second)
	const text = "cachex: checking: 50 %"
	require.Equal(t, fmt.Sprintf("\r%s\r%*s\rend", text, len(text), ""), read(person))
	say(terminal, 0)
	require.Equal(t, "end", read(person))
	say(pipe, 2*time.Second)
	require.Equal(t, "end", read(r))
}

// Ctrl-C ends a pass, and once only: the second one is for the process. It is tried in a process of its own, for calls of
// other tests die of Ctrl-C, as they should.
func TestCtrlCEndsAPass(t *testing.T) {
	const alone = "TEST_ALONE"
	if os.Getenv(alone) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestCtrlCEndsAPass$")
		c.Env = append(os.Environ(), alone+"=1")
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	w := watch(&App{}, "checking")
	defer w.end()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGINT))
	<-w.Context.Done()
	dir, err := cachedir.Open(t.TempDir(), cachedir.Options{})
	require.NoError(t, err)
	defer dir.Close()
	require.True(t, wasInterrupted(w.Walk(dir, func(cachedir.EntryInfo) error { return nil })))
}

func TestHowFarAPurgeCame(t *testing.T) {
	require.Equal(t, "nothing is purged", howFar(0, context.Canceled))
	require.Equal(t, "purged 1 entry; the others are as they were", howFar(1, context.Canceled))
	require.Equal(t, "no result is valid any more, but of their files only those of 0 entries are removed",
		howFar(0, errors.Join(errForgotten, context.Canceled)))
}
