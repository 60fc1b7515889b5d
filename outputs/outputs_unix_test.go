//go:build unix

package outputs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/hashing"
)

// place is a working directory.
type place struct {
	t    testing.TB
	path string
	root *Tree
}

func newPlace(t testing.TB) *place {
	t.Helper()
	path := filepath.Join(t.TempDir(), "work")
	require.NoError(t, os.Mkdir(path, 0o755))
	tree, err := OpenTree(path, nil)
	require.NoError(t, err)
	t.Cleanup(tree.Close)
	return &place{t, path, tree}
}

func (p *place) at(name string) string { return filepath.Join(p.path, name) }

// put makes a file, and its directories.
func (p *place) put(name, text string, perm fs.FileMode) {
	p.t.Helper()
	require.NoError(p.t, os.MkdirAll(filepath.Dir(p.at(name)), 0o755))
	require.NoError(p.t, os.WriteFile(p.at(name), []byte(text), 0o600))
	require.NoError(p.t, os.Chmod(p.at(name), perm))
}

func (p *place) link(name, target string) {
	p.t.Helper()
	require.NoError(p.t, os.Symlink(target, p.at(name)))
}

// state is all that there is, with what it holds.
func (p *place) state() string {
	p.t.Helper()
	var all strings.Builder
	require.NoError(p.t, filepath.WalkDir(p.path, func(path string, d fs.DirEntry, err error) error {
		require.NoError(p.t, err)
		fi, err := d.Info()
		require.NoError(p.t, err)
		name, _ := filepath.Rel(p.path, path)
		fmt.Fprintf(&all, "%s %v", name, fi.Mode())
		switch {
		case fi.Mode().IsRegular():
			b, err := os.ReadFile(path)
			require.NoError(p.t, err)
			fmt.Fprintf(&all, " %q", b)
		case fi.Mode()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			fmt.Fprintf(&all, " to %s", target)
		}
		all.WriteByte('\n')
		return nil
	}))
	return all.String()
}

// set is what was found and stored.
type set struct {
	list     []byte
	contents []byte
}

func (p *place) find(patterns ...string) (set, error) {
	f := Finder{Tree: p.root}
	files, err := f.Find(patterns, nil)
	if err != nil {
		return set{}, err
	}
	var w bytes.Buffer
	if err := f.Write(files, &w); err != nil {
		return set{}, err
	}
	require.Equal(p.t, int64(w.Len()), Total(files))
	return set{Encode(files), w.Bytes()}, nil
}

func (p *place) found(patterns ...string) set {
	p.t.Helper()
	s, err := p.find(patterns...)
	require.NoError(p.t, err)
	return s
}

// names lists what was found.
func (s set) names(t testing.TB) (names []string) {
	t.Helper()
	files, err := Decode(s.list, int64(len(s.contents)))
	require.NoError(t, err)
	for _, f := range files {
		names = append(names, f.Name)
	}
	return names
}

func (p *place) restorer(l Ledger) *Restorer {
	return &Restorer{Tree: p.root, Digest: hashing.FileDigests(nil), Ledger: l}
}

func (p *place) restore(s set) error {
	files, err := Decode(s.list, int64(len(s.contents)))
	if err != nil {
		return err
	}
	return p.restorer(nil).Restore(files, bytes.NewReader(s.contents))
}

// tree makes one of each kind.
func (p *place) tree() {
	p.put("a.o", "object", 0o644)
	p.put("out/run", "program", 0o755)
	p.put("out/deep/secret", "s", 0o600)
	p.put("out/empty", "", 0o444)
	p.put("out/new\nline", "n", 0o640)
	require.NoError(p.t, os.Mkdir(p.at("out/nothing"), 0o711))
	p.link("out/l", "deep/secret")
	p.link("out/gone", "not-there")
	require.NoError(p.t, os.Chmod(p.at("out/deep"), 0o555))
	p.t.Cleanup(func() { _ = os.Chmod(p.at("out/deep"), 0o755) })
}

