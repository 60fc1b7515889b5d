//go:build amd64 || arm64

package fastpath

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// treeOf makes directories with so many files in each, and returns the looks at all.
func treeOf(t testing.TB, top string, dirs, files int) (all []Look) {
	t.Helper()
	look := func(path string, listed bool) {
		id, ok := Identify(path, Itself)
		require.True(t, ok)
		id.Mode = typeAndUse(id.Mode)
		all = append(all, Look{Path: path, Listed: listed, ID: id})
	}
	for d := range dirs {
		dir := filepath.Join(top, fmt.Sprintf("d%d", d))
		require.NoError(t, os.MkdirAll(dir, 0o755))
		for f := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d", f)), []byte("x"), 0o600))
		}
		for f := range files {
			look(filepath.Join(dir, fmt.Sprintf("f%d", f)), false)
		}
		look(dir, true)
	}
	return all
}

// looksAt changes the memo into one with looks, whose list is in a file if it is long.
func (w *world) looksAt(all []Look) {
	list, sum, ok := EncodeLooks(all)
	require.True(w.t, ok)
	w.memo.Looks = &Looks{Sum: sum, List: string(list)}
	if len(list) > MostShort {
		const before = "what stands before it"
		require.NoError(w.t, os.MkdirAll(w.path("manifests"), 0o700))
		w.write("manifests/list", before+string(list)+"and behind")
		w.memo.Looks.List = ""
		w.memo.Looks.In = Part{"manifests/list", int64(len(before)), int64(len(before) + len(list)), Sum64(list)}
	}
	w.remember(w.args)
}

// Each look counts, wherever in the list it stands, and so does its place among the directories.
func TestWayOfLooks(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 2}, {2, 1}, {3, 7}, {5, 200}, {300, 1}, {0, 0}} {
		w := newWorld(t)
		top := filepath.Join(w.home, "tree")
		all := treeOf(t, top, size[0], size[1])
		link := filepath.Join(w.home, "link")
		require.NoError(t, os.Symlink("in", link))
		through, ok := Identify(link, Followed)
		require.True(t, ok)
		through.Mode = typeAndUse(through.Mode)
		all = append(all, Look{Path: link, Follow: true, ID: through}, Look{Path: top + "/none"}, Look{Path: top + "/none/x", Follow: true})
		w.looksAt(all)
		requireThereAndBack(t, w.memo)
		w.requireAnswered()
		for i, l := range all {
			if len(all) > 100 && i%37 != 0 && i < len(all)-5 {
				continue
			}
			var back func()
			switch {
			case l.ID == (FileID{}):
				require.NoError(t, os.MkdirAll(l.Path, 0o700))
				back = func() { require.NoError(t, os.RemoveAll(top+"/none")) }
			case l.Follow:
				require.NoError(t, os.Rename(link, link+".was"))
				back = func() { require.NoError(t, os.Rename(link+".was", link)) }
			case l.Listed:
				require.NoError(t, os.Rename(l.Path, l.Path+".was"))
				require.NoError(t, os.CopyFS(l.Path, os.DirFS(l.Path+".was")))
				back = func() {
					require.NoError(t, os.RemoveAll(l.Path))
					require.NoError(t, os.Rename(l.Path+".was", l.Path))
				}
			default:
				require.NoError(t, os.Truncate(l.Path, 2))
				back = func() {
					require.NoError(t, os.Truncate(l.Path, 1))
					id, ok := Identify(l.Path, Itself)
					require.True(t, ok)
					for i := range all {
						if all[i].Path == l.Path {
							id.Mode = typeAndUse(id.Mode)
							all[i].ID = id
						}
					}
				}
			}
			found, stdout, _ := w.try()
			require.Equal(t, knowsCall, found, l.Path)
			require.Empty(t, stdout)
			require.Zero(t, w.way.opened, "all is closed")
			back()
			for i := range all { // to be renamed changes what the kernel says of a directory
				if id, ok := Identify(all[i].Path, Itself); ok && all[i].Listed {
					id.Mode = typeAndUse(id.Mode)
					all[i].ID = id
				}
			}
			w.looksAt(all)
			w.requireAnswered()
		}
	}
}

