//go:build !windows

package hashing

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// many makes a tree of so many files, and a spec that names it.
func many(t *testing.T, files int) (dir string, spec Spec) {
	t.Helper()
	dir, spec = here(t)
	for i := range files {
		put(t, dir, fmt.Sprintf("d/s%d/f%03d", i%4, i), fmt.Sprint("content ", i%10))
	}
	tree(t, dir, "d/link -> s0/f000", "d/empty/")
	spec.Files, spec.Exe = []string{"d"}, ExePath
	return dir, spec
}

// later is when all that was just made has been left alone long enough.
func later() time.Time { return time.Now().Add(time.Minute) }

// Of what a manifest has, the stat cache is not asked one by one; the recipe is that of who has neither.
func TestManifest(t *testing.T) {
	dir, spec := many(t, 200)
	m := newMemory()
	truth, err := captureAt(spec, nil, later())
	require.NoError(t, err)
	asked := func() int {
		t.Helper()
		m.hits, m.misses = 0, 0
		r, err := captureAt(spec, m, later())
		require.NoError(t, err)
		require.Equal(t, string(truth.Text), string(r.Text))
		return m.hits + m.misses
	}
	require.Equal(t, 201, asked())
	require.Equal(t, 1, m.kept)
	require.Zero(t, asked())
	for name, b := range m.manifests {
		for what, spoiled := range map[string][]byte{
			"empty": {}, "cut": b[:len(b)-1], "of another version": append([]byte("x"), b[1:]...),
			"of other files": (&manifest{}).encode(nil),
		} {
			m.manifests[name] = spoiled
			require.Equal(t, 201, asked(), what)
			require.Zero(t, asked(), what)
		}
		var known manifest
		known.parse(b)
		records := slices.Collect(slices.Chunk(known.records, manifestRecord))
		slices.Reverse(records)
		m.manifests[name] = (&manifest{}).encode(slices.Concat(records...))
		require.LessOrEqual(t, asked(), manifestLost, "in another order")
	}
	nextTick(t)
	m.kept = 0
	put(t, dir, "d/s1/f001", "another")
	truth, err = captureAt(spec, nil, later())
	require.NoError(t, err)
	require.Equal(t, 1, asked())
	require.Zero(t, m.kept, "for one file no manifest is written")
	for i := range 200 {
		if i%4 == 2 {
			require.NoError(t, os.Remove(filepath.Join(dir, fmt.Sprintf("d/s2/f%03d", i))))
		}
	}
	truth, err = captureAt(spec, nil, later())
	require.NoError(t, err)
	require.Less(t, asked(), 1+manifestLost, "what is gone costs little")
}

// A directory that is as it was is not listed again.
func TestManifestOfNames(t *testing.T) {
	if !namesShow {
		t.Skip("nothing is known of names on this system")
	}
	dir, spec := many(t, 200)
	m := newMemory()
	on := mount{fs: tracked, name: 1}
	capture := func(now time.Time) (listed, walked int) {
		t.Helper()
		c := newCapture(spec, m, now)
		c.mountOf = func(location, bool, look) mount { return on }
		r, err := c.run()
		require.NoError(t, err)
		truth, err := captureAt(spec, nil, later())
		require.NoError(t, err)
		require.Equal(t, string(truth.Text), string(r.Text))
		return c.manifest.listed, len(c.manifest.walked)
	}
	requireBoth := func(listed, walked int, now time.Time, why string) {
		t.Helper()
		l, w := capture(now)
		require.Equal(t, [2]int{listed, walked}, [2]int{l, w}, why)
	}
	requireBoth(6, 6, later(), "the first time")
	requireBoth(0, 6, later(), "nothing has changed")
	requireBoth(0, 0, time.Now(), "all is too young")
	nextTick(t)
	put(t, dir, "d/s1/new", "content 1")
	requireBoth(1, 6, later(), "one has changed")
	requireBoth(0, 6, later(), "the manifest was written anew, for that is much of six")
	on.name = 2
	requireBoth(6, 6, later(), "who edits a filesystem that is not mounted changes no time")
	on.name = 0
	requireBoth(0, 0, later(), "nobody knows whether it is the same mount")

	for b, at := range map[bool]look{true: {kind: kindDirectory}, false: {kind: kindDirectory, encrypted: true}} {
		c := newCapture(spec, m, later())
		c.mountOf = func(location, bool, look) mount { return mount{fs: tracked, name: 1} }
		_, trust := c.standsForNames(location{name: dir}, at)
		require.Equal(t, b, trust, "a key that comes or goes changes names and no time")
	}
}

