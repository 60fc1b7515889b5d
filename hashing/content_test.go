package hashing

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// captureAt captures as if it were another time, on a filesystem that tells each change.
func captureAt(spec Spec, cache Digests, now time.Time) (Recipe, error) {
	return captureOn(mount{fs: tracked}, spec, cache, now)
}

func captureOn(on mount, spec Spec, cache Digests, now time.Time) (Recipe, error) {
	c := newCapture(spec, cache, now)
	c.mountOf = func(location, bool, look) mount { return on }
	return c.run()
}

// When a digest is remembered, and when one is believed: truth table over the age of the file at the time of the
// capture.
func TestTrust(t *testing.T) {
	dir, spec := here(t)
	path := put(t, dir, "f", "content")
	spec.Files, spec.Exe = []string{"f"}, ExePath
	at, err := lookAt(path, false)
	require.NoError(t, err)
	changed := time.Unix(0, max(at.id.Mtime, at.id.Ctime))

	cases := []struct {
		name    string
		now     time.Time
		trusted bool
	}{
		{"just written", changed, false},
		{"almost 2 s old", changed.Add(2*time.Second - 1), false},
		{"2 s old", changed.Add(2 * time.Second), true},
		{"old", changed.Add(time.Hour), true},
		{"from the future", changed.Add(-time.Hour), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMemory()
			first, err := captureAt(spec, m, c.now)
			require.NoError(t, err)
			require.Equal(t, c.trusted, len(m.known) == 1)

			m.known = map[StatID]Digest{at.id: {1}} // a wrong one shows whether it is believed
			second, err := captureAt(spec, m, c.now)
			require.NoError(t, err)
			require.Equal(t, c.trusted, first.Key != second.Key)
		})
	}
}

// An old mtime alone is not age: it can be set, the change time cannot.
func TestTrustNeedsOldChangeTime(t *testing.T) {
	dir, spec := here(t)
	path := put(t, dir, "f", "content")
	require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(1, 0)))
	spec.Files, spec.Exe = []string{"f"}, ExePath
	m := newMemory()
	_, err := Capture(spec, m)
	require.NoError(t, err)
	require.Empty(t, m.known)
}

// Unchanged files are looked at, not read.
func TestUnchangedFilesAreNotRead(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until files are old")
	}
	dir, spec := here(t)
	for i := range 300 {
		put(t, dir, filepath.Join("d", string(rune('a'+i%26)), "f"+string(rune('0'+i/26))), "x")
	}
	spec.Files = []string{"d"}
	later := time.Now().Add(time.Minute)
	m := newMemory()
	first, err := captureAt(spec, m, later)
	require.NoError(t, err)
	require.Len(t, m.known, 301)
	m.misses = 0
	second, err := captureAt(spec, m, later)
	require.NoError(t, err)
	require.NoError(t, first.Same(second))
	require.Zero(t, m.misses)
}

// A digest of a file that is being appended to is that of a moment, or an error, never a mixture.
func TestReadWhileWritten(t *testing.T) {
	dir, spec := here(t)
	path := put(t, dir, "log", "")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	line := []byte("0123456789abcdef\n")
	done := make(chan error, 1)
	go func() {
		defer f.Close()
		for range 20_000 {
			if _, err := f.Write(line); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	c := newCapture(spec, nil, time.Now())
	for running := true; running; {
		select {
		case err := <-done:
			require.NoError(t, err)
			running = false // one more look, at a file that stands still
		default:
		}
		digest, id, err := c.digestOf("log", false)
		if err != nil {
			require.ErrorIs(t, err, errChanged)
			require.True(t, running)
			continue
		}
		whole := bytes.Repeat(line, int(id.Size)/len(line)+1)[:id.Size]
		require.Equal(t, Digest(sha256.Sum256(whole)), digest)
	}
}

// What happens to a file between the look and the read is noticed.
func TestReplacedBetweenLookAndRead(t *testing.T) {
	cases := []struct {
		name   string
		change func(t *testing.T, path string)
		want   error
	}{
		{"written", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("longer content"), 0o644))
		}, errChanged},
		{"replaced", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path+".new", []byte("content"), 0o644))
			require.NoError(t, os.Rename(path+".new", path))
		}, errChanged},
		{"removed", func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, errVanished},
		{"made a directory", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o755))
		}, errChanged},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir, spec := here(t)
			path := put(t, dir, "f", "content")
			spec.Files, spec.Exe = []string{"f"}, ExePath
			m := newMemory()
			m.asked = func(StatID) { c.change(t, path) }
			_, err := captureAt(spec, m, time.Now().Add(time.Minute))
			var input *InputError
			require.ErrorAs(t, err, &input)
			require.Equal(t, "f", input.Path)
			require.ErrorIs(t, err, c.want)
			require.Empty(t, m.known)
		})
	}
}

// Two patterns name a file: one entry; but not if they saw it in two states.
func TestOneEach(t *testing.T) {
	link := entry{name: "l", link: true, target: "d", kind: kindDirectory}
	same := link
	same.same = "d"
	file := entry{name: "f", kind: kindPlain, id: StatID{Ino: 1}}
	seen := look{kind: kindDirectory, id: StatID{Mtime: 1}} // what is put in a directory meanwhile is seen when it is listed
	w := newWalk("/", 1000)
	require.NoError(t, w.add(entry{name: "d", kind: seen.kind, id: seen.id}))
	require.Equal(t, []entry{{name: "d", kind: kindDirectory}}, w.last)

	got, err := oneEach([]entry{link, file, same, file, link})
	require.NoError(t, err)
	require.Equal(t, []entry{file, link, same}, got)

	for _, change := range []func(e *entry){
		func(e *entry) { e.id.Mtime++ },
		func(e *entry) { e.kind = kindExec },
		func(e *entry) { e.link, e.target = true, "g" },
	} {
		changed := file
		change(&changed)
		_, err := oneEach([]entry{file, link, changed})
		require.ErrorIs(t, err, errChanged)
	}
}

// Many files are read by few buffers.
func TestBuffersAreKept(t *testing.T) {
	dir, spec := here(t)
	const files, size = 64, 128 << 10
	for i := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), make([]byte, size-i), 0o666))
	}
	c := newCapture(spec, nil, time.Now())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range files {
		_, _, err := c.digestOf(strconv.Itoa(i), true)
		require.NoError(t, err)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(files*size/2)) // a collection takes some away
}
