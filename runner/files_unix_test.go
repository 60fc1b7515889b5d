//go:build unix

package runner

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestSameFile(t *testing.T) {
	dir := t.TempDir()
	create := func(name string) *os.File {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	open := func(path string) *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	_, other, err := os.Pipe()
	require.NoError(t, err)
	master, tty, err := pty.Open()
	require.NoError(t, err)
	closed := create("closed")
	closed.Close()
	for _, c := range []struct {
		name string
		a, b *os.File
		same bool
	}{
		{"a file twice", create("a"), create("a"), true},
		{"two files", create("a"), create("b"), false},
		{"a pipe", w, w, true},
		{"both ends", w, r, true},
		{"two pipes", w, other, false},
		{"a terminal twice", tty, open(tty.Name()), true},
		{"a terminal and a file", tty, create("a"), false},
		{"the null device", open(os.DevNull), open(os.DevNull), false},
		{"closed", closed, closed, false},
		{"nil", nil, nil, false},
	} {
		require.Equal(t, c.same, SameFile(c.a, c.b), c.name)
	}
	master.Close()
}

func TestInputWaiting(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) *os.File {
		f, err := os.CreateTemp(dir, "")
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		_, err = f.WriteString(text)
		require.NoError(t, err)
		_, err = f.Seek(0, 0)
		require.NoError(t, err)
		return f
	}
	empty, _, err := os.Pipe()
	require.NoError(t, err)
	full, w, err := os.Pipe()
	require.NoError(t, err)
	w.WriteString("x")
	ended, w, err := os.Pipe()
	require.NoError(t, err)
	w.Close()
	read := file("x")
	_, err = read.Seek(0, 2)
	require.NoError(t, err)
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	folder, err := os.Open(dir)
	require.NoError(t, err)
	master, tty, err := pty.Open()
	require.NoError(t, err)
	defer master.Close()
	master.WriteString("typed\n")
	for name, c := range map[string]struct {
		f    *os.File
		want bool
	}{
		"file":      {file("x"), true},
		"empty":     {file(""), false},
		"read":      {read, false},
		"pipe":      {empty, false},
		"full pipe": {full, true},
		"ended":     {ended, false},
		"null":      {null, false},
		"directory": {folder, false},
		"terminal":  {tty, false},
		"nil":       {nil, false},
	} {
		require.Equal(t, c.want, InputWaiting(c.f), name)
	}
	// Nothing was taken.
	b := make([]byte, 1)
	n, err := full.Read(b)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestIsTerminal(t *testing.T) {
	master, tty, err := pty.Open()
	require.NoError(t, err)
	defer master.Close()
	require.True(t, IsTerminal(tty))
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	require.False(t, IsTerminal(null))
	require.False(t, IsTerminal(nil))
}
