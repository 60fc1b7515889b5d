//go:build !windows

package hashing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/probe"
)

// LookPath finds what execvp would execute, names it as execvp would, and fails as execvp would.
func TestLookPath(t *testing.T) {
	dir := t.TempDir()
	program(t, dir, "a/tool", "")
	program(t, dir, "b/tool", "")
	program(t, dir, "b/only-b", "")
	program(t, dir, "local", "")
	put(t, dir, "a/not-x", "")
	program(t, dir, "b/not-x", "")
	put(t, dir, "b/plain", "")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a/folder"), 0o755))
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "a/fifo"), 0o755))
	require.NoError(t, os.Symlink("loop", filepath.Join(dir, "a/loop")))
	require.NoError(t, os.Symlink("gone", filepath.Join(dir, "a/broken")))
	require.NoError(t, os.Symlink("tool", filepath.Join(dir, "a/linked")))
	abs := func(name string) string { return filepath.Join(dir, name) }

	const unset = "unset"
	path := abs("a") + ":" + abs("b")
	long := strings.Repeat("x", 300)
	cases := []struct {
		name, path string
		want       string // or an error:
		code       int
	}{
		{"tool", path, abs("a/tool"), 0},
		{"only-b", path, abs("b/only-b"), 0},
		{"linked", path, abs("a/linked"), 0},
		{"none", path, "", 127},
		{"", path, "", 127},
		{"broken", path, "", 127},
		{"tool", "/no/such:" + abs("local") + ":" + path, abs("a/tool"), 0}, // absent, and not a directory
		// what may not be executed is passed over, but remembered
		{"not-x", path, abs("b/not-x"), 0},
		{"plain", path, "", 126},
		{"folder", path, "", 126},
		{"fifo", path, "", 126},
		{"loop", path, "", 126},
		{long, path, "", 126},
		// an empty element is the working directory
		{"local", "", "local", 0},
		{"local", path + ":", "local", 0},
		{"local", ":" + path, "local", 0},
		{"local", path + "::/bin", "local", 0},
		{"local", ".", "./local", 0},
		{"tool", "a", "a/tool", 0},
		{"local", path, "", 127},
		// a slash: no search
		{"./local", path, "./local", 0},
		{"a/tool", "", "a/tool", 0},
		{abs("a/tool"), "", abs("a/tool"), 0},
		{"./tool", path, "", 127},
		{"./a", path, "", 126},
		{"b/plain", path, "", 126},
		{"local/x", path, "", 126},
		{"a/loop", path, "", 126},
		// without PATH the C library has its own
		{"sh", unset, "/bin/sh", 0},
		{"tool", unset, "", 127},
	}
	for _, c := range cases {
		t.Run(c.name+" in "+c.path, func(t *testing.T) {
			environ := []string{"OTHER=1", "PATH=" + c.path}
			if c.path == unset {
				environ = environ[:1]
			}
			got, err := LookPath(c.name, dir, environ)
			require.Equal(t, c.want, got)
			var notFound *NotFound
			var notExecutable *NotExecutable
			switch c.code {
			case 127:
				require.ErrorAs(t, err, &notFound)
				require.Equal(t, c.name, notFound.Name)
			case 126:
				require.ErrorAs(t, err, &notExecutable)
				require.NotEmpty(t, notExecutable.Path)
			default:
				require.NoError(t, err)
			}
		})
	}
}

// Of several files that may not be executed, the error names the one that would have been first.
func TestLookPathDenied(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a/tool", "")
	put(t, dir, "b/tool", "")
	_, err := LookPath("tool", dir, []string{"PATH=a:b"})
	require.EqualError(t, err, "a/tool: cannot execute: permission denied")
}

// The recipe names the file from the root, whatever the form in which it is executed.
func TestExecutableFact(t *testing.T) {
	dir, spec := here(t)
	program(t, dir, "local", "x")
	for _, name := range []string{"local", "./local", ".//local"} {
		spec.Argv = []string{name}
		spec.Environ = []string{"PATH=:/bin"}
		r := captured(t, spec)
		require.Equal(t, name, r.Exe)
		require.Contains(t, string(r.Text), "executable \""+dir+"/local\" sha256:")
	}
}

// A program whose content cannot be had can still be run.
func TestExecutableVanishes(t *testing.T) {
	_, spec := here(t)
	c := newCapture(spec, nil, time.Now())
	c.resolve = func(*probe.Trail, string, string, []string, ...string) (string, error) { return "gone", nil }
	r, err := c.run()
	var input *InputError
	require.ErrorAs(t, err, &input)
	require.Equal(t, "gone", r.Exe)
}

// Nor one that may be executed but not read.
func TestUnreadableExecutable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read every file")
	}
	dir, spec := here(t)
	require.NoError(t, os.Chmod(filepath.Join(dir, "bin/tool.exe"), 0o111))
	r, err := Capture(spec, nil)
	require.ErrorIs(t, err, os.ErrPermission)
	require.Equal(t, filepath.Join(dir, "bin/tool.exe"), r.Exe)
	spec.Exe = ExePath
	captured(t, spec)
}

func TestUnreadableInputs(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read every file")
	}
	dir, spec := here(t)
	put(t, dir, "d/e/f", "")
	put(t, dir, "g", "")
	require.NoError(t, os.Chmod(filepath.Join(dir, "d/e"), 0))
	require.NoError(t, os.Chmod(filepath.Join(dir, "g"), 0))
	for _, name := range []string{"g", "d/e/f", "d/e", "d", "d/**/*.x", "d/e/*"} {
		spec.Files = []string{name}
		_, err := Capture(spec, nil)
		var input *InputError
		require.ErrorAs(t, err, &input, name)
		require.ErrorIs(t, err, os.ErrPermission)
	}
	require.NoError(t, os.Chmod(filepath.Join(dir, "d/e"), 0o755))
}
