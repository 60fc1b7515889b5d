//go:build amd64 || arm64

package fastpath

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	madeMaking = "pending/0123456789abcdef."
	madeSays   = "fixed \"p \\\"obj/x.o\\\"\"\n"
)

// makes changes the memo into one of a hit with files: obj/x.o and x.d, of a command that has read in and header.
func (w *world) makes(t *testing.T) {
	state.kernel, w.way.began = &Kernel{Call: rawCall}, new(uint32)
	t.Cleanup(func() { state.kernel = nil })
	t.Chdir(w.home)
	for _, dir := range []string{w.path("pending"), "obj"} {
		require.NoError(t, os.Mkdir(dir, 0o700))
	}
	w.sees(t, "")
	object := strings.Repeat("object ", 20_000) // more than is copied at once
	w.write("entries/ab/abcd.body", w.body+object+"x.o: in\n")
	from, to := int64(len(w.body)), int64(len(w.body)+len(object))
	m := &w.memo
	m.Code = 0
	m.Made = &Made{
		Umask: umask(), Strays: "pending/strays", Making: madeMaking, Says: madeSays,
		Beside: "entries/ab/abcd.body", Size: to + 8, Printed: Part{To: from, Sum: Sum64([]byte(w.body))},
		Files: []MadeFile{
			{"obj/x.o", 0o640, Part{From: from, To: to, Sum: Sum64([]byte(object))}},
			{"x.d", 0o600, Part{From: to, To: to + 8, Sum: Sum64([]byte("x.o: in\n"))}},
		},
	}
	w.remember(w.args)
}

// pending lists what is in that directory.
func (w *world) pending() (names []string) {
	all, err := os.ReadDir(w.path("pending"))
	require.NoError(w.t, err)
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func TestWayPutsFiles(t *testing.T) {
	w := newWorld(t)
	w.makes(t)
	requireThereAndBack(t, w.memo)
	found, stdout, stderr := w.try()
	require.Equal(t, answered, found)
	require.Equal(t, "out\nmore\n", stdout)
	require.Equal(t, "err\n", stderr)
	for name, want := range map[string]string{"obj/x.o": strings.Repeat("object ", 20_000), "x.d": "x.o: in\n"} {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, want, string(b))
	}
	fi, err := os.Stat("obj/x.o")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), fi.Mode())
	require.Empty(t, w.pending())

	found, stdout, _ = w.try() // what is there is compared, which is not for the short way
	require.Equal(t, knowsCall, found)
	require.Empty(t, stdout)
	require.True(t, w.way.stands)
	require.NoError(t, os.Chmod("header", 0o400))
	found, _, _ = w.try()
	require.Equal(t, knowsCall, found)
	require.False(t, w.way.stands)
}

