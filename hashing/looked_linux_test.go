//go:build amd64 || arm64

package hashing

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/fastpath"
)

// looksAt captures a recipe where all can be told of files, and returns the list of looks at them and what they show.
func looksAt(t *testing.T, spec Spec) (r Recipe, list []byte, sum uint64) {
	t.Helper()
	c := newCapture(spec, newMemory(), later())
	c.mountOf = func(location, bool, look) mount { return mount{fs: tracked, name: 1} }
	r, err := c.run()
	require.NoError(t, err)
	taken, ok := LooksOf(&r, later())
	require.True(t, ok)
	list, sum, ok = fastpath.EncodeLooks(looksFor(taken))
	require.True(t, ok)
	return r, list, sum
}

func looksFor(taken []Looked) (looks []fastpath.Look) {
	for _, l := range taken {
		looks = append(looks, fastpath.Look{Path: l.Path, Follow: l.Follow, Listed: l.Listed, ID: fastpath.FileID{
			Dev: l.Dev, Ino: l.Ino, Mode: uint64(l.Mode), Size: l.Size, Mtime: l.Mtime, Ctime: l.Ctime, Mount: l.Stamp.Mount,
		}})
	}
	return looks
}

// Whatever is done to files: where the recipe says that something is another, the looks say so, too. Where nothing is
// done they show the same.
func TestLooksSeeWhatTheRecipeSees(t *testing.T) {
	must := func(err error) { t.Helper(); require.NoError(t, err) }
	write := func(t *testing.T, name, text string) {
		t.Helper()
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name+".new", []byte(text), 0o644))
		require.NoError(t, os.Rename(name+".new", name))
	}
	swap := func(name, target string) { must(os.RemoveAll(name)); must(os.Symlink(target, name)) }
	changes := map[string]func(t *testing.T){
		"nothing":              func(*testing.T) {},
		"an edit":              func(t *testing.T) { write(t, "d/a.c", "two") },
		"in place":             func(*testing.T) { must(os.WriteFile("d/a.c", []byte("two"), 0o644)) },
		"deep":                 func(t *testing.T) { write(t, "d/s/deep/z.c", "two") },
		"the last one":         func(t *testing.T) { write(t, "many/29.c", "two") },
		"the first one":        func(t *testing.T) { write(t, "many/00.c", "two") },
		"executable":           func(*testing.T) { must(os.Chmod("d/a.c", 0o755)) },
		"its time":             func(*testing.T) { must(os.Chtimes("d/a.c", time.Now(), time.Unix(1, 0))) },
		"a file more":          func(t *testing.T) { write(t, "d/new.c", "") },
		"another more":         func(t *testing.T) { write(t, "d/new.txt", "") },
		"more where none was":  func(t *testing.T) { write(t, "d/empty/new.c", "") },
		"more in a new one":    func(t *testing.T) { write(t, "d/new/new.c", "") },
		"more behind a link":   func(t *testing.T) { write(t, "out/new.c", "") },
		"a file less":          func(*testing.T) { must(os.Remove("d/a.c")) },
		"an empty one less":    func(*testing.T) { must(os.Remove("d/empty")) },
		"a file is a folder":   func(*testing.T) { must(os.Remove("d/a.c")); must(os.Mkdir("d/a.c", 0o755)) },
		"a folder is a file":   func(*testing.T) { must(os.Remove("d/empty")); must(os.WriteFile("d/empty", nil, 0o644)) },
		"a file is a link":     func(*testing.T) { must(os.Rename("d/a.c", "was")); must(os.Symlink("../was", "d/a.c")) },
		"a folder is a link":   func(*testing.T) { must(os.Rename("d/s", "was")); must(os.Symlink("../was", "d/s")) },
		"a folder is another":  func(*testing.T) { must(os.Rename("d/s", "was")); must(os.Rename("twin", "d/s")) },
		"the base is another":  func(*testing.T) { must(os.Rename("d", "was")); must(os.CopyFS("d", os.DirFS("was"))) },
		"the base goes":        func(*testing.T) { must(os.RemoveAll("d")) },
		"the link is another":  func(*testing.T) { swap("way", "twin") },
		"the same link":        func(*testing.T) { swap("way", "out") },
		"the link leads away":  func(*testing.T) { swap("way", "nowhere") },
		"it becomes a folder":  func(*testing.T) { must(os.Remove("target")); must(os.Rename("twin", "target")) },
		"what it leads to":     func(t *testing.T) { write(t, "target", "two") },
		"dangles no more":      func(t *testing.T) { write(t, "gone", "") },
		"it leads to a folder": func(t *testing.T) { write(t, "gone/x.c", "") },
		"one of a list":        func(t *testing.T) { write(t, "listed", "two") },
		"it comes":             func(t *testing.T) { write(t, "absent", "") },
		"the list":             func(t *testing.T) { write(t, "list", "listed\n") },
		"a name like a glob":   func(t *testing.T) { write(t, "d/[ab].c", "") },
		"another base comes":   func(t *testing.T) { write(t, "none/x.c", "") },
		"an absent base comes": func(t *testing.T) { write(t, "none/y/x.c", "") },
		"a name like another":  func(t *testing.T) { write(t, "[d]/*.c", "") },
		"noise":                func(t *testing.T) { write(t, "other/x.c", "two") },
	}
	if os.Geteuid() == 0 {
		changes["another owner"] = func(*testing.T) { must(os.Chown("d/a.c", 1234, -1)) }
	}
	specs := map[string][]string{
		"a directory": {"d"}, "with a slash": {"./d/"}, "all below": {"d/**"}, "some": {"d/**/*.c"}, "of one": {"d/*.c"},
		"a class": {"d/[ab].c"}, "one deep": {"d/*/z.c"}, "by alternatives": {"{none,d}/*.c"}, "through a link": {"way/*.c"},
		"a link": {"way"}, "all links": {"links/*/*.c"}, "links": {"links"}, "a list": {"@list"}, "two": {"d", "d/**/*.c", "list"},
		"without": {Except("d", []string{"d/s/**"})}, "here": {"*"}, "many": {"many"}, "many and more": {"d", "many/*.c", "@list"},
		"by bases": {"{none/y,d/s}/*.c"}, "like a name": {"[d]/*.c"},
		"a name and more": {"target", "d/*.c"}, "a linked file": {"links/file", "d"}, "absolute": {"d"},
	}
	held, same := map[string]int{}, map[string]int{}
	for how, change := range changes {
		t.Run(how, func(t *testing.T) {
			dir, spec := here(t)
			t.Chdir(dir)
			tree(t, dir, "d/a.c one", "d/b.c one", "d/n.txt one", "d/s/z.c one", "d/s/deep/z.c one", "d/empty/",
				"twin/z.c one", "out/o.c one", "way -> out", "target one", "links/file -> ../target", "links/dir -> ../out",
				"links/again -> ../out", "links/gone -> ../gone", "list listed\nabsent\nd/a.c\n./links\n", "listed one",
				"other/x.c one", "[d]/n.txt one")
			for i := range 30 {
				put(t, dir, "many/"+string([]byte{byte('0' + i/10), byte('0' + i%10)})+".c", "one")
			}
			spec.Exe = ExePath
			type seen struct {
				spec Spec
				r    Recipe
				list []byte
				sum  uint64
			}
			all := map[string]seen{}
			for what, patterns := range specs {
				s := seen{spec: spec}
				if s.spec.Files = patterns; what == "absolute" {
					s.spec.Files = []string{dir + "/d/*.c"}
				}
				s.r, s.list, s.sum = looksAt(t, s.spec)
				all[what] = s
			}
			nextTick(t)
			change(t)
			for what, s := range all {
				now, ok := fastpath.SumLooks(s.list)
				holds := ok && now == s.sum
				after, err := Capture(s.spec, nil)
				if err != nil || after.Key != s.r.Key {
					require.False(t, holds, what)
					continue
				}
				if same[what]++; holds {
					held[what]++
				}
				if how == "nothing" || how == "noise" && what != "here" {
					require.True(t, holds, what)
				}
				again, err := CaptureBesides(&s.r, s.spec, nil, nil)
				require.NoError(t, err)
				require.Equal(t, string(s.r.Text), string(again.Text))
			}
		})
	}
	for what := range specs {
		require.GreaterOrEqual(t, held[what], same[what]/4, what)
	}
}

