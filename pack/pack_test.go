package pack

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/remote"
)

func newDir(t testing.TB) *cachedir.Dir {
	t.Helper()
	d, err := cachedir.Open(filepath.Join(t.TempDir(), "cache"), cachedir.Options{})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

func newSealer(t testing.TB, p remote.Policy) *remote.Sealer {
	t.Helper()
	s, err := remote.NewSealer(p)
	require.NoError(t, err)
	return s
}

var ended = time.Unix(1_700_000_000, 0)

// store makes an entry whose recipe and output are these, and returns it.
func store(t testing.TB, d *cachedir.Dir, recipe, output string, tags ...string) *cachedir.Entry {
	t.Helper()
	key := sha256.Sum256([]byte(recipe))
	p, err := d.Begin(cachedir.Run{Key: key, Recipe: []byte(recipe)})
	require.NoError(t, err)
	defer p.Discard()
	require.NoError(t, p.Append(0, []byte(output)))
	m := cachedir.Meta{Started: ended.Add(-time.Second), Ended: ended, TTL: -1}
	for _, tag := range tags {
		m.Tags = append(m.Tags, cachedir.Tag{Name: tag, Seq: cachedir.OwnSeq})
	}
	require.NoError(t, p.Commit(m))
	return load(t, d, recipe)
}

func load(t testing.TB, d *cachedir.Dir, recipe string) *cachedir.Entry {
	t.Helper()
	e, err := d.Lookup(sha256.Sum256([]byte(recipe)), []byte(recipe), cachedir.Good)
	require.NoError(t, err)
	t.Cleanup(e.Close)
	return e
}

func output(t testing.TB, d *cachedir.Dir, recipe string) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, load(t, d, recipe).Replay(&b, io.Discard))
	return b.String()
}

func archive(t testing.TB, s *remote.Sealer, entries ...*cachedir.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, s, func() (*os.File, error) { return os.CreateTemp(t.TempDir(), "spool") }, math.MaxInt64)
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, w.Add(e, nil))
	}
	require.EqualValues(t, b.Len(), w.Written())
	return b.Bytes()
}

// unpack returns what became of an archive, and why something was refused.
func unpack(t testing.TB, b []byte, d *cachedir.Dir, s *remote.Sealer) (n Counts, why []error) {
	t.Helper()
	n, err := Unpack(iotest.HalfReader(bytes.NewReader(b)), d, s, func(err error) { why = append(why, err) })
	require.NoError(t, err)
	return n, why
}

var plain = remote.Policy{Compress: true}

func TestPack(t *testing.T) {
	from, to, s := newDir(t), newDir(t), newSealer(t, plain)
	outputs := map[string]string{
		"none\n": "", "small\n": "one\n", "marks\n": strings.Repeat(string(mark), 3) + string(mark[:6]),
		"large\n": strings.Repeat("0123456789abcde\n", 200<<10), // 3 MiB
	}
	var all []*cachedir.Entry
	for _, recipe := range []string{"none\n", "small\n", "marks\n", "large\n"} {
		all = append(all, store(t, from, recipe, outputs[recipe]))
	}
	b := archive(t, s, all...)
	require.Equal(t, b, archive(t, s, all...), "the same bytes")
	n, _ := unpack(t, b, to, s)
	require.Equal(t, Counts{Taken: 4}, n)
	for recipe, want := range outputs {
		require.Equal(t, want, output(t, to, recipe), recipe)
		require.Equal(t, ended.UnixNano(), load(t, to, recipe).Ended.UnixNano())
	}
	n, _ = unpack(t, b, to, s)
	require.Equal(t, Counts{Known: 4}, n)
	var again []*cachedir.Entry
	for _, e := range all {
		again = append(again, load(t, to, string(e.Recipe)))
	}
	require.Equal(t, b, archive(t, s, again...), "packed again it is the same")
}

