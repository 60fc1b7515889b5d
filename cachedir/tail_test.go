package cachedir

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/format"
)

// follow opens the published run of a recipe as another process does.
func follow(t testing.TB, d *Dir, r Run) *Tail {
	t.Helper()
	l, ok := openAt(t, d.Path(), Options{}).Follow(r.Key)
	require.True(t, ok)
	t.Cleanup(l.Close)
	return l
}

// readTail returns what there is to read now: pieces of one stream that follow one another are one.
func readTail(t testing.TB, l *Tail) (got []part) {
	t.Helper()
	buf := make([]byte, 1000)
	for {
		stream, n, err := l.Next(buf)
		if errors.Is(err, io.EOF) {
			return got
		}
		require.NoError(t, err)
		got = join(got, part{stream, string(buf[:n])})
	}
}

func join(parts []part, p part) []part {
	if n := len(parts); n > 0 && parts[n-1].stream == p.stream {
		parts[n-1].text += p.text
		return parts
	}
	if p.text == "" {
		return parts
	}
	return append(parts, p)
}

func joined(parts []part) (out []part) {
	for _, p := range parts {
		out = join(out, p)
	}
	return out
}

func alternating(n int, text string) (parts []part) {
	for i := range n {
		parts = append(parts, part{uint8(i & 1), text})
	}
	return parts
}

// Whenever a run is published, a follower gets all of it in order, and what is stored is the same as if it had not
// been.
func TestPublishedRun(t *testing.T) {
	if testing.Short() {
		t.Skip("follows runs of every shape")
	}
	large := strings.Repeat("0123456789abcde\n", format.InlineMax/16)
	for name, c := range map[string]struct{ before, after []part }{
		"nothing at all":             {},
		"before the first byte":      {nil, []part{{0, "out"}, {1, "err"}, {0, "more"}}},
		"small, in the middle":       {[]part{{0, "out"}, {1, "err"}}, []part{{1, "or"}, {0, "end"}}},
		"small, nothing comes after": {[]part{{1, "err"}}, nil},
		"grows to all that is small": {[]part{{0, large[:1000]}}, []part{{1, large[1000:]}}},
		"grows a byte too large":     {[]part{{0, large[:1000]}}, []part{{0, large[1000:]}, {1, "x"}}},
		"large at once":              {nil, []part{{0, large + large}, {1, "x"}}},
		"large before":               {[]part{{0, large}, {1, large}, {0, "x"}}, []part{{1, "y"}, {0, large}}},
		"alternating":                {alternating(1000, "ab"), alternating(1000, "cd")},
		"a long table before":        {alternating(530_000, "x"), alternating(3, "y")},
		"a long table after":         {alternating(3, "x"), alternating(265_000, strings.Repeat("y", 64))},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDir(t, Options{})
			m := metaNow()
			p, err := d.Begin(runOf("live"))
			require.NoError(t, err)
			defer p.Discard()
			add := func(parts []part) {
				for _, part := range parts {
					require.NoError(t, p.Append(part.stream, []byte(part.text)))
				}
			}
			add(c.before)
			_, ok := d.Follow(runOf("live").Key)
			require.False(t, ok, "it is not published yet")
			p.PublishTail(false)
			p.PublishTail(true) // it is published already
			l := follow(t, d, runOf("live"))
			require.False(t, l.Merged)
			requireParts(t, joined(c.before), readTail(t, l))
			add(c.after)
			requireParts(t, joined(c.after), readTail(t, l))
			late := follow(t, d, runOf("live"))
			require.False(t, l.Over())

			require.NoError(t, p.Commit(m))
			require.True(t, l.Over())
			all := append(append([]part{}, c.before...), c.after...)
			requireParts(t, joined(all), readTail(t, late)) // who has it open reads it to its end
			require.Empty(t, readTail(t, l), "the frame table is no output")
			l.Rewind()
			requireParts(t, joined(all), readTail(t, l))

			storeMeta(t, d, runOf("plain"), m, all...)
			requireHit(t, d, runOf("live"), Good, all...)
			require.Equal(t, shape(t, d, runOf("plain")), shape(t, d, runOf("live")))
			require.Empty(t, names(t, d, "pending"))
			require.Empty(t, faults(t, d))
			requireNoStrays(t, d)
		})
	}
}

// requireParts compares without printing megabytes.
func requireParts(t testing.TB, want, got []part) {
	t.Helper()
	same := len(want) == len(got)
	for i := 0; same && i < len(want); i++ {
		same = want[i] == got[i]
	}
	require.True(t, same, "a follower gets something else: %d pieces, want %d", len(got), len(want))
}

// shape is how an entry was stored: everything but its times and names.
func shape(t testing.TB, d *Dir, r Run) string {
	t.Helper()
	e, err := d.Load(r.Key, Good)
	require.NoError(t, err)
	defer e.Close()
	var b strings.Builder
	for _, n := range []int64{e.h.Stdout, e.h.Stderr, e.h.TableLen, int64(len(e.inline)), int64(len(e.h.Chunks))} {
		b.WriteString(strconv.FormatInt(n, 10) + " ")
	}
	b.WriteString(strconv.FormatBool(e.h.InFile) + strconv.FormatBool(e.h.TableBehind))
	b.Write(e.h.Table)
	b.Write(e.h.Sum[:])
	return b.String()
}

func TestPublishedRunSaysThatItsStreamsAreOne(t *testing.T) {
	d := newDir(t, Options{})
	p, err := d.Begin(runOf("x"))
	require.NoError(t, err)
	defer p.Discard()
	p.PublishTail(true)
	require.True(t, follow(t, d, runOf("x")).Merged)
}

