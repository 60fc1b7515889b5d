package cachedir

import (
	"bytes"
	"crypto/sha256"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// newDir opens a fresh cache directory.
func newDir(t testing.TB, o Options) *Dir {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "cache"), o)
}

func openAt(t testing.TB, path string, o Options) *Dir {
	t.Helper()
	d, err := Open(path, o)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// runOf makes the run of a recipe as hashing would.
func runOf(recipe string) Run {
	return Run{Key: sha256.Sum256([]byte(recipe)), Command: sha256.Sum256([]byte("c" + recipe)), Recipe: []byte(recipe)}
}

// part is a piece of output.
type part struct {
	stream uint8
	text   string
}

func metaNow() Meta {
	now := time.Now()
	return Meta{Started: now.Add(-time.Second), Ended: now, TTL: time.Hour, Family: "test"}
}

func storeMeta(t testing.TB, d *Dir, r Run, m Meta, parts ...part) {
	t.Helper()
	require.NoError(t, tryStore(d, r, m, parts...))
}

func tryStore(d *Dir, r Run, m Meta, parts ...part) error {
	p, err := d.Begin(r)
	if err != nil {
		return err
	}
	defer p.Discard()
	for _, part := range parts {
		if err := p.Append(part.stream, []byte(part.text)); err != nil {
			return err
		}
	}
	return p.Commit(m)
}

func store(t testing.TB, d *Dir, r Run, parts ...part) {
	t.Helper()
	storeMeta(t, d, r, metaNow(), parts...)
}

// lookup returns what a hit would write to stdout, to stderr, and to both if they are one file.
func lookup(d *Dir, r Run, s Slot) (stdout, stderr, both string, err error) {
	e, err := d.Lookup(r.Key, r.Recipe, s)
	if err != nil {
		return "", "", "", err
	}
	defer e.Close()
	var out, errs, all bytes.Buffer
	err = e.Replay(io.MultiWriter(&out, &all), io.MultiWriter(&errs, &all))
	return out.String(), errs.String(), all.String(), err
}

func requireHit(t testing.TB, d *Dir, r Run, s Slot, parts ...part) {
	t.Helper()
	var want [3]strings.Builder
	for _, p := range parts {
		want[p.stream].WriteString(p.text)
		want[2].WriteString(p.text)
	}
	stdout, stderr, both, err := lookup(d, r, s)
	require.NoError(t, err)
	for i, got := range []string{stdout, stderr, both} {
		require.True(t, want[i].String() == got, "replay differs from what was recorded")
	}
}

func requireMiss(t testing.TB, d *Dir, r Run, s Slot, want stats.Reason) {
	t.Helper()
	_, err := d.Lookup(r.Key, r.Recipe, s)
	var miss *Miss
	require.ErrorAs(t, err, &miss)
	require.Equal(t, want, miss.Reason, "%v", err)
}

func TestStoreAndReplay(t *testing.T) {
	large := string(bytes.Repeat([]byte("0123456789abcde\n"), 40<<10)) // 640 KiB
	huge := string(bytes.Repeat([]byte("0123456789abcde\n"), 320<<10)) // 5 MiB
	alternating := make([]part, 0, 300_000)
	for i := range cap(alternating) {
		alternating = append(alternating, part{uint8(i & 1), "x"})
	}
	long := make([]part, 0, 800_000)
	for i := range cap(long) {
		long = append(long, part{uint8(i & 1), "yz"})
	}
	for name, parts := range map[string][]part{
		"nothing":              nil,
		"an empty write":       {{0, ""}},
		"one byte":             {{0, "x"}},
		"stderr only":          {{1, "oops"}},
		"both":                 {{0, "a"}, {1, "b"}, {0, "c"}, {0, "d"}, {1, "e"}},
		"not text":             {{0, "\x00\xff\xfe"}, {1, "\x80"}},
		"all that is inline":   {{0, large[:format.InlineMax]}},
		"a byte too much":      {{0, large[:format.InlineMax]}, {0, "x"}},
		"large":                {{0, large}},
		"large in pieces":      {{0, large[:100_000]}, {0, large[100_000:300_001]}, {0, large[300_001:]}},
		"large on stderr":      {{1, large}},
		"large, both":          {{0, large}, {1, "in between"}, {0, large}, {1, large}},
		"huge":                 {{0, huge}},
		"huge, both":           {{0, huge}, {1, huge}, {0, "x"}},
		"alternating":          alternating,
		"long frame table":     long,
		"chunk exactly":        {{0, large[:format.ChunkSize*2]}},
		"chunk and whole read": {{0, huge[:wholeRead]}},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && (len(parts) > 500_000 || name == "huge, both") {
				t.Skip("stores much; others of its kind are shorter")
			}
			d := newDir(t, Options{})
			r := runOf(name)
			requireMiss(t, d, r, Good, stats.New)
			store(t, d, r, parts...)
			requireHit(t, d, r, Good, parts...)
			requireMiss(t, d, r, Failed, stats.New)

			m := metaNow()
			m.Code = 3
			storeMeta(t, d, r, m, append(parts, part{1, "failed"})...)
			requireHit(t, d, r, Good, parts...)
			requireHit(t, d, r, Failed, append(parts, part{1, "failed"})...)
			require.Empty(t, faults(t, d))
			require.Empty(t, names(t, d, "pending"))
		})
	}
}