// What leads to a result comes with it. Of a list of sets those count whose results are there.
func TestPackWay(t *testing.T) {
	from, to, s := newDir(t), newDir(t), newSealer(t, plain)
	base := cachedir.Run{Key: sha256.Sum256([]byte("base\n")), Recipe: []byte("base\n")}
	set := func(recipe string) [32]byte { return sha256.Sum256([]byte(recipe)) }
	for _, recipe := range []string{"base\nseen 1\n", "base\nseen 2\n"} {
		store(t, from, recipe, recipe)
		require.NoError(t, from.AddSet(base, cachedir.Meta{Started: ended, Ended: ended}, set(recipe)))
	}
	var b bytes.Buffer
	w, err := NewWriter(&b, s, nil, math.MaxInt64)
	require.NoError(t, err)
	require.NoError(t, w.Add(load(t, from, "base\nseen 1\n"), load(t, from, "base\n")))

	store(t, to, "base\nseen 3\n", "three")
	later := cachedir.Meta{Started: ended, Ended: ended.Add(time.Hour)}
	require.NoError(t, to.AddSet(base, later, set("base\nseen 3\n")))
	n, why := unpack(t, b.Bytes(), to, s)
	require.Equal(t, Counts{Taken: 1}, n, why)
	sets := load(t, to, "base\n").Learned.Sets
	require.Equal(t, []any{set("base\nseen 1\n"), set("base\nseen 3\n")}, []any{[32]byte(sets[0]), [32]byte(sets[1])})
	require.Len(t, sets, 2, "and not the one whose result is not here")
}

func TestPackMaxSize(t *testing.T) {
	d, s := newDir(t), newSealer(t, remote.Policy{})
	large, small := store(t, d, "large\n", strings.Repeat("x", 10<<10)), store(t, d, "small\n", "x")
	var b bytes.Buffer
	w, err := NewWriter(&b, s, nil, 2<<10)
	require.NoError(t, err)
	require.ErrorIs(t, w.Add(large, nil), ErrFull)
	require.NoError(t, w.Add(small, nil))
	require.LessOrEqual(t, b.Len(), 2<<10)
	n, _ := unpack(t, b.Bytes(), newDir(t), s)
	require.Equal(t, Counts{Taken: 1}, n)
	_, err = NewWriter(&b, s, nil, 10)
	require.ErrorIs(t, err, ErrFull)
}

func TestUnpackKeepsWhatIsNewer(t *testing.T) {
	from, to, s := newDir(t), newDir(t), newSealer(t, plain)
	b := archive(t, s, store(t, from, "a\n", "old"))
	ended = ended.Add(time.Second)
	defer func() { ended = ended.Add(-time.Second) }()
	newer := archive(t, s, store(t, from, "a\n", "new"))
	for _, step := range []struct {
		archive []byte
		want    Counts
		output  string
	}{{b, Counts{Taken: 1}, "old"}, {newer, Counts{Taken: 1}, "new"}, {b, Counts{Known: 1}, "new"}} {
		n, _ := unpack(t, step.archive, to, s)
		require.Equal(t, step.want, n)
		require.Equal(t, step.output, output(t, to, "a\n"))
	}
}

// Tags: in the directory that an archive is from counts compare; in another one a tag that was ever purged forbids.
func TestUnpackTags(t *testing.T) {
	from, s := newDir(t), newSealer(t, plain)
	require.NoError(t, from.PurgeTag("t", false))
	store(t, from, "a\n", "tagged", "t", "u")
	b := archive(t, s, load(t, from, "a\n"))
	key := sha256.Sum256([]byte("a\n"))

	other := newDir(t)
	n, why := unpack(t, b, other, s)
	require.Equal(t, Counts{Taken: 1}, n, why)
	require.NoError(t, other.PurgeTag("u", false))
	n, why = unpack(t, b, other, s)
	require.Equal(t, Counts{Refused: 1}, n)
	require.ErrorContains(t, why[0], `tag "u": it was purged here once`)

	require.NoError(t, from.Remove(key, cachedir.Good))
	n, why = unpack(t, b, from, s)
	require.Equal(t, Counts{Taken: 1}, n, why)
	require.False(t, load(t, from, "a\n").Soft)
	require.NoError(t, from.Remove(key, cachedir.Good))
	require.NoError(t, from.PurgeTag("t", true))
	n, _ = unpack(t, b, from, s)
	require.Equal(t, Counts{Taken: 1}, n)
	require.True(t, load(t, from, "a\n").Soft, "a soft purge holds for what is older")
	require.NoError(t, from.PurgeTag("u", false))
	n, why = unpack(t, b, from, s)
	require.Equal(t, Counts{Refused: 1}, n)
	require.ErrorContains(t, why[0], `tag "u": purged since`)
}

