//go:build unix

package runner

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// doubler delivers each byte twice, and one byte late.
type doubler struct{ kept []byte }

func (d *doubler) Append(dst, piece []byte) []byte {
	for _, b := range piece {
		dst, d.kept = append(dst, d.kept...), []byte{b, b}
	}
	return dst
}

func (d *doubler) End(dst []byte) []byte { return append(dst, d.kept...) }

// What is delivered has passed the filter, to the last byte; the sink has what was written.
func TestFilter(t *testing.T) {
	for _, hold := range []*Hold{nil, {Deliver: func(Result) bool { return true }}} {
		var all sink
		out, outs := collected(t)
		result, err := Run(Command{
			Path: "/bin/sh", Argv: sh(`printf abc; echo d >&2`), Stdout: out, Pty: true, Sink: &all, Hold: hold,
			Filter: &doubler{},
		})
		require.NoError(t, err)
		require.True(t, result.Complete)
		out.Close()
		require.Equal(t, "aabbccdd\r\r\n\n", string(<-outs))
		require.Equal(t, "abcd\r\n", all.String())
	}
}

// A reader who was slow gets everything while the command says no more.
func TestFilterWaitsForRoom(t *testing.T) {
	const size = 400_000
	gate := filepath.Join(t.TempDir(), "gate")
	require.NoError(t, syscall.Mkfifo(gate, 0o600))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	done := make(chan Result, 1)
	go func() {
		defer w.Close()
		var all sink
		result, _ := Run(Command{
			Path: "/bin/sh", Argv: sh(`head -c 400000 /dev/zero | tr '\0' x; read -r _ <` + gate), Stdout: w, Pty: true,
			Sink: &all, Filter: &doubler{},
		})
		done <- result
	}()
	require.NoError(t, r.SetReadDeadline(time.Now().Add(time.Minute)))
	got, err := io.ReadAll(io.LimitReader(r, 2*size-2)) // the last byte is kept back
	require.NoError(t, err)
	require.True(t, strings.Repeat("x", 2*size-2) == string(got))
	opened, err := os.OpenFile(gate, os.O_WRONLY, 0)
	require.NoError(t, err)
	opened.Close()
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "xx", string(rest))
	require.True(t, (<-done).Complete)
}

// Who reads no more ends the command, also where the filter has something left for him.
func TestFilterForNobody(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	defer w.Close()
	result, err := Run(Command{
		Path: "/bin/sh", Argv: sh(`printf a`), Stdout: w, Pty: true, Sink: &sink{}, Filter: &doubler{},
	})
	require.NoError(t, err)
	require.ErrorIs(t, result.Cut, syscall.EPIPE)
	require.False(t, result.Complete)
}