// A name that a manifest has, and that is not there, is looked for in the directory itself.
func TestManifestOfNamesThatAreGone(t *testing.T) {
	if !namesShow {
		t.Skip("nothing is known of names on this system")
	}
	_, spec := many(t, 200)
	m := newMemory()
	capture := func() Recipe {
		t.Helper()
		c := newCapture(spec, m, later())
		c.mountOf = func(location, bool, look) mount { return mount{fs: tracked, name: 1} }
		r, err := c.run()
		require.NoError(t, err)
		return r
	}
	truth := capture()
	for name, b := range m.manifests {
		var known manifest
		known.parse(b)
		known.walked = known.directories
		for i := range known.walked {
			names := &known.walked[i].names
			*names = append(slices.Clip(*names), "fgone\x00"...)
		}
		m.manifests[name] = known.encode(known.records)
	}
	require.Equal(t, string(truth.Text), string(capture().Text))
}

// What may still change unseen is in no manifest.
func TestManifestOfYoungFiles(t *testing.T) {
	_, spec := many(t, 200)
	m := newMemory()
	_, err := captureAt(spec, m, time.Now())
	require.NoError(t, err)
	_, err = captureOn(mount{fs: unsure}, spec, m, later())
	require.NoError(t, err)
	require.Empty(t, m.manifests)
}

// Whatever is done to the files: who has a manifest of what was there sees what is there.
func TestManifestIsNotBelievedOfOthers(t *testing.T) {
	for what, change := range map[string]func(t *testing.T, dir string){
		"nothing": func(*testing.T, string) {},
		"content, of the same size and time": func(t *testing.T, dir string) {
			path := filepath.Join(dir, "s0/f000")
			fi, err := os.Stat(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, []byte("CONTENT 0"), 0o644))
			require.NoError(t, os.Chtimes(path, fi.ModTime(), fi.ModTime()))
		},
		"another file of the same size and time": func(t *testing.T, dir string) {
			path := filepath.Join(dir, "s0/f000")
			fi, err := os.Stat(path)
			require.NoError(t, err)
			put(t, dir, "new", "CONTENT 0")
			require.NoError(t, os.Chtimes(filepath.Join(dir, "new"), fi.ModTime(), fi.ModTime()))
			require.NoError(t, os.Rename(filepath.Join(dir, "new"), path))
		},
		"a new file":      func(t *testing.T, dir string) { put(t, dir, "s0/f", "content 0") },
		"a new directory": func(t *testing.T, dir string) { put(t, dir, "s00/f", "content 0") },
		"a removed file":  func(t *testing.T, dir string) { require.NoError(t, os.Remove(dir+"/s0/f004")) },
		"a removed directory": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(dir+"/empty"))
		},
		"a renamed file": func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(dir+"/s0/f004", dir+"/s0/f005"))
		},
		"two files that changed places": func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(dir+"/s0/f004", dir+"/x"))
			require.NoError(t, os.Rename(dir+"/s0/f008", dir+"/s0/f004"))
			require.NoError(t, os.Rename(dir+"/x", dir+"/s0/f008"))
		},
		"two directories that changed places": func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(dir+"/s1", dir+"/x"))
			require.NoError(t, os.Rename(dir+"/s2", dir+"/s1"))
			require.NoError(t, os.Rename(dir+"/x", dir+"/s2"))
		},
		"a directory in the place of a file": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(dir+"/s0/f004"))
			put(t, dir, "s0/f004/f", "content 4")
		},
		"a link in the place of a file": func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(dir+"/s0/f004", dir+"/../out"))
			require.NoError(t, os.Symlink("../../out", dir+"/s0/f004"))
		},
		"a link that leads elsewhere": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(dir+"/link"))
			require.NoError(t, os.Symlink("s0/f004", dir+"/link"))
		},
		"what a link leads to": func(t *testing.T, dir string) {
			put(t, dir, "s0/f000", "CONTENT 0")
		},
		"a file that can be executed": func(t *testing.T, dir string) {
			require.NoError(t, os.Chmod(dir+"/s0/f004", 0o755))
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir, spec := many(t, 160)
			m := newMemory()
			before, err := captureAt(spec, m, later())
			require.NoError(t, err)
			require.NotEmpty(t, m.manifests)
			m.known = map[StatID]Digest{}
			nextTick(t)
			change(t, filepath.Join(dir, "d"))
			truth, err := captureAt(spec, nil, later())
			require.NoError(t, err)
			for _, when := range []time.Time{time.Now(), later(), later()} {
				now, err := captureAt(spec, m, when)
				require.NoError(t, err)
				require.Equal(t, string(truth.Text), string(now.Text))
			}
			require.Equal(t, what == "nothing", before.Same(truth) == nil)
		})
	}
}