func TestRestoredAsItWas(t *testing.T) {
	p := newPlace(t)
	p.tree()
	want := p.state()
	s := p.found("a.o", "out/")
	require.NoError(t, os.Chmod(p.at("out/deep"), 0o755))
	require.NoError(t, os.RemoveAll(p.at("out")))
	require.NoError(t, os.Remove(p.at("a.o")))
	require.NoError(t, p.restore(s))
	require.Equal(t, want, p.state())
}

// What is named absolutely comes back where it was, and its directories with it. No link leads out of the directory in
// which the pattern begins.
func TestAbsoluteNames(t *testing.T) {
	elsewhere := newPlace(t)
	elsewhere.tree()
	patterns := []string{elsewhere.at("out") + "/", elsewhere.at("*.o"), "x"}
	open := func() *place {
		p := newPlace(t)
		tree, err := OpenTree(p.path, patterns)
		require.NoError(t, err)
		t.Cleanup(tree.Close)
		return &place{t, p.path, tree}
	}
	p := open()
	p.put("x", "local", 0o644)
	want := elsewhere.state()
	s := p.found(patterns...)
	require.NoError(t, os.Chmod(elsewhere.at("out/deep"), 0o755))
	require.NoError(t, os.RemoveAll(elsewhere.path))
	p = open() // the nearest directory that is there
	require.NoError(t, p.restore(s))
	require.Equal(t, want, elsewhere.state())
	require.FileExists(t, p.at("x"))

	require.NoError(t, os.Remove(elsewhere.at("a.o")))
	require.NoError(t, os.RemoveAll(elsewhere.at("out/empty")))
	outside := t.TempDir()
	require.NoError(t, os.Rename(elsewhere.at("out"), filepath.Join(outside, "out")))
	elsewhere.link("out", filepath.Join(outside, "out"))
	err := open().restore(s)
	require.ErrorContains(t, err, "out: it would be a directory, and there is a link")
	require.NoFileExists(t, filepath.Join(outside, "out/empty"))
	require.NoFileExists(t, elsewhere.at("a.o"))

	require.NoError(t, os.Remove(elsewhere.at("out")))
	require.NoError(t, os.Mkdir(elsewhere.at("out"), 0o755))
	elsewhere.link("out/l", "../../up")
	_, err = open().find(patterns...)
	require.ErrorContains(t, err, "it is a link that leads out of "+elsewhere.path+", to ../../up")

	files, err := Decode(s.list, int64(len(s.contents)))
	require.NoError(t, err)
	files = append([]File{{Name: "/etc/cachex-nobody-named-this", Kind: Directory, Perm: 0o755}}, files...)
	require.ErrorIs(t, open().restorer(nil).Restore(files, bytes.NewReader(s.contents)), errNowhere)
}

// What is right already is not touched, and the rest is replaced, so that who has it open, or by another name, keeps
// the old one with its mode.
func TestOnlyWhatIsWrongIsWritten(t *testing.T) {
	p := newPlace(t)
	p.put("same", "same", 0o644)
	p.put("other", "before", 0o644)
	p.put("mode", "mode", 0o644)
	s := p.found("same", "other", "mode")
	old := time.Now().Add(-time.Hour)
	inode := func(name string) any {
		fi, err := os.Stat(p.at(name))
		require.NoError(t, err)
		return fi.Sys().(*syscall.Stat_t).Ino
	}
	p.put("other", "longer than before", 0o644)
	require.NoError(t, os.Chmod(p.at("mode"), 0o600))
	inodes := map[string]any{}
	for _, name := range []string{"same", "other", "mode"} {
		require.NoError(t, os.Chtimes(p.at(name), old, old))
		inodes[name] = inode(name)
	}
	open, err := os.Open(p.at("other"))
	require.NoError(t, err)
	defer open.Close()
	require.NoError(t, p.restore(s))
	for name, kept := range map[string]bool{"same": true, "other": false, "mode": false} {
		fi, err := os.Stat(p.at(name))
		require.NoError(t, err)
		require.Equal(t, kept, inode(name) == inodes[name], name)
		require.Equal(t, kept, fi.ModTime().Equal(old), name)
		require.Equal(t, fs.FileMode(0o644), fi.Mode(), name)
	}
	b, err := io.ReadAll(open)
	require.NoError(t, err)
	require.Equal(t, "longer than before", string(b))
	b, err = os.ReadFile(p.at("other"))
	require.NoError(t, err)
	require.Equal(t, "before", string(b))
}