// Of some files not all can be told: then there are no looks.
func TestLooksThatTellNothing(t *testing.T) {
	dir, spec := here(t)
	tree(t, dir, "d/f one", "pipes/p |", "l/loop -> loop", "l/f one", "list d\n", "names d/f\n")
	spec.Exe = ExePath
	for what, patterns := range map[string][]string{
		"a FIFO": {"pipes"}, "a loop": {"l"}, "no match": {"d/*.x", "d"}, "a list of others": {Within("@list", ".")},
	} {
		spec.Files = patterns
		c := newCapture(spec, newMemory(), later())
		c.mountOf = func(location, bool, look) mount { return mount{fs: tracked, name: 1} }
		r, err := c.run()
		require.NoError(t, err)
		_, ok := LooksOf(&r, later())
		require.False(t, ok, what)
	}
	for _, files := range []string{"d", "@names"} {
		spec.Files = []string{files}
		for what, c := range map[string]*capture{
			"too young":         newCapture(spec, newMemory(), time.Now()),
			"nothing is known":  newCapture(spec, nil, later()),
			"another mount":     newCapture(spec, newMemory(), later()),
			"times say nothing": newCapture(spec, newMemory(), later()),
		} {
			on := mount{fs: tracked, name: 1}
			switch what {
			case "another mount":
				on = mount{fs: image}
			case "times say nothing":
				on.fs = unsure
			}
			c.mountOf = func(location, bool, look) mount { return on }
			r, err := c.run()
			require.NoError(t, err)
			_, ok := LooksOf(&r, later())
			require.False(t, ok, what)
		}
	}
	spec.Files = []string{"d"}
	r, _, _ := looksAt(t, spec)
	_, ok := LooksOf(&r, time.Unix(1, 0))
	require.False(t, ok, "changed since")
	spec.Files = []string{"d/f"}
	require.False(t, NamesMore(&spec))
	for _, pattern := range []string{"d", "./d/", "*", "@list"} {
		spec.Files = []string{"d/f", pattern}
		require.True(t, NamesMore(&spec), pattern)
	}
	require.True(t, slices.Equal(beyondLooks([]string{"d", "@git", "@git:d", "@list", Within("@list", "."), "!x", "*"}),
		[]string{"@git", "@git:d", Within("@list", "."), "!x"}))
}
