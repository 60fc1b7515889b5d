//go:build unix

package cachedir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/cachedir/stats"
)

// asRoot says whether this process may make files of other users.
func asRoot() bool { return os.Geteuid() == 0 }

func TestRefusedAndAdmitted(t *testing.T) {
	const stranger = 54321
	write := func(t *testing.T, path, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	for name, c := range map[string]struct {
		make   func(t *testing.T, path string)
		trust  []int
		refuse string // part of why; empty: admitted
		root   bool   // needs to be root
	}{
		"missing": {make: func(t *testing.T, path string) {}},
		"missing with parents": {make: func(t *testing.T, path string) {
			require.NoError(t, os.Remove(filepath.Dir(path)))
		}},
		"empty": {make: func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o755)) }},
		"ours":  {make: func(t *testing.T, path string) { openAt(t, path, Options{}) }},
		"ours, others read": {make: func(t *testing.T, path string) {
			openAt(t, path, Options{})
			require.NoError(t, os.Chmod(path, 0o755))
		}},
		"a file": {refuse: "not a directory", make: func(t *testing.T, path string) { write(t, path, "x") }},
		"a home": {refuse: "not empty", make: func(t *testing.T, path string) { write(t, path+"/.bashrc", "x") }},
		"another cache": {refuse: "not empty", make: func(t *testing.T, path string) {
			write(t, path+"/"+tagFile, "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo.\n")
		}},
		"a directory v1": {
			refuse: "not empty", make: func(t *testing.T, path string) { write(t, path+"/v1/entries/ab/x", "x") },
		},
		"a file v1": {refuse: "not empty", make: func(t *testing.T, path string) { write(t, path+"/v1", "x") }},
		"another README": {
			refuse: "not empty", make: func(t *testing.T, path string) { write(t, path+"/README", "x") },
		},
		"group may write": {refuse: "others may write", make: func(t *testing.T, path string) {
			openAt(t, path, Options{})
			require.NoError(t, os.Chmod(path, 0o770))
		}},
		"all may write": {refuse: "others may write", make: func(t *testing.T, path string) {
			require.NoError(t, os.Mkdir(path, 0o700))
			require.NoError(t, os.Chmod(path, 0o777|os.ModeSticky))
		}},
		"foreign": {root: true, refuse: "belongs to user 54321", make: func(t *testing.T, path string) {
			require.NoError(t, os.Mkdir(path, 0o700))
			require.NoError(t, os.Chown(path, stranger, stranger))
		}},
		"foreign and trusted": {root: true, trust: []int{1, stranger}, make: func(t *testing.T, path string) {
			require.NoError(t, os.Mkdir(path, 0o700))
			require.NoError(t, os.Chown(path, stranger, stranger))
		}},
		"trusted, and writable by others": {
			root: true, trust: []int{stranger}, refuse: "others may write",
			make: func(t *testing.T, path string) {
				require.NoError(t, os.Mkdir(path, 0o700))
				require.NoError(t, os.Chown(path, stranger, stranger))
				require.NoError(t, os.Chmod(path, 0o722))
			},
		},
		"through our own link": {make: func(t *testing.T, path string) {
			require.NoError(t, os.Mkdir(path+"-real", 0o700))
			require.NoError(t, os.Symlink(filepath.Base(path)+"-real", path))
		}},
		"through a foreign link": {root: true, refuse: "link of user 54321", make: func(t *testing.T, path string) {
			require.NoError(t, os.Mkdir(path+"-real", 0o700))
			require.NoError(t, os.Symlink(path+"-real", path))
			require.NoError(t, os.Lchown(path, stranger, stranger))
		}},
		"through a foreign link further up": {
			root: true, refuse: "link of user 54321",
			make: func(t *testing.T, path string) {
				dir := filepath.Dir(path)
				require.NoError(t, os.Rename(dir, dir+"-real"))
				require.NoError(t, os.Mkdir(dir+"-real/cache", 0o700))
				require.NoError(t, os.Symlink("../"+filepath.Base(filepath.Dir(dir))+"/./parent-real", dir))
				require.NoError(t, os.Lchown(dir, stranger, stranger))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.root && !asRoot() {
				t.Skip("needs files of another user")
			}
			parent := filepath.Join(t.TempDir(), "parent")
			require.NoError(t, os.Mkdir(parent, 0o700))
			path := filepath.Join(parent, "cache")
			c.make(t, path)
			before := map[string]string{}
			if _, err := os.Stat(path); err == nil {
				before = snapshot(t, path)
			}
			d, err := Open(path, Options{TrustOwners: c.trust})
			if c.refuse != "" {
				var refused *Refused
				require.ErrorAs(t, err, &refused)
				require.Contains(t, refused.Error(), c.refuse)
				require.NotContains(t, refused.Error(), "\n")
				require.Equal(t, before, snapshot(t, path), "what is refused is left alone")
				return
			}
			require.NoError(t, err)
			defer d.Close()
			store(t, d, runOf("x"), part{0, "x"})
			requireHit(t, d, runOf("x"), Good, part{0, "x"})
			fi, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o700), fi.Mode().Perm())
		})
	}
}