func faults(t testing.TB, d *Dir) (found []string) {
	t.Helper()
	require.NoError(t, d.Check(func(i EntryInfo) error {
		found = append(found, i.Key.String()+i.Slot.Suffix()+": "+i.Err.Error())
		return nil
	}))
	return found
}

func names(t testing.TB, d *Dir, dir string) (all []string) {
	t.Helper()
	require.NoError(t, d.v1.List(dir, func(name string) bool {
		all = append(all, name)
		return true
	}))
	return all
}

func TestMetaSurvives(t *testing.T) {
	d := newDir(t, Options{})
	r := runOf("meta")
	m := Meta{
		Family: "terraform", Merged: true, Pty: true, Code: -1, Signal: 15,
		Started: time.Unix(1, 999_999_999), Ended: time.Unix(1<<33, 1), BootID: [16]byte{1, 2, 3},
		StartedBoot: 5, EndedBoot: 1 << 60, TTL: -1, Random: 1 << 63, Until: time.Unix(7, 8), Stale: time.Minute,
		Private: true, UID: 9, Tags: []Tag{{Name: "a", Seq: 0}, {Name: "", Seq: 0}, {Name: "\xff", Seq: 0}},
	}
	storeMeta(t, d, r, m, part{0, "x"})
	e, err := d.Load(r.Key, Failed)
	require.NoError(t, err)
	defer e.Close()
	m.Key, m.Command, m.Recipe, m.TagMark = r.Key, r.Command, r.Recipe, e.TagMark
	require.NotZero(t, e.Epoch)
	require.Equal(t, m, e.Meta)
	require.Equal(t, int64(1), e.StdoutSize)
	require.Equal(t, int64(0), e.StderrSize)
}

func TestRecipeIsCompared(t *testing.T) {
	d := newDir(t, Options{})
	r := runOf("right")
	store(t, d, r, part{0, "x"})
	r.Recipe = []byte("wrong")
	requireMiss(t, d, r, Good, stats.Corrupt)
}

func TestFind(t *testing.T) {
	d := newDir(t, Options{})
	r := runOf("find")
	store(t, d, r, part{0, "x"})
	m := metaNow()
	m.Code = 1
	storeMeta(t, d, r, m, part{0, "x"})
	keys, err := d.Find(r.Key.String()[:8], 10)
	require.NoError(t, err)
	require.Equal(t, []hashing.Key{r.Key}, keys)
	for _, bad := range []string{"", "abc", "0123456", "../../..", "0123456g", r.Key.String() + "0"} {
		_, err := d.Find(bad, 10)
		require.ErrorIs(t, err, ErrKey, bad)
	}
	keys, err = d.Find("00000000", 10)
	require.NoError(t, err)
	require.Empty(t, keys)
}

func TestOncePerDay(t *testing.T) {
	now := time.Now()
	d := newDir(t, Options{Now: func() time.Time { return now }})
	require.True(t, d.OncePerDay("a"))
	require.False(t, d.OncePerDay("a"))
	require.True(t, d.OncePerDay("b"))
	now = now.Add(23 * time.Hour)
	require.False(t, d.OncePerDay("a"))
	now = now.Add(2 * time.Hour)
	require.True(t, d.OncePerDay("a"))
	now = now.Add(-48 * time.Hour)
	require.True(t, d.OncePerDay("a"), "a clock that was set back does not silence it for ever")
}

// Of many who ask at once, one is the first.
func TestOncePerDayAmongMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	var first atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		d := openAt(t, path, Options{})
		wg.Go(func() {
			if d.OncePerDay("many") {
				first.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, first.Load())
}