func TestTimes(t *testing.T) {
	long, now := time.Unix(1_000_000_000, 5), time.Unix(1_500_000_000, 6)
	for times, want := range map[Times]map[string]time.Time{
		TimesAsWritten: {"d/same": now.Add(1), "d": {}, "d/gone": {}},
		TimesNow:       {"d/same": now, "d": now, "d/gone": now},
		TimesOfRun:     {"d/same": long, "d": long, "d/gone": long},
	} {
		p := newPlace(t)
		p.put("d/same", "same", 0o644)
		p.put("d/gone", "gone", 0o644)
		for _, name := range []string{"d/same", "d/gone", "d"} {
			require.NoError(t, os.Chtimes(p.at(name), long, long))
		}
		s := p.found("d")
		require.NoError(t, os.Remove(p.at("d/gone")))
		require.NoError(t, os.Chtimes(p.at("d/same"), now, now.Add(1)))
		files, err := Decode(s.list, int64(len(s.contents)))
		require.NoError(t, err)
		r := p.restorer(nil)
		r.Times, r.Now = times, now
		require.NoError(t, r.Restore(files, bytes.NewReader(s.contents)))
		for name, want := range want {
			fi, err := os.Stat(p.at(name))
			require.NoError(t, err)
			if want.IsZero() {
				require.Less(t, time.Since(fi.ModTime()), time.Hour, "%d %s", times, name)
			} else {
				require.True(t, fi.ModTime().Equal(want), "%d %s", times, name)
			}
		}
	}
}

func TestPatterns(t *testing.T) {
	p := newPlace(t)
	for _, name := range []string{"a.o", "b.o", "b.c", "d/c.o", "d/e/f.o", "d/e/g.c", ".git/x.o", "x[1].o", hashing.TemporaryName("d/y", 1, 2)} {
		p.put(name, name, 0o644)
	}
	for pattern, want := range map[string]string{
		"a.o":          "a.o",
		"./a.o":        "a.o",
		"*.o":          "a.o b.o x[1].o",
		"**/*.o":       "a.o b.o d/c.o d/e/f.o x[1].o",
		"d":            "d d/c.o d/e d/e/f.o d/e/g.c",
		"d/":           "d d/c.o d/e d/e/f.o d/e/g.c",
		"d/*":          "d/c.o d/e d/e/f.o d/e/g.c",
		"d/**/g.c":     "d/e/g.c",
		"{b.c,d/e}":    "b.c d/e d/e/f.o d/e/g.c",
		"{a,b}.o":      "a.o b.o",
		".git/*.o":     ".git/x.o",
		"x[1].o":       "x[1].o",
		"d/e/[a-f].?":  "d/e/f.o",
		"nothing":      "",
		"*.x":          "",
		"d/nothing/**": "",
		"a.o/below":    "",
	} {
		s, err := p.find(pattern)
		if want == "" {
			require.Error(t, err, pattern)
			continue
		}
		require.NoError(t, err, pattern)
		require.Equal(t, want, strings.Join(s.names(t), " "), pattern)
	}
	require.Equal(t, "a.o d/e/f.o", strings.Join(p.found("a.o", "*/e/f.o", "a.*").names(t), " "), "each once")
}

