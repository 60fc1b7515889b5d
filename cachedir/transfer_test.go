package cachedir

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// exported is an entry as it lies on another machine.
type exported struct {
	content, body []byte
	sum           [32]byte
}

// export is exportOf where nothing is encrypted.
func export(t testing.TB, d *Dir, r Run, s Slot) exported {
	t.Helper()
	x := exportOf(t, d, r, s)
	stored, err := os.ReadFile(filepath.Join(d.Path(), "v1", entryName(r.Key, s)))
	require.NoError(t, err)
	require.Equal(t, stored, x.content)
	return x
}

func exportOf(t testing.TB, d *Dir, r Run, s Slot) exported {
	t.Helper()
	e, err := d.Lookup(r.Key, r.Recipe, s)
	require.NoError(t, err)
	defer e.Close()
	x, err := e.Export()
	require.NoError(t, err)
	out := exported{content: x.Content, sum: x.BodySum}
	if x.Body != nil {
		out.body, err = io.ReadAll(x.Body)
		require.NoError(t, err)
		require.Equal(t, x.Body.Size(), int64(len(out.body)))
		require.Equal(t, [32]byte(sha256.Sum256(out.body)), x.BodySum)
	}
	return out
}

// bring imports as far as the first error.
func bring(d *Dir, r Run, x exported) error {
	i, err := d.Import(r, x.content)
	if err != nil {
		return err
	}
	defer i.Discard()
	if _, _, needed := i.NeedsBody(); needed {
		if err := i.WriteBody(iotest.HalfReader(bytes.NewReader(x.body))); err != nil {
			return err
		}
	}
	return i.Commit()
}

// requireNothing requires that a directory holds nothing and counts nothing.
func requireNothing(t testing.TB, d *Dir, what ...any) {
	t.Helper()
	require.Empty(t, names(t, d, "pending"), what...)
	require.Zero(t, sizesOf(t, d), what...)
	require.Zero(t, usedBytes(t, d), what...)
}

func requireCorrupt(t testing.TB, err error, what ...any) {
	t.Helper()
	var miss *Miss
	require.ErrorAs(t, err, &miss, what...)
	require.Equal(t, stats.Corrupt, miss.Reason, what...)
}

