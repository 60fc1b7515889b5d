//go:build unix

package cachedir

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// snapshot is all that lies below a directory: kind and mode, and of files content and time.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		fi, err := e.Info()
		require.NoError(t, err)
		text := fi.Mode().String()
		if fi.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			text += fi.ModTime().String() + string(b)
		}
		all[path] = text
		return nil
	}))
	return all
}

// forged is a cache directory with the same names as x, where every result is another one: what a link must not
// lead to.
func (x *fixture) forged(t *testing.T) *fixture {
	t.Helper()
	y := newFixture(t)
	d, err := Open(y.path, fixtureOptions)
	require.NoError(t, err)
	defer d.Close()
	store(t, d, y.small, part{0, "forged"})
	store(t, d, y.large, part{0, strings.Repeat("forged", 100_000)})
	require.NoError(t, d.NoteRun(y.command, CommandRun{Key: hashing.Key{66}}))
	d.Digests().Remember(y.stamp, hashing.Digest{66})
	require.NoError(t, d.Journal.Log(stats.Record{Served: stats.Missed, Family: "forged"}))
	y.remember(t)
	return y
}

// plantEach puts something in the place of every file and directory of a cache, one after the other, and requires
// right answers and an untouched outside.
func plantEach(t *testing.T, plant func(t *testing.T, path, outside string) bool) {
	if testing.Short() {
		t.Skip("opens the cache for each place")
	}
	x := newFixture(t)
	y := x.forged(t)
	for _, name := range append(x.sortedFiles(), x.dirs...) {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			x.restore(t)
			y.restore(t)
			path, outside := filepath.Join(x.path, name), filepath.Join(y.path, name)
			if _, err := os.Stat(outside); err != nil {
				outside = filepath.Join(y.path, "README")
			}
			require.NoError(t, os.RemoveAll(path))
			if !plant(t, path, outside) {
				return
			}
			before := snapshot(t, y.path)
			x.right(t, name, true)
			require.Equal(t, before, snapshot(t, y.path), "something outside was changed")
		})
	}
}

func TestPlantedLinks(t *testing.T) {
	plantEach(t, func(t *testing.T, path, outside string) bool {
		require.NoError(t, os.Symlink(outside, path))
		return true
	})
}

func TestPlantedHardLinks(t *testing.T) {
	plantEach(t, func(t *testing.T, path, outside string) bool {
		if fi, err := os.Stat(outside); err != nil || fi.IsDir() || strings.Contains(path, "entries") ||
			strings.Contains(path, "blobs") {
			return false // entries and bodies are replaced, never written in place
		}
		require.NoError(t, os.Link(outside, path))
		return !strings.Contains(path, "commands") && !strings.Contains(path, "totals") // likewise
	})
}

func TestPlantedPipesAndSockets(t *testing.T) {
	for _, kind := range []uint32{unix.S_IFIFO, unix.S_IFSOCK} {
		plantEach(t, func(t *testing.T, path, _ string) bool {
			require.NoError(t, unix.Mknod(path, kind|0o600, 0))
			return true
		})
	}
}

func TestPlantedDirectories(t *testing.T) {
	plantEach(t, func(t *testing.T, path, _ string) bool {
		if name := filepath.Base(path); name == tagFile || name == readmeFile {
			return false // beside our mark they harm nobody, and are not ours to remove
		}
		require.NoError(t, os.MkdirAll(filepath.Join(path, "not", "empty"), 0o700))
		return true
	})
}

func TestPlantedFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("plants many kinds of files")
	}
	x := newFixture(t)
	for _, name := range x.dirs {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			x.restore(t)
			path := filepath.Join(x.path, name)
			require.NoError(t, os.RemoveAll(path))
			require.NoError(t, os.WriteFile(path, []byte("a file"), 0o600))
			x.right(t, name, true)
		})
	}
}

func TestModesWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o22, 0o77, 0o777} {
		path := filepath.Join(t.TempDir(), "parent", "cache") // before the mask, which would close it to all but root
		old := unix.Umask(mask)
		defer unix.Umask(old)
		d := openAt(t, path, fixtureOptions)
		r := runOf("modes")
		store(t, d, r, part{0, strings.Repeat("x", format.InlineMax+1)})
		m := metaNow()
		m.Tags = []Tag{{Name: "x", Seq: OwnSeq}}
		storeMeta(t, d, r, m, part{0, "x"})
		require.NoError(t, d.PurgeTag("x", false))
		require.NoError(t, d.NoteRun(hashing.CommandID{}, CommandRun{}))
		require.NoError(t, d.Journal.Log(stats.Record{Served: stats.Hit}))
		d.Digests().Remember(hashing.StatID{}, hashing.Digest{})
		f, err := d.LockFile(r.Key).Open()
		require.NoError(t, err)
		require.NoError(t, f.Close())
		unix.Umask(old)
		require.NoError(t, filepath.WalkDir(filepath.Dir(path), func(path string, e fs.DirEntry, err error) error {
			require.NoError(t, err)
			fi, err := e.Info()
			require.NoError(t, err)
			want := os.FileMode(0o600)
			if e.IsDir() {
				want = 0o700
			}
			require.Equal(t, want, fi.Mode().Perm(), path)
			return nil
		}))
	}
}