func TestWhatCannotBeStored(t *testing.T) {
	p := newPlace(t)
	p.put("out/f", "f", 0o644)
	for what, make := range map[string]func(name string) error{
		"FIFO":                        func(name string) error { return unix.Mkfifo(name, 0o600) },
		"leads out":                   func(name string) error { return os.Symlink("../../x", name) },
		"leads out of":                func(name string) error { return os.Symlink("/etc/passwd", name) },
		"socket":                      func(name string) error { return listen(t, name) },
		"the cache directory":         func(name string) error { return os.Mkdir(name, 0o700) },
		"the command did not make it": func(string) error { return nil },
	} {
		t.Run(what, func(t *testing.T) {
			name := p.at("out/x")
			require.NoError(t, make(name))
			defer os.Remove(name)
			f := Finder{Tree: p.root}
			pattern := "out"
			switch what {
			case "the cache directory":
				f.Avoid, _ = os.Stat(name)
			case "the command did not make it":
				pattern = "out/x"
			}
			_, err := f.Find([]string{pattern}, nil)
			var refused *Refusal
			require.ErrorAs(t, err, &refused)
			require.Contains(t, err.Error(), what)
			require.Equal(t, "out/x", refused.Name)
		})
	}
}

// listen makes a socket.
func listen(t *testing.T, name string) error {
	l, err := net.Listen("unix", name)
	if err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
	return err
}

