package cachedir

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

var encrypted = Options{Keys: testKeys(), Encrypt: true}

// everything is all bytes of a directory, and all its names.
func everything(t testing.TB, d *Dir) string {
	t.Helper()
	var all strings.Builder
	require.NoError(t, filepath.WalkDir(d.Path(), func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		all.WriteString(path + "\n")
		if e.Type().IsRegular() {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			all.Write(b)
		}
		return nil
	}))
	return all.String()
}

// outputs are bodies of each kind: within the entry, in a file that is read at once, in one that is read in pieces,
// with a frame table in the entry and behind the body.
func outputs() map[string][]part {
	large := strings.Repeat("planted token, ", wholeRead/10)
	return map[string][]part{
		"small":       {{0, "planted token"}, {1, "planted token\n"}},
		"large":       {{0, large[:wholeRead/2]}},
		"larger":      {{0, large}},
		"both":        {{0, large}, {1, large[:1000]}},
		"alternating": alternating(200_000, "planted token"),
		"empty":       {},
	}
}

func TestEncryptedEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("writes large entries")
	}
	for name, parts := range outputs() {
		t.Run(name, func(t *testing.T) {
			d, r := newDir(t, encrypted), runOf("a recipe with a planted token")
			p, err := d.Begin(r)
			require.NoError(t, err)
			defer p.Discard()
			for _, part := range parts {
				require.NoError(t, p.Append(part.stream, []byte(part.text)))
			}
			require.NotContains(t, everything(t, d), "planted token", "while it is recorded")
			m := metaNow()
			m.Tags = []Tag{{Name: "planted token", Seq: OwnSeq}}
			require.NoError(t, p.Commit(m))
			require.NotContains(t, everything(t, d), "planted token")

			requireHit(t, d, r, Good, parts...)
			rotated := openAt(t, d.Path(), Options{Keys: []SealKey{testKeys()[1], testKeys()[0]}, Encrypt: true})
			requireHit(t, rotated, r, Good, parts...)
			requireMiss(t, openAt(t, d.Path(), Options{Keys: testKeys()[1:], Encrypt: true}), r, Good,
				stats.Uncacheable)
			plain := openAt(t, d.Path(), Options{})
			requireMiss(t, plain, r, Good, stats.Uncacheable)
			require.Empty(t, faults(t, d))
			require.Empty(t, faults(t, plain), "sound also for who has no key")

			store(t, plain, r, parts...)
			requireHit(t, d, r, Good, parts...)
		})
	}
}

// Each byte of an encrypted entry flipped, and some of its body: found damaged, also by who has no key.
func TestEncryptedDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("opens the cache for each damage")
	}
	d, r := newDir(t, encrypted), runOf("r")
	keyless := openAt(t, d.Path(), Options{})
	store(t, d, r, outputs()["large"]...)
	e, err := d.Lookup(r.Key, r.Recipe, Good)
	require.NoError(t, err)
	e.Close()
	for name, step := range map[string]int{bodyName(r.Key, Good, e.h.Sum): 300_000, entryName(r.Key, Good): 1} {
		path := filepath.Join(d.Path(), "v1", name)
		sound, err := os.ReadFile(path)
		require.NoError(t, err)
		for at := 0; at < len(sound); at += step {
			sound[at] ^= 1
			writeThrough(t, path, sound)
			_, _, _, err := lookup(d, r, Good)
			require.Error(t, err, at)
			require.Len(t, faults(t, d), 1, at)
			require.Len(t, faults(t, keyless), 1, at)
			sound[at] ^= 1
		}
		writeThrough(t, path, sound)
	}
	requireHit(t, d, r, Good, outputs()["large"]...)
}

// What comes from other machines is encrypted here, and what goes there is what the command wrote.
func TestEncryptedTransfer(t *testing.T) {
	if testing.Short() {
		t.Skip("transfers large entries")
	}
	for name, parts := range outputs() {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && (name == "both" || name == "alternating") {
				t.Skip("large; another large one is not skipped")
			}
			r := runOf("a recipe with a planted token")
			clear, hidden, again := newDir(t, Options{}), newDir(t, encrypted), newDir(t, Options{})
			store(t, clear, r, parts...)
			require.NoError(t, bring(hidden, r, export(t, clear, r, Good)))
			requireHit(t, hidden, r, Good, parts...)
			require.NotContains(t, everything(t, hidden), "planted token")

			x := exportOf(t, hidden, r, Good)
			require.NoError(t, bring(again, r, x))
			requireHit(t, again, r, Good, parts...)
			for i := range x.body {
				if i%(len(x.body)/3) == 0 {
					x.body[i] ^= 1
					requireCorrupt(t, bring(hidden, r, x))
					x.body[i] ^= 1
				}
			}

			i, err := hidden.Import(r, x.content)
			require.NoError(t, err)
			if _, _, needed := i.NeedsBody(); needed {
				require.NoError(t, i.WriteBody(bytes.NewReader(x.body)))
			}
			e, err := i.Detach()
			require.NoError(t, err)
			defer e.Close()
			var out, errs bytes.Buffer
			require.NoError(t, e.Replay(&out, &errs))
			require.Equal(t, e.StdoutSize, int64(out.Len()))
		})
	}
}