func TestTransfer(t *testing.T) {
	large := strings.Repeat("0123456789abcde\n", 40<<10) // 640 KiB
	long := make([]part, 0, 800_000)
	for i := range cap(long) {
		long = append(long, part{uint8(i & 1), "yz"})
	}
	for name, c := range map[string]struct {
		parts []part
		code  int
		apart bool // the body is
	}{
		"nothing":     {},
		"inline":      {parts: []part{{0, "a"}, {1, "b"}, {0, "\x00\xff"}}},
		"large":       {parts: []part{{0, large}}, apart: true},
		"large, both": {parts: []part{{0, large}, {1, "in between"}, {0, large[1:]}}, apart: true},
		"chunks":      {parts: []part{{0, large[:2*format.ChunkSize]}}, apart: true},
		"alternating": {parts: long, apart: true},
		"failed":      {parts: []part{{1, "oops"}}, code: 3},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := newDir(t, Options{}), newDir(t, Options{})
			require.NoError(t, to.PurgeTag("other", false)) // so that the counts of the two differ
			r := runOf(name)
			m := metaNow()
			m.Code, m.UID, m.Random, m.Until, m.Stale = c.code, 7, 9, time.Unix(1<<33, 5), time.Minute
			m.BootID, m.StartedBoot, m.EndedBoot = [16]byte{1}, 2, 3
			m.Tags = []Tag{{Name: "a", Seq: OwnSeq}, {Name: "b", Seq: 0}}
			storeMeta(t, from, r, m, c.parts...)
			slot := m.Slot()
			x := export(t, from, r, slot)
			require.Equal(t, c.apart, x.body != nil)

			requireMiss(t, to, r, slot, stats.New)
			i, err := to.Import(r, x.content)
			require.NoError(t, err)
			defer i.Discard()
			require.Equal(t, slot, i.Slot())
			require.True(t, m.Ended.Equal(i.Meta().Ended))
			sum, size, needed := i.NeedsBody()
			require.Equal(t, c.apart, needed)
			if needed {
				require.Equal(t, x.sum, sum)
				require.Equal(t, int64(len(x.body)), size)
				require.NoError(t, i.WriteBody(iotest.HalfReader(bytes.NewReader(x.body))))
			}
			requireMiss(t, to, r, slot, stats.New)
			require.NoError(t, i.Commit())
			require.ErrorIs(t, i.Commit(), ErrClosed)
			requireHit(t, to, r, slot, c.parts...)
			require.Empty(t, names(t, to, "pending"))
			require.Empty(t, faults(t, to))
			requireNoStrays(t, to)
			require.Equal(t, usedBytes(t, to), sizesOf(t, to))

			e, err := to.Lookup(r.Key, r.Recipe, slot)
			require.NoError(t, err)
			defer e.Close()
			own, err := to.readPurges(seqName)
			require.NoError(t, err)
			m.Key, m.Command, m.Recipe, m.TagMark = r.Key, r.Command, r.Recipe, own.TagMark
			m.Tags = []Tag{{Name: "a", Seq: own.Seq}, {Name: "b", Seq: own.Seq}}
			m.BootID, m.StartedBoot, m.EndedBoot = [16]byte{}, 0, 0
			m.Started, m.Ended = e.Started, e.Ended // compared above: these have a monotonic part
			require.Equal(t, m, e.Meta)
			require.NoError(t, to.PurgeTag("b", false))
			requireMiss(t, to, r, slot, stats.Purged)
		})
	}
}

func TestTransferOfRedirect(t *testing.T) {
	from, to := newDir(t, Options{}), newDir(t, Options{})
	r := runOf("learns")
	lang, err := from.Learn(r, metaNow(), hashing.Learned{Env: []string{"LANG"}, Files: []string{"a"}}, nil)
	require.NoError(t, err)
	x := export(t, from, r, Good)
	require.NoError(t, bring(to, r, x))
	require.Equal(t, &lang, to.Redirect(r.Key, r.Recipe))
	require.NoError(t, bring(to, r, x), "it takes its own place")

	more, err := to.Learn(r, metaNow(), hashing.Learned{Env: []string{"TZ"}}, nil)
	require.NoError(t, err)
	require.ErrorIs(t, bring(to, r, x), ErrLearned, "it knows less")
	require.Equal(t, &more, to.Redirect(r.Key, r.Recipe))
	result := newDir(t, Options{})
	store(t, result, r, part{0, "knows nothing"})
	require.ErrorIs(t, bring(to, r, export(t, result, r, Good)), ErrLearned)
	require.Equal(t, &more, to.Redirect(r.Key, r.Recipe))
	require.Empty(t, names(t, to, "pending"))

	h, _, err := format.DecodeEntry(bytes.Clone(x.content))
	require.NoError(t, err)
	h.Learned.Files = []string{"["}
	requireCorrupt(t, bring(newDir(t, Options{}), r, exported{content: h.Encode(nil)}),
		"inputs that no run could capture")
	require.NoError(t, bring(from, r, export(t, to, r, Good)), "it knows more")
	require.Equal(t, &more, from.Redirect(r.Key, r.Recipe))
}

func TestImportOfEveryDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("damages every place")
	}
	from, to := newDir(t, Options{}), newDir(t, Options{})
	r := runOf("small")
	store(t, from, r, part{0, "out\n"}, part{1, "err\n"})
	x := export(t, from, r, Good)
	for at := range x.content {
		b := bytes.Clone(x.content)
		b[at] ^= 0x41
		requireCorrupt(t, bring(to, r, exported{content: b}), "flipped at %d", at)
		requireCorrupt(t, bring(to, r, exported{content: x.content[:at]}), "cut at %d", at)
	}
	requireCorrupt(t, bring(to, r, exported{content: append(bytes.Clone(x.content), 0)}))
	requireCorrupt(t, bring(to, runOf("other"), x), "the entry of another key")
	other := r
	other.Recipe = []byte("another recipe of this key")
	requireCorrupt(t, bring(to, other, x))
	h, inline, err := format.DecodeEntry(bytes.Clone(x.content))
	require.NoError(t, err)
	h.Key[31] ^= 1
	requireCorrupt(t, bring(to, r, exported{content: h.Encode(inline)}), "this recipe under another key")
	newer := bytes.Clone(x.content)
	newer[8] = format.LastVersion + 1
	binary.LittleEndian.PutUint64(newer[24:], xxhash.Sum64(newer[:24]))
	var miss *Miss
	require.ErrorAs(t, bring(to, r, exported{content: newer}), &miss)
	require.Equal(t, stats.Version, miss.Reason)
	requireNothing(t, to)
	requireMiss(t, to, r, Good, stats.New)
	require.NoError(t, bring(to, r, x))
}

