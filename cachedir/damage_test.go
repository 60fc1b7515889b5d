package cachedir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// A fixture is a cache directory with something in every file, and what it should answer.
type fixture struct {
	path         string
	small, large Run
	parts, body  []part
	command      hashing.CommandID
	stamp        hashing.StatID
	files        map[string][]byte // content by relative path
	dirs         []string
}

var fixtureOptions = Options{MaxSize: 8 << 20}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	x := &fixture{
		path: filepath.Join(t.TempDir(), "cache"), small: runOf("small"), large: runOf("large"),
		parts:   []part{{0, "out\n"}, {1, "err\n"}, {0, "more\n"}},
		body:    []part{{0, strings.Repeat("0123456789abcdef", 20<<10)}},
		command: hashing.CommandID{7}, stamp: hashing.StatID{Dev: 1, Ino: 2, Size: 3},
	}
	d, err := Open(x.path, fixtureOptions)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, d.PurgeTag("tag", false))
	m := metaNow()
	m.Tags = []Tag{{Name: "tag", Seq: OwnSeq}}
	storeMeta(t, d, x.small, m, x.parts...)
	require.NoError(t, d.PurgeTag("another", false)) // so that the file of the first is read
	store(t, d, x.large, x.body...)
	require.NoError(t, d.NoteRun(x.command, CommandRun{Key: x.small.Key, Ended: time.Unix(5, 0)}))
	require.NoError(t, d.Journal.Log(stats.Record{Served: stats.Hit, Family: "x"}))
	require.NoError(t, d.Journal.LogTier(stats.TierRecord{
		Tier: "x", Op: stats.TierGet, Result: stats.TierHit, Bytes: 3,
	}))
	require.NoError(t, d.NoteTag("x", "tag", 5, NoPurge))
	d.Breaker("x").Failed()
	d.Digests().Remember(x.stamp, hashing.Digest{9})
	d.Digests().KeepManifest(hashing.Key{10}, []byte("manifest"))
	d.countHit(x.small.Key)
	d.recordEviction(x.small.Key, d.now())
	folded := fmt.Sprintf("row %d 0 0 1 0 0 0 \"folded\"\n", time.Now().Truncate(time.Hour).Unix())
	totals := fmt.Appendf(nil, "cachex totals 1 %016x\n%s", xxhash.Sum64String(folded), folded)
	require.NoError(t, d.v1.Replace("journal/totals", totals))
	rows, err := d.Journal.Rows(time.Time{})
	require.NoError(t, err)
	require.Len(t, rows, 2, "the totals are believed")
	x.remember(t)
	return x
}

func (x *fixture) remember(t testing.TB) {
	t.Helper()
	x.files, x.dirs = map[string][]byte{}, nil
	require.NoError(t, filepath.WalkDir(x.path, func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(x.path, path)
		if err != nil || name == "." {
			return err
		}
		if e.IsDir() {
			x.dirs = append(x.dirs, name)
			return nil
		}
		x.files[name], err = os.ReadFile(path)
		return err
	}))
	slices.Sort(x.dirs)
}

