//go:build amd64 || arm64

package trace

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Nothing is kept from a call that changes directories until its thread calls again, or is gone.
func TestPlacesAreKept(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	asked := 0
	ask := func() (string, bool) { asked++; return here, true }
	child := exec.Command("cat")
	in, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	one, other := &caller{thread: os.Getpid(), begin: time.Now()}, &caller{thread: child.Process.Pid, begin: time.Now()}
	var p places
	steps := []struct {
		name string
		do   func()
		asks bool
	}{
		{"first", func() {}, true},
		{"known", func() {}, false},
		{"changed by the other", func() { p.change(other) }, true},
		{"still", func() {}, true},
		{"of itself", func() { p.called(one) }, true},
		{"that one calls", func() { p.called(other) }, true},
		{"known again", func() {}, false},
		{"changed once more", func() { p.change(other) }, true},
		{"that one is gone", func() { require.NoError(t, in.Close()); require.NoError(t, child.Wait()) }, true},
		{"known since", func() {}, false},
	}
	for _, s := range steps {
		s.do()
		before := asked
		for number, known := range p.known { // of busy machines
			known.till += time.Hour
			p.known[number] = known
		}
		path, ok := p.of(one, ask)
		require.True(t, ok)
		require.Equal(t, here, path)
		require.Equal(t, s.asks, asked > before, s.name)
	}
	p.forget()
	require.False(t, p.moved)
}

// That another program has moved a directory, which no call tells, is found at the end, or when the run moves one itself.
func TestPlacesAreMovedByOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	for name, c := range map[string]struct {
		do   func() error
		want bool
	}{
		"not":          {func() error { return nil }, false},
		"removed":      {func() error { return os.Remove(dir) }, true},
		"other there":  {func() error { return errors.Join(os.Rename(dir, dir+"2"), os.Mkdir(dir, 0o700)) }, true},
		"and put back": {func() error { return errors.Join(os.Rename(dir, dir+"3"), os.Rename(dir+"3", dir)) }, false},
	} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
		child := exec.Command("cat")
		child.Dir = dir
		in, err := child.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		var p places
		one := &caller{thread: child.Process.Pid, begin: time.Now()}
		path, ok := p.of(one, func() (string, bool) { return dir, true })
		require.True(t, ok)
		require.Equal(t, dir, path)
		require.NoError(t, c.do())
		require.False(t, p.moved)
		p.change(one)
		require.Equal(t, c.want, p.moved, name)
		require.NoError(t, in.Close())
		require.NoError(t, child.Wait())
	}
}

// A number of a thread is believed for less time than a kernel needs to give it to another.
func TestPlacesAreForgotten(t *testing.T) {
	asked := 0
	ask := func() (string, bool) { asked++; return "/proc/self/cwd", true }
	c := &caller{thread: os.Getpid(), begin: time.Now()}
	var p places
	for range 2 {
		p.of(c, ask)
		known := p.known[c.thread]
		known.till -= time.Hour
		p.known[c.thread] = known
	}
	require.Equal(t, 2, asked)
}