// Where anything is another, nothing is put in place, and nothing is left.
func TestWayPutsNothing(t *testing.T) {
	for what, change := range map[string]func(w *world){
		"an input": func(w *world) { require.NoError(t, os.WriteFile("in", []byte("others"), 0o600)) },
		"a header": func(w *world) {
			require.NoError(t, os.Chtimes("header", time.Time{}, time.Unix(1, 0)))
		},
		"it goes": func(w *world) { require.NoError(t, os.Remove("header")) },
		"it is a directory": func(w *world) {
			require.NoError(t, os.Remove("header"))
			require.NoError(t, os.Mkdir("header", 0o700))
		},
		"more was learned":  func(w *world) { w.write("entries/ab/first", "redirect and more than that") },
		"the redirect":      func(w *world) { w.flip("entries/ab/first", 0) },
		"no redirect":       func(w *world) { require.NoError(t, os.Remove(w.path("entries/ab/first"))) },
		"a hit that died":   func(w *world) { w.write("pending/strays", "") },
		"what it holds":     func(w *world) { w.flip("entries/ab/abcd.body", 70_000) },
		"its last byte":     func(w *world) { w.flip("entries/ab/abcd.body", -1) },
		"what is printed":   func(w *world) { w.flip("entries/ab/abcd.body", 0) },
		"it is shorter":     func(w *world) { require.NoError(t, os.Truncate(w.path("entries/ab/abcd.body"), 20)) },
		"somebody's file":   func(w *world) { require.NoError(t, os.WriteFile("x.d", []byte("mine"), 0o600)) },
		"a link to nothing": func(w *world) { require.NoError(t, os.Symlink("nowhere", "x.d")) },
		"no directory":      func(w *world) { require.NoError(t, os.Remove("obj")) },
		"one that leads out": func(w *world) {
			require.NoError(t, os.Remove("obj"))
			require.NoError(t, os.Symlink("/tmp", "obj"))
		},
		"one by another name": func(w *world) {
			require.NoError(t, os.Rename("obj", "other"))
			require.NoError(t, os.Symlink("other", "obj"))
		},
		"nowhere to say it": func(w *world) { require.NoError(t, os.Remove(w.path("pending"))) },
		"no directory to say it in": func(w *world) {
			w.memo.Made.Making = "0123456789abcdef."
			w.remember(w.args)
		},
		"somebody is strange": func(w *world) { require.NoError(t, os.Mkdir(w.path(madeMaking+"1.making"), 0o700)) },
		"the umask": func(w *world) {
			mask := syscall.Umask(0o027)
			t.Cleanup(func() { syscall.Umask(mask) })
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.makes(t)
			change(w)
			before, open := w.tree(), w.descriptors()
			found, stdout, stderr := w.try()
			require.Equal(t, knowsCall, found)
			require.Empty(t, stdout+stderr)
			require.Equal(t, open, w.descriptors())
			require.Equal(t, before, w.tree())
		})
	}
}

// tree lists all that is there.
func (w *world) tree() (names []string) {
	require.NoError(w.t, filepath.WalkDir(w.home, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	}))
	return names
}

// Who makes files in the same directory is told: if he has said something, and lives. Others are nobody's business.
func TestWayTellsOthers(t *testing.T) {
	w := newWorld(t)
	w.makes(t)
	for _, name := range []string{"alive", "new", "dead"} {
		w.write(madeMaking+name+".making", "fixed \"\"\n")
	}
	w.write("pending/other.making", "fixed \"\"\n")
	require.NoError(t, os.Truncate(w.path(madeMaking+"new.making"), 0))
	for _, name := range []string{"alive", "new"} {
		f, err := os.Open(w.path(madeMaking + name + ".making"))
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	}
	found, _, _ := w.try()
	require.Equal(t, answered, found)
	begin := strings.TrimPrefix(madeMaking, "pending/")
	require.Equal(t, []string{begin + "alive.making", begin + "new.making", "other.making"}, w.pending())
	b, err := os.ReadFile(w.path(madeMaking + "alive.making"))
	require.NoError(t, err)
	require.Regexp(t, `^fixed ""\nmet 0123456789abcdef\.[0-9a-f]{16}\.making fixed "p \\"obj/x\.o\\""\n$`, string(b))
	for _, name := range []string{madeMaking + "new.making", "pending/other.making"} {
		b, err = os.ReadFile(w.path(name))
		require.NoError(t, err)
		require.NotContains(t, string(b), "met")
	}
}

// rawCall is what the entry has for calls, in Go.
func rawCall(trap, a, b, c, d, e uintptr) uintptr {
	n, _, errno := syscall.RawSyscall6(trap, a, b, c, d, e, 0)
	if errno != 0 {
		return -uintptr(errno)
	}
	return n
}

// Only where there is no other thread yet may the short way make files.
func TestWayPutsNothingBesideTheRuntime(t *testing.T) {
	w := newWorld(t)
	w.makes(t)
	state.kernel = nil
	found, _, _ := w.try()
	require.Equal(t, knowsCall, found)
}