// restore makes the directory what it was, hard links between body and blob included.
func (x *fixture) restore(t testing.TB) {
	t.Helper()
	require.NoError(t, os.RemoveAll(x.path))
	require.NoError(t, os.Mkdir(x.path, 0o700))
	for _, d := range x.dirs {
		require.NoError(t, os.Mkdir(filepath.Join(x.path, d), 0o700))
	}
	var body string
	for name, content := range x.files {
		path := filepath.Join(x.path, name)
		if len(content) > format.InlineMax {
			if body != "" {
				require.NoError(t, os.Link(body, path))
				continue
			}
			body = path
		}
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
}

func (x *fixture) sortedFiles() []string {
	var names []string
	for n := range x.files {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// right requires that the cache answers right or not at all, and, if it is to heal, that its next store is a hit again
// and nothing is wrong with it then.
func (x *fixture) right(t *testing.T, what string, heal bool) {
	t.Helper()
	d, err := Open(x.path, fixtureOptions)
	require.NoError(t, err, what)
	defer d.Close()
	for _, e := range []struct {
		run   Run
		parts []part
	}{{x.small, x.parts}, {x.large, x.body}} {
		if e.run.Key == x.large.Key && !heal && !strings.Contains(what, x.large.Key.String()) &&
			!strings.Contains(what, "blobs") {
			continue // a large body that was not damaged: once in a while is enough
		}
		_, _, both, err := lookup(d, e.run, Good)
		var miss *Miss
		var damaged *ReplayError
		switch {
		case errors.As(err, &miss):
		case errors.As(err, &damaged):
			require.False(t, damaged.Written, what)
			require.Empty(t, both, what)
		default:
			require.NoError(t, err, what)
			requireHit(t, d, e.run, Good, e.parts...)
		}
	}
	if rec, ok := d.Command(x.command); ok {
		require.Equal(t, []CommandRun{{Key: x.small.Key, Ended: time.Unix(5, 0)}}, rec.Runs, what)
	}
	if digest, ok := d.Digests().Digest(x.stamp); ok {
		require.Equal(t, hashing.Digest{9}, digest, what)
	}
	if manifest, ok := d.Digests().Manifest(hashing.Key{10}); ok {
		require.Equal(t, "manifest", string(manifest), what)
	}
	d.WasEvicted(x.small.Key)
	if count, _, known := d.TagSeen("x", "tag"); known {
		require.Equal(t, int64(5), count, what)
	}
	require.LessOrEqual(t, d.Breaker("x").State().Failures, 1, what)
	tiers, err := d.Journal.TierRows(time.Time{})
	require.NoError(t, err, what)
	if len(tiers) > 0 {
		require.Equal(t, []stats.TierRow{{
			Tier: "x", Op: stats.TierGet, Results: map[stats.TierResult]int64{stats.TierHit: 1}, Bytes: 3, Asked: 1,
		}}, tiers, what)
	}
	rows, err := d.Journal.Rows(time.Time{})
	require.NoError(t, err, what)
	for _, r := range rows {
		require.Contains(t, []string{"x", "folded"}, r.Family, what)
		require.Equal(t, int64(1), r.Runs, what)
	}
	if heal {
		x.heals(t, d, what)
	}
}

func (x *fixture) heals(t *testing.T, d *Dir, what string) {
	t.Helper()
	m := metaNow()
	m.Tags = []Tag{{Name: "tag", Seq: OwnSeq}}
	for range 2 { // where the file of a tag was damaged, the first store counts as purged with what was there before
		require.NoError(t, tryStore(d, x.small, m, x.parts...), what)
		if _, _, _, err := lookup(d, x.small, Good); err == nil {
			break
		}
	}
	require.NoError(t, tryStore(d, x.large, metaNow(), x.body...), what)
	requireHit(t, d, x.small, Good, x.parts...)
	requireHit(t, d, x.large, Good, x.body...)
	require.NoError(t, d.NoteRun(x.command, CommandRun{Key: x.small.Key, Ended: time.Unix(5, 0)}), what)
	require.NoError(t, d.Journal.Log(stats.Record{Served: stats.Hit, Family: "x"}), what)
	require.NoError(t, d.Journal.LogTier(stats.TierRecord{Op: stats.TierGet, Result: stats.TierHit}), what)
	require.NoError(t, d.NoteTag("x", "tag", 6, NoPurge), what)
	count, _, known := d.TagSeen("x", "tag")
	require.True(t, known && count == 6, what)
	d.Breaker("x").Failed()
	require.NotZero(t, d.Breaker("x").State().Failures, what)
	require.Empty(t, faults(t, d), what)
	for name, text := range map[string]string{tagFile: tagText, "v1/" + markFile: markText} {
		require.Equal(t, whole, d.holds(name, text), what)
	}
}

// steps are the places at which a file is damaged: every byte of a small one, fewer of a larger one, but also where
// something is written in a table that is mostly empty.
func steps(content []byte) []int {
	var at []int
	for i := range content {
		sparse := len(content) <= 70<<10 && content[i] != 0 && i%11 == 0
		if len(content) <= 1024 || sparse || i%4099 == 0 || i == len(content)-1 {
			at = append(at, i)
		}
	}
	return at
}

// thorough says that tests which try many cases try all of them.
func thorough() bool { return os.Getenv("EVERY") == "1" }

// each damages every file at every step, or at each fourth one from another place in each run, by a function of its
// content; every 24th time the cache has to heal.
func (x *fixture) each(t *testing.T, damage func(content []byte, at int) []byte) {
	for _, name := range x.sortedFiles() {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			x.restore(t)
			content, path := x.files[name], filepath.Join(x.path, name)
			every := 1
			if !thorough() {
				every = 4
			}
			from := rand.IntN(every)
			t.Logf("each step of %d, from %d on", every, from)
			for n, i := range steps(content) {
				if n%every != from {
					continue
				}
				writeThrough(t, path, damage(content, i))
				if heal := n/every%(24/every) == 0; heal {
					x.right(t, name, true)
					x.restore(t)
				} else {
					x.right(t, name, false)
					writeThrough(t, path, content)
				}
			}
		})
	}
}

func TestEveryFlippedByteOfEveryFile(t *testing.T) {
	if testing.Short() {
		t.Skip("opens the cache for each damage")
	}
	newFixture(t).each(t, func(content []byte, at int) []byte {
		b := bytes.Clone(content)
		b[at] ^= 0x41
		return b
	})
}

func TestEveryFileCutAtEveryLength(t *testing.T) {
	if testing.Short() {
		t.Skip("opens the cache for each damage")
	}
	newFixture(t).each(t, func(content []byte, at int) []byte { return content[:at] })
}

// writeThrough writes a file without giving it a new inode: the body beside the entry is also the blob.
func writeThrough(t testing.TB, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	_, err = f.Write(b)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestEveryFileAndDirectoryMissing(t *testing.T) {
	if testing.Short() {
		t.Skip("opens the cache for each damage")
	}
	x := newFixture(t)
	for _, name := range append(x.sortedFiles(), x.dirs...) {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			x.restore(t)
			require.NoError(t, os.RemoveAll(filepath.Join(x.path, name)))
			x.right(t, name, true)
		})
	}
}

func TestSparseFilesAreNotRead(t *testing.T) {
	if testing.Short() {
		t.Skip("tries each file of a directory")
	}
	x := newFixture(t)
	for _, name := range x.sortedFiles() {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			x.restore(t)
			if err := os.Truncate(filepath.Join(x.path, name), 1<<40); err != nil {
				t.Skipf("no sparse files here: %v", err)
			}
			x.right(t, name, true)
		})
	}
}