func TestUnpackSigned(t *testing.T) {
	keys := func(of remote.Algorithm) (ring remote.Keyring, text string) {
		k, err := remote.GenerateKey(of)
		require.NoError(t, err)
		ring, err = remote.ParseKeys(k.Text() + "\n")
		require.NoError(t, err)
		return ring, k.Text()
	}
	hmac, _ := keys(remote.HMAC)
	stranger, _ := keys(remote.HMAC)
	cipher, _ := keys(remote.XChaCha20)
	e := store(t, newDir(t), "a\n", "signed")
	signed := archive(t, newSealer(t, remote.Policy{Sign: remote.HMAC, Keys: hmac}), e)
	forged := archive(t, newSealer(t, remote.Policy{Sign: remote.HMAC, Keys: stranger}), e)
	hidden := archive(t, newSealer(t, remote.Policy{Encrypt: true, Keys: cipher}), e)
	require.NotContains(t, string(hidden), "a\n")
	require.Contains(t, string(signed), "signed")
	requires := newSealer(t, remote.Policy{RequireSignature: true, Keys: hmac})
	encrypts := newSealer(t, remote.Policy{Encrypt: true, Keys: cipher})
	for what, c := range map[string]struct {
		archive []byte
		sealer  *remote.Sealer
		want    error
	}{
		"signed":                 {signed, requires, nil},
		"signed, not required":   {signed, newSealer(t, plain), nil},
		"not signed":             {archive(t, newSealer(t, plain), e), requires, remote.ErrUnsigned},
		"by a stranger":          {forged, requires, remote.ErrUnknownKey},
		"encrypted":              {hidden, encrypts, nil},
		"encrypted, without key": {hidden, newSealer(t, plain), remote.ErrUnknownKey},
		"not encrypted":          {signed, encrypts, remote.ErrNotEncrypted},
	} {
		n, why := unpack(t, c.archive, newDir(t), c.sealer)
		if c.want == nil {
			require.Equal(t, Counts{Taken: 1}, n, "%s: %v", what, why)
			continue
		}
		require.Equal(t, Counts{Refused: 1}, n, what)
		require.ErrorIs(t, why[0], c.want, what)
	}
}

// Damage costs the entries that it is in. What is known already shows which ones were not read.
func TestUnpackDamaged(t *testing.T) {
	d, s := newDir(t), newSealer(t, plain)
	inner := archive(t, s, store(t, newDir(t), "inner\n", "of an archive that a command printed"))
	b := archive(t, s, store(t, d, "a\n", "one"), store(t, d, "b\n", string(inner)), store(t, d, "c\n", "three"))
	step := 7
	if os.Getenv("EVERY") == "1" {
		step = 1
	}
	for what, damage := range map[string]func(b []byte, at int) []byte{
		"changed":  func(b []byte, at int) []byte { b[at] ^= 0x55; return b },
		"left out": func(b []byte, at int) []byte { return append(b[:at], b[at+1:]...) },
		"put in":   func(b []byte, at int) []byte { return append(b[:at], append([]byte{mark[0]}, b[at:]...)...) },
	} {
		for at := 0; at < len(b); at += step {
			n, why := unpack(t, damage(bytes.Clone(b), at), d, s)
			require.Zero(t, n.Taken, "%s at %d", what, at)
			require.GreaterOrEqual(t, n.Known, 2, "%s at %d: %v", what, at, why)
			if at >= headSize {
				require.GreaterOrEqual(t, n.Refused, 1, "%s at %d", what, at)
			}
		}
	}
	known := 0
	for at := headSize; at < len(b); at += step {
		n, _ := unpack(t, b[:at], d, s)
		require.Zero(t, n.Taken)
		require.GreaterOrEqual(t, n.Known, known)
		known = n.Known
	}
	require.Equal(t, 2, known)
}

func TestUnpackNoArchive(t *testing.T) {
	d, s := newDir(t), newSealer(t, plain)
	newer := archiveHead()
	newer[8]++
	binary.LittleEndian.PutUint64(newer[16:], 0)
	for what, c := range map[string]struct {
		b    string
		want error
	}{
		"nothing":            {"", ErrNoArchive},
		"another file":       {strings.Repeat("\x7fELF", 100), ErrNoArchive},
		"a mark":             {string(mark), ErrNoArchive},
		"a damaged version":  {string(newer), ErrNoArchive},
		"the next version":   {string(headOf(2)), ErrNewer},
		"an archive of none": {string(archiveHead()), nil},
	} {
		n, err := Unpack(strings.NewReader(c.b), d, s, func(error) {})
		require.ErrorIs(t, err, c.want, what)
		require.Zero(t, n, what)
	}
	broken := errors.New("broken")
	b := archive(t, s, store(t, d, "a\n", strings.Repeat("x", 1000)))
	for at := range b {
		_, err := Unpack(io.MultiReader(bytes.NewReader(b[:at]), iotest.ErrReader(broken)), d, s, func(error) {})
		require.ErrorIs(t, err, broken, "at %d", at)
	}
}