// Two threads see what one sees, however the work is shared; and nothing is believed that one has not brought to its end.
func TestLooksByTwo(t *testing.T) {
	all := treeOf(t, t.TempDir(), 8, 200)
	list, want, ok := EncodeLooks(all)
	require.True(t, ok)
	if !isForTwo() {
		t.Skip("there is one processor")
	}
	var c *chunks
	var later func(unsafe.Pointer)
	nothing := func() {}
	for what, kernel := range map[string]*Kernel{
		"the other takes all":  {nil, func(f func(unsafe.Pointer), of unsafe.Pointer) int { f(of); return 1 }, nothing},
		"the other comes late": {nil, func(f func(unsafe.Pointer), _ unsafe.Pointer) int { later = f; return 1 }, func() { later(unsafe.Pointer(c)) }},
		"there is no other":    {nil, func(func(unsafe.Pointer), unsafe.Pointer) int { return -11 }, func() { t.Error("it is waited for") }},
		"the other has some": {nil, func(f func(unsafe.Pointer), of unsafe.Pointer) int {
			c.first = c.n / 3
			f(of)
			c.first = -1
			return 1
		}, nothing},
	} {
		c = new(chunks)
		sum, ok := c.sum(list, kernel)
		require.True(t, ok, what)
		require.Equal(t, want, sum, what)
		require.Greater(t, c.n, chunksForTwo)
	}
	taken := 0
	gone := &Kernel{nil, func(func(unsafe.Pointer), unsafe.Pointer) int { return 1 }, func() { taken = c.first + 1 }}
	_, ok = c.sum(list, gone)
	require.False(t, ok, "the other made a fault")
	require.Equal(t, c.n, taken)
	require.NoError(t, os.RemoveAll(filepath.Dir(all[len(all)-2].Path)))
	for _, first := range []bool{true, false} {
		began := false
		half := &Kernel{nil, func(f func(unsafe.Pointer), of unsafe.Pointer) int {
			if began = first; first {
				f(of)
			}
			later = f
			return 1
		}, func() {
			if !began {
				later(unsafe.Pointer(c))
			}
		}}
		sum, ok := c.sum(list, half)
		require.False(t, ok && sum == want)
	}
}

// A list that is not there, or not the one that is meant, is none.
func TestWayOfAnotherList(t *testing.T) {
	for what, harm := range map[string]func(w *world){
		"none":    func(w *world) { require.NoError(t, os.Remove(w.path("manifests/list"))) },
		"damaged": func(w *world) { w.flip("manifests/list", 60) },
		"shorter": func(w *world) { require.NoError(t, os.Truncate(w.path("manifests/list"), 200)) },
		"a link": func(w *world) {
			require.NoError(t, os.Rename(w.path("manifests/list"), w.path("manifests/other")))
			require.NoError(t, os.Symlink("other", w.path("manifests/list")))
		},
		"too long": func(w *world) {
			w.memo.Looks.In.To = MaxFile - 1
			require.NoError(t, os.Truncate(w.path("manifests/list"), MaxFile))
			w.remember(w.args)
		},
		"another sum": func(w *world) { w.memo.Looks.Sum++; w.remember(w.args) },
	} {
		w := newWorld(t)
		w.looksAt(treeOf(t, w.home+"/tree", 3, 30))
		w.requireAnswered()
		harm(w)
		found, _, _ := w.try()
		require.Equal(t, knowsCall, found, what)
	}
}

// Whatever a list is, nothing but looks comes of it.
func TestLooksOfAnything(t *testing.T) {
	all := treeOf(t, t.TempDir(), 4, 5)
	list, sum, ok := EncodeLooks(all)
	require.True(t, ok)
	open := openFiles(t)
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		b := append([]byte{}, list[:random.IntN(len(list)+1)]...)
		for range random.IntN(3) {
			if len(b) > 0 {
				b[random.IntN(len(b))] = byte(random.IntN(256))
			}
		}
		now, ok := SumLooks(b)
		require.True(t, !ok || now != sum || string(b) == string(list))
	}
	require.Equal(t, open, openFiles(t))
	for _, path := range []string{"", "a\x00b", string(make([]byte, 5000))} {
		_, _, ok := EncodeLooks([]Look{{Path: path}})
		require.False(t, ok, "%.10q", path)
	}
}

func openFiles(t testing.TB) int {
	names, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(names)
}

func BenchmarkLooks(b *testing.B) {
	list, _, ok := EncodeLooks(treeOf(b, b.TempDir(), 100, 100))
	require.True(b, ok)
	for b.Loop() {
		SumLooks(list)
	}
}