func TestImportOfDamagedBody(t *testing.T) {
	from, to := newDir(t, Options{}), newDir(t, Options{})
	r := runOf("large")
	text := strings.Repeat("0123456789abcde\n", 20<<10)
	store(t, from, r, part{0, text}, part{1, text + "."})
	x := export(t, from, r, Good)
	flipped := func(at int) []byte {
		b := bytes.Clone(x.body)
		b[at] ^= 1
		return b
	}
	for name, body := range map[string][]byte{
		"none":       nil,
		"first byte": flipped(0),
		"between":    flipped(format.ChunkSize),
		"last byte":  flipped(len(x.body) - 1),
		"cut":        x.body[:len(x.body)-1],
		"one chunk":  x.body[:format.ChunkSize],
		"longer":     append(bytes.Clone(x.body), 0),
		"swapped":    append(bytes.Clone(x.body[format.ChunkSize+1:]), x.body[:format.ChunkSize+1]...),
	} {
		requireCorrupt(t, bring(to, r, exported{content: x.content, body: body}), name)
		requireNothing(t, to, name)
	}
	i, err := to.Import(r, x.content)
	require.NoError(t, err)
	require.Error(t, i.Commit(), "without its body")
	requireNothing(t, to)

	i, err = to.Import(r, x.content)
	require.NoError(t, err)
	broken := errors.New("connection reset")
	err = i.WriteBody(io.MultiReader(bytes.NewReader(x.body[:format.ChunkSize+5]), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	var miss *Miss
	require.False(t, errors.As(err, &miss), "it is not damage")
	require.ErrorIs(t, i.Commit(), broken)
	requireNothing(t, to)

	// The writer's own checksums are right, and what they are about is not what they say.
	h, _, err := format.DecodeEntry(bytes.Clone(x.content))
	require.NoError(t, err)
	h.Sum[0] ^= 1
	requireCorrupt(t, bring(to, r, exported{content: h.Encode(nil), body: x.body}), "another SHA-256")
	h.Sum[0] ^= 1
	h.Chunks[len(h.Chunks)-1]++
	requireCorrupt(t, bring(to, r, exported{content: h.Encode(nil), body: x.body}), "another checksum")

	i, err = to.Import(r, x.content)
	require.NoError(t, err)
	src := bytes.NewReader(flipped(0))
	requireCorrupt(t, i.WriteBody(src))
	require.Equal(t, len(x.body)-format.ChunkSize, src.Len(), "it ends with the first wrong chunk")
	requireNothing(t, to)
	require.NoError(t, bring(to, r, x))
}

// A frame table behind the body has right checksums whatever it says.
func TestImportOfSenselessTable(t *testing.T) {
	r := runOf("x")
	body := bytes.Repeat([]byte{0xff}, format.InlineMax+100)
	h := format.Header{
		Meta:   Meta{Key: r.Key, Recipe: r.Recipe, Started: time.Now(), Ended: time.Now(), TTL: time.Hour},
		Stdout: format.InlineMax, TableLen: 100, TableBehind: true, InFile: true, Sum: sha256.Sum256(body),
		Chunks: []uint64{xxhash.Sum64(body[:format.ChunkSize]), xxhash.Sum64(body[format.ChunkSize:])},
	}
	to := newDir(t, Options{})
	requireCorrupt(t, bring(to, r, exported{content: h.Encode(nil), body: body}))
	requireNothing(t, to)

	h = format.Header{Meta: h.Meta, InFile: true, Sum: sha256.Sum256(nil)} // a file of nothing
	require.NoError(t, bring(to, r, exported{content: h.Encode(nil)}))
	requireHit(t, to, r, Good)
}

func TestImportUsesTheBodyThatIsHere(t *testing.T) {
	from, to := newDir(t, Options{}), newDir(t, Options{})
	text := strings.Repeat("0123456789abcde\n", 40<<10)
	r := runOf("there")
	store(t, from, r, part{0, text})
	x := export(t, from, r, Good)
	here := runOf("here")
	store(t, to, here, part{0, text})
	needs := func() bool {
		i, err := to.Import(r, x.content)
		require.NoError(t, err)
		defer i.Discard()
		_, _, needed := i.NeedsBody()
		return needed
	}
	require.False(t, needs())
	require.Empty(t, names(t, to, "pending"), "discarded")

	i, err := to.Import(r, x.content)
	require.NoError(t, err)
	_, _, needed := i.NeedsBody()
	require.False(t, needed)
	require.NoError(t, to.Remove(here.Key, Good), "the body stays for who has been told that it is here")
	require.NoError(t, i.Commit())
	requireHit(t, to, r, Good, part{0, text})
	require.Empty(t, names(t, to, "pending"))
	requireNoStrays(t, to)
	require.Equal(t, usedBytes(t, to), sizesOf(t, to))

	blob := filepath.Join(to.Path(), "v1", blobName(x.sum))
	damaged := []byte(text)
	damaged[300_000] ^= 1
	writeThrough(t, blob, damaged)
	require.True(t, needs())
	require.Empty(t, names(t, to, "pending"))
	require.NoError(t, bring(to, r, x))
	requireHit(t, to, r, Good, part{0, text})
	require.Empty(t, faults(t, to))
	requireNoStrays(t, to)
}

func TestPurgeForbidsTheImport(t *testing.T) {
	text := strings.Repeat("0123456789abcde\n", 40<<10)
	r := runOf("x")
	for name, purge := range map[string]func(d *Dir) error{
		"one": func(d *Dir) error {
			_, err := d.Purge(func(i EntryInfo) bool { return i.Command == r.Command }, false)
			return err
		},
		"all": func(d *Dir) error { _, err := d.PurgeAll(); return err },
		"tag": func(d *Dir) error { return d.PurgeTag("tag", false) },
	} {
		t.Run(name, func(t *testing.T) {
			from, to := newDir(t, Options{}), newDir(t, Options{})
			m := metaNow()
			m.Tags = []Tag{{Name: "tag", Seq: OwnSeq}}
			storeMeta(t, from, r, m, part{0, text})
			x := export(t, from, r, Good)
			i, err := to.BeginImport(r)
			require.NoError(t, err)
			require.NoError(t, purge(to)) // while the answer is on its way
			require.NoError(t, i.Read(x.content))
			require.NoError(t, i.WriteBody(bytes.NewReader(x.body)))
			if err := i.Commit(); name == "tag" {
				require.NoError(t, err)
				requireMiss(t, to, r, Good, stats.Purged)
				return
			} else {
				require.ErrorIs(t, err, ErrPurged)
			}
			requireMiss(t, to, r, Good, stats.New)
			requireNothing(t, to)
		})
	}
}

func TestImportHasLimits(t *testing.T) {
	from := newDir(t, Options{})
	r := runOf("x")
	store(t, from, r, part{0, strings.Repeat("0123456789abcde\n", 40<<10)})
	x := export(t, from, r, Good)
	small := newDir(t, Options{MaxSize: 600 << 10})
	_, err := small.Import(r, x.content)
	require.ErrorIs(t, err, ErrTooLarge, "before the body is sent")
	requireNothing(t, small)

	full := newDir(t, Options{MaxSize: 1 << 20})
	p, err := full.Begin(runOf("other")) // a store that is on its way
	require.NoError(t, err)
	other, err := full.openReservation(runOf("other").Key, p.id, newBudget())
	require.NoError(t, err)
	require.NoError(t, full.reserve(other, 900<<10, 0))
	require.ErrorIs(t, bring(full, r, x), ErrNoRoom)
	other.close()
	p.Discard()
	countAll(t, full) // there was a count in between: then nothing is given back without one
	requireNothing(t, full)
	require.NoError(t, bring(full, r, x))

	ro := openAt(t, full.Path(), Options{ReadOnly: true})
	require.ErrorIs(t, bring(ro, r, x), ErrReadOnly)
}

func TestPrivateStaysHere(t *testing.T) {
	from, to := newDir(t, Options{}), newDir(t, Options{})
	r := runOf("x")
	m := metaNow()
	m.Private = true
	storeMeta(t, from, r, m, part{0, "x"})
	e, err := from.Load(r.Key, Good)
	require.NoError(t, err)
	defer e.Close()
	_, err = e.Export()
	require.ErrorIs(t, err, ErrPrivate)
	require.ErrorIs(t, bring(to, r, exported{content: e.h.Encode(e.inline)}), ErrPrivate)
	requireNothing(t, to)
}

func TestExportedBodyEndsWithTheEntry(t *testing.T) {
	d := newDir(t, Options{})
	r := runOf("x")
	store(t, d, r, part{0, strings.Repeat("0123456789abcde\n", 40<<10)})
	e, err := d.Load(r.Key, Good)
	require.NoError(t, err)
	x, err := e.Export()
	require.NoError(t, err)
	e.Close()
	_, err = x.Body.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, ErrClosed)
}

// FuzzImport: whatever another machine says, what gets a name here is replayed whole, and what does not leaves nothing.
func FuzzImport(f *testing.F) {
	d := newDir(f, Options{MaxSize: 16 << 20})
	r := runOf("sample")
	h, inline, err := format.DecodeEntry(sampleEntry())
	require.NoError(f, err)
	h.Private = false
	f.Add(h.Encode(inline), []byte{})
	h.InFile, h.Table, h.TableLen, h.TableBehind, h.Stdout, h.Stderr = true, nil, 2, true, 3, 2
	h.Chunks = []uint64{0}
	f.Add(h.Encode(nil), []byte{'o', 'u', 't', '2', '\n', 3 << 1, 2<<1 | 1})
	h.InFile, h.Chunks, h.TableLen, h.TableBehind, h.Stdout, h.Stderr = false, nil, 0, false, 0, 0
	h.Learned = &hashing.Learned{Env: []string{"LANG"}}
	f.Add(h.Encode(nil), []byte{})
	f.Fuzz(func(t *testing.T, content, body []byte) {
		defer func() { require.Empty(t, names(t, d, "pending")) }()
		content = reseal(bytes.Clone(content))
		if h, inline, err := format.DecodeEntry(content); err == nil && h.InFile && len(h.Chunks) == 1 {
			h.Sum, h.Chunks[0] = sha256.Sum256(body), xxhash.Sum64(body) // a hostile writer makes them right
			content = h.Encode(inline)
		}
		if bring(d, r, exported{content: content, body: body}) != nil {
			return
		}
		for _, s := range [...]Slot{Good, Failed} {
			e, err := d.Lookup(r.Key, r.Recipe, s)
			var miss *Miss
			if errors.As(err, &miss) && miss.Reason == stats.New {
				continue
			}
			require.NoError(t, err)
			require.NoError(t, e.Replay(io.Discard, io.Discard))
			e.Close()
			require.NoError(t, d.Remove(r.Key, s))
		}
	})
}

// What is detached can be read like an entry, has no name, and is not there if a purge came in between.
func TestImportThatIsLent(t *testing.T) {
	from, to := newDir(t, Options{}), newDir(t, Options{})
	for name, text := range map[string]string{"small": "a", "large": strings.Repeat("0123456789abcde\n", 400<<10)} {
		r, m := runOf(name), metaNow()
		m.Tags = []Tag{{Name: "t", Seq: OwnSeq}}
		storeMeta(t, from, r, m, part{0, text}, part{1, "end"})
		x := export(t, from, r, Good)
		detach := func(between func(*Import)) (*Entry, error) {
			i, err := to.Import(r, x.content)
			require.NoError(t, err)
			defer i.Discard()
			if _, _, needed := i.NeedsBody(); needed {
				require.NoError(t, i.WriteBody(bytes.NewReader(x.body)))
			}
			between(i)
			return i.Detach()
		}
		e, err := detach(func(*Import) {})
		require.NoError(t, err)
		requireNothing(t, to, name)
		var out, errs bytes.Buffer
		require.NoError(t, e.Replay(&out, &errs))
		require.Equal(t, text, out.String())
		require.Equal(t, "end", errs.String())
		e.Touch()
		e.Close()
		requireNothing(t, to, name)
		requireMiss(t, to, r, Good, stats.New)

		_, err = detach(func(*Import) { require.NoError(t, to.PurgeTag("t", false)) })
		require.ErrorIs(t, err, ErrPurged)
		_, err = detach(func(i *Import) { require.NoError(t, to.v1.Remove(i.p.base+runSuffix)) }) // as purges do
		require.ErrorIs(t, err, ErrPurged)
		e, err = detach(func(*Import) { require.NoError(t, to.PurgeTag("t", true)) })
		require.NoError(t, err)
		require.True(t, e.Soft)
		e.Close()
		requireNothing(t, to, name)
	}
}

// A result that comes from elsewhere takes a place without the lock of those who learn only if nothing is there, however
// late somebody has learned something.
func TestImportTakesNoPlaceOfWhatWasLearned(t *testing.T) {
	from, to := newDir(t, Options{}), newDir(t, Options{})
	r := runOf("learns")
	store(t, from, r, part{0, "knows nothing"})
	x := export(t, from, r, Good)
	begin := func() *Import {
		in, err := to.BeginImport(r)
		require.NoError(t, err)
		t.Cleanup(in.Discard)
		require.NoError(t, in.Read(bytes.Clone(x.content)))
		require.NoError(t, in.p.prepare(&in.h.Meta))
		return in
	}
	late := begin()
	lang, err := to.Learn(r, metaNow(), hashing.Learned{Env: []string{"LANG"}}, nil)
	require.NoError(t, err)
	stored, err := late.storeFirst()
	require.NoError(t, err)
	require.False(t, stored)
	late.p.isNew = true // as if it had looked before
	require.ErrorIs(t, late.store(), fs.ErrExist)
	late.p.isNew = false
	require.ErrorIs(t, late.Commit(), ErrLearned)
	require.Equal(t, &lang, to.Redirect(r.Key, r.Recipe))

	require.NoError(t, to.Remove(r.Key, Good))
	in := begin()
	stored, err = in.storeFirst()
	require.NoError(t, err)
	require.True(t, stored || runtime.GOOS != "linux")
}