// Only a run that is under way, under this key, can be followed.
func TestFollowNothing(t *testing.T) {
	d := newDir(t, Options{})
	p, err := d.Begin(runOf("x"))
	require.NoError(t, err)
	require.NoError(t, p.Append(0, []byte("x")))
	p.PublishTail(false)
	_, ok := d.Follow(runOf("y").Key)
	require.False(t, ok)
	require.Len(t, names(t, d, "pending"), 3)

	p.entry.Close() // as if its process had been killed
	p.entry, err = d.v1.Open(p.base+runSuffix, os.O_RDWR)
	require.NoError(t, err)
	_, ok = d.Follow(runOf("x").Key)
	require.False(t, ok)

	l := d.openTail(p.base + runSuffix)
	require.NotNil(t, l)
	defer l.Close()
	require.True(t, l.Over())
	p.Discard()
	require.Empty(t, names(t, d, "pending"))
	requireParts(t, []part{{0, "x"}}, readTail(t, l))
	p.PublishTail(false)
	require.Empty(t, names(t, d, "pending"))
}

// The run ends between the look at the directory and the opening of its files: whichever is gone, nobody is followed.
func TestFollowRunThatEndsMeanwhile(t *testing.T) {
	for _, gone := range []string{orderSuffix, bodySuffix} {
		d := newDir(t, Options{})
		p, err := d.Begin(runOf("x"))
		require.NoError(t, err)
		defer p.Discard()
		p.PublishTail(false)
		require.NoError(t, d.v1.Remove(p.base+gone))
		_, ok := d.Follow(runOf("x").Key)
		require.False(t, ok)
	}
}

// What a killed run left is removed, what lives is not.
func TestCleanPublishedRuns(t *testing.T) {
	d := newDir(t, Options{})
	alive, err := d.Begin(runOf("alive"))
	require.NoError(t, err)
	defer alive.Discard()
	alive.PublishTail(false)
	killed, err := d.Begin(runOf("killed"))
	require.NoError(t, err)
	killed.PublishTail(false)
	killed.entry.Close()
	old := time.Now().Add(-2 * oldMargin)
	for _, n := range names(t, d, "pending") {
		require.NoError(t, os.Chtimes(filepath.Join(d.Path(), "v1", "pending", n), old, old))
	}
	d.dropAbandoned(time.Now().Add(time.Minute))
	left := names(t, d, "pending")
	require.Len(t, left, 3)
	for _, n := range left {
		require.True(t, strings.HasPrefix(n, runOf("alive").Key.String()), n)
	}
	require.NotNil(t, follow(t, d, runOf("alive")))
}

// Each byte of the order flipped, and the file cut at each length: a follower gets an error or an end. Nothing it reads
// goes beyond the body.
func TestDamagedTail(t *testing.T) {
	d := newDir(t, Options{})
	p, err := d.Begin(runOf("x"))
	require.NoError(t, err)
	defer p.Discard()
	require.NoError(t, p.Append(0, []byte("out")))
	require.NoError(t, p.Append(1, []byte("err")))
	p.PublishTail(false)
	path := filepath.Join(d.Path(), "v1", p.order.name)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, good, 3*orderRecord)
	try := func(b []byte) {
		require.NoError(t, os.WriteFile(path, b, 0o600))
		if l, ok := d.Follow(runOf("x").Key); ok {
			defer l.Close()
			drain(t, l, 6)
		}
	}
	for i := range good {
		for bit := range 8 {
			if testing.Short() && bit != i%8 {
				continue
			}
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			try(b)
		}
		try(good[:i])
	}
	try(good)
	requireParts(t, []part{{0, "out"}, {1, "err"}}, readTail(t, follow(t, d, runOf("x"))))
}

// drain reads until an error or the end.
func drain(t testing.TB, l *Tail, most int) {
	buf := make([]byte, 4)
	for n := 0; ; {
		stream, got, err := l.Next(buf)
		if err != nil {
			require.True(t, errors.Is(err, io.EOF) || errors.Is(err, format.ErrSpoiled), "%v", err)
			return
		}
		require.LessOrEqual(t, stream, uint8(1))
		n += got
		require.LessOrEqual(t, n, most)
	}
}

func FuzzTail(f *testing.F) {
	record := func(values ...uint64) (b []byte) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		return b
	}
	f.Add(record(0, 6, 13), []byte("outerr"))
	f.Add(record(1, 6, 6, 6), []byte("out"))
	f.Add(record(0, 20, 8), []byte("out"))
	f.Add(record(0, 1<<64-1), []byte("x"))
	f.Add(record(0, 2)[:11], []byte{})
	d := newDir(f, Options{})
	p, err := d.Begin(runOf("x"))
	require.NoError(f, err)
	f.Cleanup(p.Discard)
	p.PublishTail(false)
	v1 := filepath.Join(d.Path(), "v1")
	f.Fuzz(func(t *testing.T, order, body []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(v1, p.order.name), order, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(v1, p.body.name), body, 0o600))
		l, ok := d.Follow(runOf("x").Key)
		require.Equal(t, len(order) >= orderRecord, ok)
		if ok {
			defer l.Close()
			drain(t, l, len(body))
		}
	})
}

// Where nothing wakes a follower it looks now and then, and it never waits longer than it was told to.
func TestPause(t *testing.T) {
	never := make(chan struct{})
	require.False(t, pause(nil, never, time.Hour))
	require.False(t, pause(make(chan struct{}), never, time.Millisecond))
	stop := make(chan struct{})
	close(stop)
	require.False(t, pause(make(chan struct{}), stop, time.Hour))
	event := make(chan struct{}, 1)
	event <- struct{}{}
	require.True(t, pause(event, never, time.Hour))
}