// What root stores in the directory of a trusted user, that user can use and remove.
func TestRootLeavesFilesToTheOwner(t *testing.T) {
	if !asRoot() {
		t.Skip("needs to be root")
	}
	path := filepath.Join(t.TempDir(), "cache")
	require.NoError(t, os.Mkdir(path, 0o700))
	require.NoError(t, os.Chown(path, 54321, -1))
	d := openAt(t, path, Options{TrustOwners: []int{54321}})
	store(t, d, runOf("x"), part{0, "x"})
	require.NoError(t, d.Journal.Log(stats.Record{Served: stats.Missed}))
	for name := range snapshot(t, path) {
		var st unix.Stat_t
		require.NoError(t, unix.Lstat(name, &st))
		require.Equal(t, uint32(54321), st.Uid, name)
	}
}

// A creation that was killed anywhere leaves a directory that the next run uses.
func TestCreationKilled(t *testing.T) {
	open := func(t *testing.T, path string) {
		d, err := Open(path, Options{})
		require.NoError(t, err)
		defer d.Close()
		require.Equal(t, whole, d.holds(tagFile, tagText))
		require.Equal(t, whole, d.holds("v1/"+markFile, markText))
		store(t, d, runOf("x"), part{0, "x"})
	}
	states := []func(path string) error{
		func(path string) error { return os.Mkdir(path, 0o700) },
		func(path string) error { return os.WriteFile(path+"/"+tagFile, nil, 0o600) },
		func(path string) error { return os.WriteFile(path+"/"+tagFile, []byte(tagText[:20]), 0o600) },
		func(path string) error { return os.Mkdir(path+"/v1", 0o700) }, // as seen by another process at the same time
		func(path string) error { return os.WriteFile(path+"/v1/"+markFile, nil, 0o600) },
		func(path string) error { return os.WriteFile(path+"/v1/"+markFile, []byte(markText[:5]), 0o600) },
		func(path string) error { return os.WriteFile(path+"/"+tagFile, []byte(tagText), 0o600) },
		func(path string) error { return os.WriteFile(path+"/README", []byte(readmeText[:9]), 0o600) },
		func(path string) error { return os.WriteFile(path+"/v1/"+markFile, []byte(markText), 0o600) },
	}
	for n := range states {
		path := filepath.Join(t.TempDir(), "cache")
		for _, step := range states[:n+1] {
			require.NoError(t, step(path))
		}
		open(t, path)
	}
}

func TestEitherMarkIsEnough(t *testing.T) {
	for _, lost := range []string{tagFile, "v1/" + markFile} {
		path := filepath.Join(t.TempDir(), "cache")
		d := openAt(t, path, Options{})
		store(t, d, runOf("x"), part{0, "x"})
		require.NoError(t, os.WriteFile(filepath.Join(path, "keep"), []byte("me"), 0o600))
		require.NoError(t, os.Remove(filepath.Join(path, lost)))
		again := openAt(t, path, Options{})
		requireHit(t, again, runOf("x"), Good, part{0, "x"})
		store(t, again, runOf("y"), part{0, "y"})
		require.Equal(t, whole, again.holds(tagFile, tagText))
		require.Equal(t, whole, again.holds("v1/"+markFile, markText))
	}
}

func TestReadOnlyWritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	_, err := Open(path, Options{ReadOnly: true})
	require.ErrorIs(t, err, ErrAbsent)
	require.NoDirExists(t, path)
	require.NoError(t, os.Mkdir(path, 0o755))
	_, err = Open(path, Options{ReadOnly: true})
	require.ErrorIs(t, err, ErrAbsent)
	require.Len(t, snapshot(t, path), 1)

	x := newFixture(t)
	before := snapshot(t, x.path)
	d := openAt(t, x.path, Options{ReadOnly: true})
	requireHit(t, d, x.small, Good, x.parts...)
	requireHit(t, d, x.large, Good, x.body...)
	e, err := d.Load(x.small.Key, Good)
	require.NoError(t, err)
	e.LastUse = e.LastUse.Add(-2 * time.Hour)
	e.Touch()
	e.Close()
	_, err = d.Begin(runOf("y"))
	require.ErrorIs(t, err, ErrReadOnly)
	require.ErrorIs(t, d.NoteRun(x.command, CommandRun{}), ErrReadOnly)
	require.ErrorIs(t, d.Remove(x.small.Key, Good), ErrReadOnly)
	require.ErrorIs(t, d.PurgeTag("tag", false), ErrReadOnly)
	_, err = d.PurgeAll()
	require.ErrorIs(t, err, ErrReadOnly)
	_, err = d.Purge(func(EntryInfo) bool { return true }, false)
	require.ErrorIs(t, err, ErrReadOnly)
	n, err := d.Purge(func(EntryInfo) bool { return true }, true)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	_, err = d.LockFile(x.small.Key).Open()
	require.ErrorIs(t, err, ErrReadOnly)
	require.NoError(t, d.Journal.Log(stats.Record{Served: stats.Hit}))
	d.Journal.Fold()
	require.True(t, d.OncePerDay("x"))
	d.Digests().Remember(x.stamp, [32]byte{})
	d.countHit(x.small.Key)
	r, err := d.Probe()
	require.NoError(t, err)
	require.ErrorIs(t, r.Write, ErrReadOnly)
	require.Equal(t, before, snapshot(t, x.path))
}