// What lies in the way ends it before anything is touched.
func TestInTheWay(t *testing.T) {
	outside := t.TempDir()
	for what, stand := range map[string]func(p *place) error{
		"a directory where a file was":  func(p *place) error { return os.Mkdir(p.at("z"), 0o755) },
		"a link where a file was":       func(p *place) error { return os.Symlink("a", p.at("z")) },
		"a link that leads out":         func(p *place) error { return os.Symlink(filepath.Join(outside, "z"), p.at("z")) },
		"a FIFO where a file was":       func(p *place) error { return unix.Mkfifo(p.at("z"), 0o600) },
		"a file where a directory was":  func(p *place) error { return replace(p, "d", "file") },
		"a link out for a directory":    func(p *place) error { return replace(p, "d", outside) },
		"a link inside for a directory": func(p *place) error { return replace(p, "d", "e") },
		"a file where a link was":       func(p *place) error { return replace(p, "l", "file") },
		"a directory where a link was":  func(p *place) error { _ = os.Remove(p.at("l")); return os.Mkdir(p.at("l"), 0o755) },
	} {
		t.Run(what, func(t *testing.T) {
			p := newPlace(t)
			p.put("a", "old", 0o644)
			p.put("d/f", "f", 0o644)
			p.put("z", "z", 0o644)
			p.put("e/f", "not this", 0o644)
			p.link("l", "a")
			s := p.found("a", "d", "z", "l")
			require.NoError(t, os.Remove(p.at("z")))
			p.put("a", "new", 0o644)
			require.NoError(t, stand(p))
			before := p.state()
			var refused *Refusal
			require.ErrorAs(t, p.restore(s), &refused)
			require.Contains(t, []string{"z", "d", "d/f", "l"}, refused.Name)
			require.Equal(t, before, p.state())
			left, err := os.ReadDir(outside)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// replace puts a file, or a link, in place of something.
func replace(p *place, name, with string) error {
	if err := os.RemoveAll(p.at(name)); err != nil {
		return err
	}
	if with == "file" {
		return os.WriteFile(p.at(name), nil, 0o600)
	}
	return os.Symlink(with, p.at(name))
}

// Contents that are not what the list says are found out before anything is touched.
func TestDamagedContents(t *testing.T) {
	p := newPlace(t)
	p.put("a", "aaa", 0o644)
	p.put("b/b", "bbb", 0o644)
	s := p.found("a", "b/b")
	require.NoError(t, os.RemoveAll(p.at("b")))
	p.put("a", "new", 0o644)
	before := p.state()
	s.contents[len(s.contents)-1] ^= 1
	require.ErrorIs(t, p.restore(s), ErrContents)
	require.Equal(t, before, p.state())
	s.contents = s.contents[:len(s.contents)-1]
	require.ErrorIs(t, p.restore(s), ErrDamaged)
	require.Equal(t, before, p.state())
}

// A file that is written while it is stored is not stored.
func TestChangedWhileItIsStored(t *testing.T) {
	p := newPlace(t)
	p.put("a", strings.Repeat("a", 600<<10), 0o644)
	f := Finder{Tree: p.root}
	files, err := f.Find([]string{"a"}, nil)
	require.NoError(t, err)
	for what, change := range map[string]func() error{
		"longer":   func() error { return os.WriteFile(p.at("a"), make([]byte, 700<<10), 0o600) },
		"shorter":  func() error { return os.Truncate(p.at("a"), 5) },
		"replaced": func() error { return replace(p, "a", "file") },
		"gone":     func() error { return os.Remove(p.at("a")) },
	} {
		once := false
		err := f.Write(files, writer(func(b []byte) (int, error) {
			if !once {
				once = true
				require.NoError(t, change())
			}
			return len(b), nil
		}))
		var refused *Refusal
		require.True(t, errors.As(err, &refused) || what == "replaced" || what == "gone", what)
		p.put("a", strings.Repeat("a", 600<<10), 0o644)
		files, err = f.Find([]string{"a"}, nil)
		require.NoError(t, err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// memory is a ledger of one process.
type memory struct{ records []byte }

func (m *memory) Recover(remove func([]byte)) {
	if m.records != nil {
		remove(m.records)
		m.records = nil
	}
}

func (m *memory) Keep(record []byte) (func(), error) {
	m.records = append(m.records, record...)
	return func() { m.records = nil }, nil
}

// What a process has left that was killed is removed by the next one, also if there is nothing else to do; and nothing
// but that, whatever the record says.
func TestStraysAreRemoved(t *testing.T) {
	p := newPlace(t)
	p.put("a", "a", 0o644)
	p.put("d/keep", "", 0o644)
	s := p.found("a")
	before := p.state()
	p.put(hashing.TemporaryName("a", 7, 0), "half", 0o600)
	p.put(hashing.TemporaryName("d/b", 7, 1), "half", 0o600)
	outside := filepath.Join(filepath.Dir(p.path), hashing.TemporaryName("x", 7, 3))
	require.NoError(t, os.WriteFile(outside, nil, 0o600))
	p.link("out", "..")
	names := []string{
		hashing.TemporaryName("a", 7, 0), hashing.TemporaryName("d/b", 7, 1), hashing.TemporaryName("gone", 7, 2), "d/keep", "../" + filepath.Base(outside),
		"out/" + filepath.Base(outside), outside, ".cachex-x",
	}
	l := &memory{records: append([]byte("cxO1 cut"), encodeRecord(names)...)}
	files, err := Decode(s.list, int64(len(s.contents)))
	require.NoError(t, err)
	require.NoError(t, p.restorer(l).Restore(files, bytes.NewReader(s.contents)))
	require.NoError(t, os.Remove(p.at("out")))
	require.Equal(t, before, p.state())
	require.FileExists(t, outside)
	require.Nil(t, l.records)
}

// The record names all temporary files before the first is made, and nothing is left of either.
func TestRecordComesFirst(t *testing.T) {
	p := newPlace(t)
	p.tree()
	s := p.found("a.o", "out")
	require.NoError(t, os.Chmod(p.at("out/deep"), 0o755))
	require.NoError(t, os.RemoveAll(p.at("out")))
	files, err := Decode(s.list, int64(len(s.contents)))
	require.NoError(t, err)
	l := &memory{}
	err = p.restorer(l).Restore(files, readerAt(func(b []byte, _ int64) (int, error) {
		left := map[string]bool{}
		for _, name := range recorded(l.records) {
			left[name] = true
		}
		require.NotEmpty(t, left)
		for line := range strings.Lines(p.state()) {
			if name, _, _ := strings.Cut(line, " "); hashing.IsTemporary(name) {
				require.True(t, left[name], name)
			}
		}
		return 0, io.ErrUnexpectedEOF
	}))
	require.ErrorIs(t, err, ErrContents)
	require.NotContains(t, p.state(), ".cachex-")
	require.NotContains(t, p.state(), "out", "what was made for it is gone, too")
	require.Nil(t, l.records)
}

type readerAt func([]byte, int64) (int, error)

func (r readerAt) ReadAt(b []byte, off int64) (int, error) { return r(b, off) }

// isProper reports whether a name stays below the working directory, or is absolute without detours.
func isProper(name string) bool {
	return filepath.IsLocal(name) || filepath.IsAbs(name) && filepath.Clean(name) == name && name != "/"
}

// FuzzDecode: what is taken for a list stays within the directory, and is written as it was read.
func FuzzDecode(f *testing.F) {
	files := []File{
		{Name: "a", Perm: 0o644, Size: 5, Data: []Extent{{1, 2}, {4, 1}}},
		{Name: "d", Kind: Directory, Perm: 0o755},
		{Name: "d/l", Kind: Link, Target: "../a"},
	}
	f.Add(Encode(files), int64(3))
	f.Add(Encode([]File{{Name: "../a"}}), int64(0))
	f.Add(Encode([]File{{Name: "/a", Kind: Directory}, {Name: "/a/l", Kind: Link, Target: "b"}}), int64(0))
	f.Add(Encode([]File{{Name: "a", Kind: Link, Target: "/etc"}, {Name: "a/b"}}), int64(0))
	f.Add([]byte{listVersion, 255, 255, 255, 255}, int64(0))
	f.Fuzz(func(t *testing.T, b []byte, contents int64) {
		files, err := Decode(b, contents)
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			return
		}
		require.Equal(t, b, Encode(files))
		require.Equal(t, contents, Total(files))
		for _, file := range files {
			require.True(t, isProper(file.Name))
			require.False(t, file.Kind == Link && leadsOut(file.Name, file.Target))
		}
	})
}

// FuzzRecorded: no record names anything but temporary files below the directory.
func FuzzRecorded(f *testing.F) {
	f.Add(append(encodeRecord([]string{hashing.TemporaryName("d/a", 1, 2), "../x"}), encodeRecord(nil)...))
	f.Add([]byte(recordMagic + "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range recorded(b) {
			require.True(t, hashing.IsTemporary(name) && isProper(name))
		}
	})
}

// restorePart restores a set, and does something when the contents of the last file are read.
func (p *place) restorePart(s set, expendable func(File, fs.FileInfo) bool, meanwhile func()) error {
	files, err := Decode(s.list, int64(len(s.contents)))
	require.NoError(p.t, err)
	r := p.restorer(nil)
	r.Expendable = expendable
	return r.Restore(files, readerAt(func(b []byte, off int64) (int, error) {
		if off+int64(len(b)) == int64(len(s.contents)) {
			meanwhile()
		}
		return bytes.NewReader(s.contents).ReadAt(b, off)
	}))
}

// What somebody writes while files are being written is kept, and then nothing is replaced; if it is what was to be
// written, all is well.
func TestEditedWhileItIsRestored(t *testing.T) {
	for text, kept := range map[string]bool{"mine": true, "new a": false} {
		p := newPlace(t)
		p.put("a", "new a", 0o644)
		p.put("z", "new z", 0o644)
		s := p.found("a", "z")
		p.put("a", "old a", 0o644)
		p.put("z", "old z", 0o644)
		want := p.state()
		err := p.restorePart(s, func(there File, _ fs.FileInfo) bool { return there.Sum != sumOf("mine") }, func() {
			require.NoError(t, os.WriteFile(p.at("a"), []byte(text), 0o600))
		})
		b, _ := os.ReadFile(p.at("a"))
		require.Equal(t, text, string(b))
		if kept {
			require.Error(t, err)
			want = strings.Replace(want, "old a", "mine", 1)
		} else {
			require.NoError(t, err)
			want = strings.Replace(strings.Replace(want, "old a", "new a", 1), "old z", "new z", 1)
		}
		require.Equal(t, want, p.state())
	}
}

func sumOf(text string) hashing.Digest { return sha256.Sum256([]byte(text)) }

// If one of many files cannot get its name, those that have theirs are taken back: files, what was not there, and modes
// of directories.
func TestTakenBack(t *testing.T) {
	p := newPlace(t)
	p.put("a", "new a", 0o644)
	p.put("b", "new b", 0o644)
	p.put("d/f", "new f", 0o644)
	p.link("l", "a")
	p.put("z", "new z", 0o644)
	s := p.found("a", "b", "d", "l", "z")
	p.put("a", "old a", 0o600)
	require.NoError(t, os.Remove(p.at("b")))
	require.NoError(t, os.Remove(p.at("l")))
	p.link("l", "d")
	require.NoError(t, os.RemoveAll(p.at("d")))
	require.NoError(t, os.Remove(p.at("z")))
	want := p.state()
	err := p.restorePart(s, nil, func() { require.NoError(t, os.Mkdir(p.at("z"), 0o755)) })
	require.ErrorContains(t, err, "output z: it would be a file, and there is a directory")
	require.NoError(t, os.Remove(p.at("z")))
	require.Equal(t, want, p.state())
}

// Who is to die stops, and leaves nothing.
func TestStopped(t *testing.T) {
	p := newPlace(t)
	p.tree()
	s := p.found("a.o", "out")
	require.NoError(t, os.Chmod(p.at("out/deep"), 0o755))
	require.NoError(t, os.RemoveAll(p.at("out")))
	want := p.state()
	files, err := Decode(s.list, int64(len(s.contents)))
	require.NoError(t, err)
	for last := range 9 {
		r, asked := p.restorer(nil), 0
		r.Stop = func() bool { asked++; return asked > last }
		require.ErrorIs(t, r.Restore(files, bytes.NewReader(s.contents)), ErrStopped, last)
		require.Equal(t, want, p.state())
	}
}

// What the run has not touched is told by all that the kernel says of it.
func TestUntouched(t *testing.T) {
	p := newPlace(t)
	p.put("d/same", "same", 0o644)
	p.put("d/written", "same", 0o644)
	p.put("d/known", "same", 0o644)
	p.put("d/mode", "same", 0o644)
	f := Finder{Tree: p.root}
	before, err := f.Look([]string{"d/"})
	require.NoError(t, err)
	require.Len(t, before, 5)
	fi, err := os.Stat(p.at("d/written"))
	require.NoError(t, err)
	p.put("d/written", "diff", 0o644)
	require.NoError(t, os.Chtimes(p.at("d/written"), fi.ModTime(), fi.ModTime()))
	require.NoError(t, os.Chmod(p.at("d/mode"), 0o600))
	p.put("d/new", "new", 0o644)
	files, err := f.Find([]string{"d/"}, before)
	require.NoError(t, err)
	require.NoError(t, f.Write(files, io.Discard))
	known := func(file File) bool { return file.Name == "d/known" && file.Sum == sumOf("same") }
	require.EqualError(t, f.CheckUntouched(files, known), "output d/same: "+untouched)
	require.NoError(t, os.Remove(p.at("d/same")))
	files, err = f.Find([]string{"d/"}, before)
	require.NoError(t, err)
	require.NoError(t, f.Write(files, io.Discard))
	require.NoError(t, f.CheckUntouched(files, known))

	strangers, err := f.Strangers([]string{"d/", "d/*"}, files[:2])
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"d/mode", "d/new", "d/written"}, strangers)
}