// What is no entry, or says to be larger than anything may be, is refused, and takes no more memory than it has bytes.
func TestUnpackBombs(t *testing.T) {
	d, s := newDir(t), newSealer(t, plain)
	record := func(parts ...string) []byte {
		var b, sealed bytes.Buffer
		for _, p := range parts {
			b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(p))))
			b.WriteString(p)
		}
		require.NoError(t, s.Seal(&stuffer{w: &sealed}, sealedAs, nil, &b, int64(b.Len())))
		return append(frameStart(int64(sealed.Len())), sealed.Bytes()...)
	}
	zeros := func(size int64, begin ...byte) []byte {
		var sealed bytes.Buffer
		src := io.MultiReader(bytes.NewReader(begin), io.LimitReader(zero{}, size-int64(len(begin))))
		require.NoError(t, s.Seal(&stuffer{w: &sealed}, sealedAs, nil, src, size))
		return append(frameStart(int64(sealed.Len())), sealed.Bytes()...)
	}
	x, err := store(t, newDir(t), "a\n", "a").Export()
	require.NoError(t, err)
	good := string(x.Content)
	for what, frame := range map[string][]byte{
		"nothing":             record(),
		"no entry":            record("", ""),
		"a name for a path":   record("", "../../../etc/passwd"),
		"half an entry":       record("", good[:len(good)/2]),
		"no result":           record(good),
		"more than an entry":  record("", good, "more"),
		"a way that is none":  record("way", good),
		"zeros":               zeros(64 << 20),
		"a long entry":        zeros(64<<20, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff),
		"an entry of zeros":   zeros(32<<20, 0, 0, 0, 0, 0, 0, 0, 1),
		"a length, no value":  frameStart(math.MaxInt64 / 4),
		"a length of nothing": frameStart(0),
	} {
		d := newDir(t)
		n, why := unpack(t, append(archiveHead(), frame...), d, s)
		requireSound(t, d)
		require.Equal(t, 1, n.Refused, "%s: %v", what, why)
		require.Zero(t, n.Known, what)
		if what != "a way that is none" {
			require.Zero(t, n.Taken, what)
		}
	}
	many := append(archiveHead(), bytes.Repeat(frameStart(7), 10_000)...)
	n, _ := unpack(t, many, d, s)
	require.Equal(t, Counts{Refused: 10_000}, n)
	requireSound(t, d)
}

func requireSound(t testing.TB, d *cachedir.Dir) {
	t.Helper()
	require.NoError(t, d.Check(func(i cachedir.EntryInfo) error { return i.Err }))
}

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Whatever lies between two frames comes back, and is never taken for a frame.
func FuzzStuffing(f *testing.F) {
	f.Add([]byte("plain"))
	f.Add(bytes.Repeat(mark, 3))
	f.Add(append(bytes.Clone(mark), opens, mark[0], mark[0], mark[1]))
	f.Fuzz(func(t *testing.T, b []byte) {
		var stream bytes.Buffer
		w := &stuffer{w: &stream}
		for _, c := range b { // in pieces
			_, _ = w.Write([]byte{c})
		}
		stream.Write(frameStart(1))
		s := &scanner{r: bufio.NewReaderSize(iotest.OneByteReader(&stream), 16)}
		got, err := io.ReadAll(s)
		require.NoError(t, err)
		require.Equal(t, string(b), string(got))
		skipped, err := s.next()
		require.NoError(t, err)
		require.Zero(t, skipped)
	})
}

// Any bytes are refused, or are entries that verify.
func FuzzUnpack(f *testing.F) {
	from, s := newDir(f), newSealer(f, plain)
	b := archive(f, s, store(f, from, "a\n", "one"), store(f, from, "b\n", strings.Repeat("two\n", 200)))
	f.Add(b)
	f.Add(b[headSize:])
	f.Add(append(bytes.Clone(b), b...))
	d := newDir(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Unpack(bytes.NewReader(b), d, s, func(error) {}); err != nil {
			require.True(t, errors.Is(err, ErrNoArchive) || errors.Is(err, ErrNewer), "%v", err)
		}
		requireSound(t, d)
	})
}