// What a power cut leaves of the marks: with them gone the directory is ours if all in it is, and it is private.
func TestMarksLost(t *testing.T) {
	empty := func(t *testing.T, name, _ string) { require.NoError(t, os.WriteFile(name, nil, 0o600)) }
	zeros := func(t *testing.T, name, text string) {
		require.NoError(t, os.WriteFile(name, make([]byte, len(text)), 0o600))
	}
	half := func(t *testing.T, name, text string) {
		require.NoError(t, os.WriteFile(name, []byte(text[:len(text)/2]), 0o600))
	}
	gone := func(t *testing.T, name, _ string) { require.NoError(t, os.Remove(name)) }
	for name, lose := range map[string]func(t *testing.T, name, text string){
		"empty": empty, "zeros": zeros,
		"half": half, "gone": gone,
	} {
		t.Run(name, func(t *testing.T) {
			x := newFixture(t)
			used := openAt(t, x.path, Options{})
			require.NoError(t, used.Journal.Log(stats.Record{Served: stats.Hit}))
			require.NoError(t, used.PurgeTag("unused", false))
			require.NoError(t, os.Mkdir(filepath.Join(x.path, "lost+found"), 0o700))
			for file, text := range map[string]string{
				tagFile: tagText, readmeFile: readmeText, "v1/" + markFile: markText,
			} {
				lose(t, filepath.Join(x.path, file), text)
			}
			d := openAt(t, x.path, Options{})
			requireHit(t, d, x.small, Good, x.parts...)
			store(t, d, runOf("after"), part{0, "after"})
			require.Equal(t, whole, d.holds(tagFile, tagText))
			require.Equal(t, whole, d.holds("v1/"+markFile, markText))
		})
	}
	for name, spoil := range map[string]func(t *testing.T, path string) error{
		"a file beside": func(t *testing.T, path string) error { return os.WriteFile(path+"/notes", nil, 0o600) },
		"a file in v1": func(t *testing.T, path string) error {
			return os.WriteFile(path+"/v1/notes", nil, 0o600)
		},
		"a folder in v1": func(t *testing.T, path string) error { return os.Mkdir(path+"/v1/src", 0o700) },
		"a file by an entry": func(t *testing.T, path string) error {
			return os.WriteFile(path+"/v1/entries/notes", nil, 0o600)
		},
		"another fan": func(t *testing.T, path string) error {
			return os.MkdirAll(path+"/v1/entries/zz", 0o700)
		},
		"a file in a fan": func(t *testing.T, path string) error { return writeIn(path+"/v1/entries/ab", "notes") },
		"an entry elsewhere": func(t *testing.T, path string) error {
			return writeIn(path+"/v1/entries/ab", strings.Repeat("cd", 32))
		},
		"a link": func(t *testing.T, path string) error { return os.Symlink("/", path+"/v1/scopes") },
		"another tag": func(t *testing.T, path string) error {
			return os.WriteFile(path+"/"+tagFile, []byte("Signature: x\n"), 0o600)
		},
		"others may look in":  func(t *testing.T, path string) error { return os.Chmod(path, 0o755) },
		"others may look, v1": func(t *testing.T, path string) error { return os.Chmod(path+"/v1", 0o750) },
	} {
		t.Run(name, func(t *testing.T) {
			x := newFixture(t)
			empty(t, filepath.Join(x.path, tagFile), "")
			empty(t, filepath.Join(x.path, "v1", markFile), "")
			require.NoError(t, spoil(t, x.path))
			before := snapshot(t, x.path)
			_, err := Open(x.path, Options{})
			var refused *Refused
			require.ErrorAs(t, err, &refused)
			require.Equal(t, before, snapshot(t, x.path))
		})
	}
}

// writeIn makes an empty file in a folder that may not be there yet.
func writeIn(dir, name string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), nil, 0o600)
}