// A damaged body is not sent to others as if it were what the command wrote.
func TestEncryptedExportOfDamage(t *testing.T) {
	d, r := newDir(t, encrypted), runOf("r")
	store(t, d, r, outputs()["large"]...)
	e, err := d.Lookup(r.Key, r.Recipe, Good)
	require.NoError(t, err)
	defer e.Close()
	path := filepath.Join(d.Path(), "v1", bodyName(r.Key, Good, e.h.Sum))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[len(b)-1] ^= 1
	writeThrough(t, path, b)
	_, err = e.Export()
	require.ErrorIs(t, err, format.ErrSpoiled)
}

func TestEncryptedTail(t *testing.T) {
	d, r := newDir(t, encrypted), runOf("r")
	p, err := d.Begin(r)
	require.NoError(t, err)
	defer p.Discard()
	require.NoError(t, p.Append(0, []byte("planted token")))
	p.PublishTail(true)
	require.NoError(t, p.Append(1, []byte("planted token")))
	require.NotContains(t, everything(t, d), "planted token")
	_, ok := openAt(t, d.Path(), Options{}).Follow(r.Key)
	require.False(t, ok, "without the key")
	l, ok := openAt(t, d.Path(), encrypted).Follow(r.Key)
	require.True(t, ok)
	defer l.Close()
	require.True(t, l.Merged)
	for range 2 {
		requireParts(t, []part{{0, "planted token"}, {1, "planted token"}}, readTail(t, l))
		l.Rewind()
	}
}

func TestEncryptedRedirect(t *testing.T) {
	d, r := newDir(t, encrypted), runOf("r")
	_, err := d.Learn(r, metaNow(), hashing.Learned{Env: []string{"PLANTED"}}, nil)
	require.NoError(t, err)
	require.NotContains(t, everything(t, d), "PLANTED")
	require.Equal(t, []string{"PLANTED"}, d.Redirect(r.Key, r.Recipe).Env)
	require.Nil(t, openAt(t, d.Path(), Options{}).Redirect(r.Key, r.Recipe))
}

// Who purges without the key is told which entries and runs may be meant, and what cannot be read is not committed.
func TestPurgeWithoutTheKey(t *testing.T) {
	d, r := newDir(t, encrypted), runOf("r")
	m := metaNow()
	m.TTL, m.Ended = time.Minute, m.Ended.Add(-time.Hour)
	storeMeta(t, d, r, m, part{0, "x"})
	p, err := d.Begin(runOf("other"))
	require.NoError(t, err)
	defer p.Discard()
	var seen []EntryInfo
	n, err := openAt(t, d.Path(), Options{}).Purge(func(i EntryInfo) bool {
		seen = append(seen, i)
		return i.Sealed
	}, false)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Len(t, seen, 1)
	require.Equal(t, r.Command, seen[0].Command)
	require.Equal(t, m.TTL, seen[0].TTL)
	requireMiss(t, d, r, Good, stats.New)
	require.ErrorIs(t, p.Commit(metaNow()), ErrPurged)

	p, err = d.Begin(runOf("other"))
	require.NoError(t, err)
	defer p.Discard()
	_, err = d.Purge(func(i EntryInfo) bool { return string(i.Recipe) == "another" }, false)
	require.NoError(t, err)
	require.NoError(t, p.Commit(metaNow()))
}

// A digest of a result says nothing to who has no key, and is the same to who has it.
func TestBlind(t *testing.T) {
	require.Equal(t, uint64(7), newDir(t, Options{}).Blind(7))
	keys := func(b byte) Options { return Options{Encrypt: true, Keys: []SealKey{{Secret: [32]byte{b}}}} }
	one, other := newDir(t, keys(1)), newDir(t, keys(2))
	require.NotEqual(t, uint64(7), one.Blind(7))
	require.NotEqual(t, one.Blind(7), one.Blind(8))
	require.NotEqual(t, one.Blind(7), other.Blind(7))
	require.Equal(t, one.Blind(7), newDir(t, keys(1)).Blind(7))
}