// Manifests belong to what was asked for, and where.
func TestManifestNames(t *testing.T) {
	dir, spec := many(t, 160)
	m := newMemory()
	for _, files := range [][]string{{"d"}, {"d/**"}, {"./d"}, {"d", "e"}, {Except("d", []string{"d/x"})}} {
		spec.Files = files
		_, err := captureAt(spec, m, later())
		require.NoError(t, err)
	}
	spec.Dir, spec.Files = filepath.Join(dir, "d"), []string{"."}
	_, err := captureAt(spec, m, later())
	require.NoError(t, err)
	require.Len(t, m.manifests, 5, "./d is d")
}

// Whatever a manifest says, it is read to its end, and what has the StatID of a record has its digest, or its names, or
// nothing.
func FuzzManifest(f *testing.F) {
	id := StatID{Dev: 1, Ino: 2, Size: 3, Mtime: 4, Ctime: 5, Mount: 6}
	record := string(append(appendStamp(nil, id), make([]byte, 32)...))
	for _, n := range []int{0, 1, 40} {
		m := &manifest{}
		for range n {
			m.note(id, []child{{"a", kindPlain}, {"b", kindUnknown}})
		}
		f.Add(m.encode([]byte(strings.Repeat(record, n))), uint64(n))
	}
	f.Fuzz(func(t *testing.T, b []byte, ino uint64) {
		m := &manifest{}
		m.parse(b)
		other := id
		other.Ino = ino
		asked := []StatID{id, other}
		has := map[StatID][]Digest{}
		for i := range m.size() {
			id, digest := m.at(i)
			asked, has[id] = append(asked, id), append(has[id], digest)
		}
		slices.Reverse(asked)
		for range manifestLost + 2 {
			for _, id := range asked {
				if digest, ok := m.digest(id); ok {
					require.Contains(t, has[id], digest)
				} else {
					require.True(t, m.places == nil || has[id] == nil)
				}
			}
		}
		isOf := func(id StatID) func(directoryNames) bool {
			return func(d directoryNames) bool { return d.id == id }
		}
		for _, d := range m.directories {
			asked = append(asked, d.id)
		}
		for _, id := range asked {
			children, ok := m.children(id, nil)
			require.Equal(t, slices.ContainsFunc(m.directories, isOf(id)), ok)
			for _, c := range children {
				require.NotEmpty(t, c.name)
				require.NotContains(t, c.name, "\x00")
			}
		}
	})
}
