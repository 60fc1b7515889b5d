package cachedir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/hashing"
)

// made is what files of a run hold, longer than a chunk and at no even place.
var made = strings.Repeat("what files hold\n", format.ChunkSize/10) + "end"

// storeWithOutputs stores a run that made files.
func storeWithOutputs(d *Dir, r Run, published bool, parts ...part) error {
	p, err := d.Begin(r)
	if err != nil {
		return err
	}
	defer p.Discard()
	for i, part := range parts {
		if published && i == len(parts)/2 {
			p.PublishTail(false)
		}
		if err := p.Append(part.stream, []byte(part.text)); err != nil {
			return err
		}
	}
	err = p.AppendOutputs(func(w io.Writer) ([]byte, error) {
		_, err := io.Copy(w, struct{ io.Reader }{strings.NewReader(made)})
		return []byte("the list"), err
	})
	if err != nil {
		return err
	}
	return p.Commit(metaNow())
}

// contentsOf reads what the files of a stored run hold, as a caller does who wants parts of it.
func contentsOf(t testing.TB, d *Dir, r Run) (string, error) {
	t.Helper()
	e, err := d.Lookup(r.Key, r.Recipe, Good)
	require.NoError(t, err)
	defer e.Close()
	require.Equal(t, "the list", string(e.Outputs))
	require.Equal(t, int64(len(made)), e.OutputsLen)
	var all bytes.Buffer
	_, err = io.CopyBuffer(&all, struct{ io.Reader }{io.NewSectionReader(e.Contents(), 0, e.OutputsLen)}, make([]byte, 1000))
	return all.String(), err
}

func requireOutputs(t testing.TB, d *Dir, r Run, parts ...part) {
	t.Helper()
	requireHit(t, d, r, Good, parts...)
	got, err := contentsOf(t, d, r)
	require.NoError(t, err)
	require.True(t, got == made)
}

func TestOutputs(t *testing.T) {
	large := strings.Repeat("0123456789abcde\n", 40<<10)
	for name, parts := range map[string][]part{
		"nothing printed": {},
		"little":          {{0, "a"}, {1, "b"}},
		"much":            {{0, large}, {1, "in between"}, {0, large[1:]}},
		"alternating":     alternating(550_000, "y"),
	} {
		for _, published := range []bool{false, true} {
			if published && len(parts) > 1000 && testing.Short() {
				continue
			}
			t.Run(fmt.Sprint(name, published), func(t *testing.T) {
				d, r := newDir(t, Options{}), runOf(name)
				require.NoError(t, storeWithOutputs(d, r, published, parts...))
				requireOutputs(t, d, r, parts...)
				require.Empty(t, faults(t, d))
				require.Empty(t, names(t, d, "pending"))
				require.Equal(t, usedBytes(t, d), sizesOf(t, d))

				to := newDir(t, encrypted)
				require.NoError(t, bring(to, r, export(t, d, r, Good)))
				require.NotContains(t, everything(t, to), "what files hold")
				require.NotContains(t, everything(t, to), "the list")
				requireOutputs(t, to, r, parts...)
				back := newDir(t, Options{})
				require.NoError(t, bring(back, r, exportOf(t, to, r, Good)))
				requireOutputs(t, back, r, parts...)

				require.NoError(t, d.Remove(r.Key, Good))
				requireNothing(t, d)
				requireNoStrays(t, d)
			})
		}
	}
}

// A run that has printed nothing, and made nothing but links, directories and empty files, has an empty body.
func TestOutputsThatHoldNothing(t *testing.T) {
	d, r := newDir(t, Options{}), runOf("links")
	p, err := d.Begin(r)
	require.NoError(t, err)
	defer p.Discard()
	require.NoError(t, p.AppendOutputs(func(io.Writer) ([]byte, error) { return []byte("the list"), nil }))
	require.NoError(t, p.Commit(metaNow()))
	e, err := d.Lookup(r.Key, r.Recipe, Good)
	require.NoError(t, err)
	defer e.Close()
	require.Equal(t, "the list", string(e.Outputs))
	require.Zero(t, e.OutputsLen)
	require.Empty(t, faults(t, d))
}

// What was printed is given also if what files hold is damaged, which is found out before any of it is used.
func TestDamagedOutputs(t *testing.T) {
	d, r := newDir(t, Options{}), runOf("a")
	require.NoError(t, storeWithOutputs(d, r, false, part{0, strings.Repeat("x", format.ChunkSize)}))
	e, err := d.Lookup(r.Key, r.Recipe, Good)
	require.NoError(t, err)
	defer e.Close()
	f, err := os.OpenFile(filepath.Join(d.Path(), "v1", bodyName(r.Key, Good, e.h.Sum)), os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte{0}, e.h.FileLen()-1)
	require.NoError(t, err)
	requireHit(t, d, r, Good, part{0, strings.Repeat("x", format.ChunkSize)})
	_, err = contentsOf(t, d, r)
	require.ErrorIs(t, err, format.ErrSpoiled)
	require.Len(t, faults(t, d), 1)
}

func TestOutputsThatAreNotStored(t *testing.T) {
	d, r := newDir(t, Options{MaxSize: 1 << 20}), runOf("a")
	wanted := errors.New("what the caller says")
	for name, c := range map[string]struct {
		write func(io.Writer) ([]byte, error)
		want  error
	}{
		"too much": {func(w io.Writer) ([]byte, error) {
			_, err := w.Write(make([]byte, 1<<20+1))
			return nil, err
		}, ErrTooLarge},
		"too many": {func(io.Writer) ([]byte, error) { return make([]byte, format.MaxFiles+1), nil }, ErrTooLarge},
		"refused":  {func(io.Writer) ([]byte, error) { return nil, wanted }, wanted},
	} {
		p, err := d.Begin(r)
		require.NoError(t, err)
		require.NoError(t, p.Append(0, []byte("x")))
		require.ErrorIs(t, p.AppendOutputs(c.write), c.want, name)
		require.ErrorIs(t, p.Commit(metaNow()), c.want, name)
		requireNothing(t, d, name)
	}
}

// A record stands as long as its writer, and is found when all writers are gone.
func TestRestoring(t *testing.T) {
	d := newDir(t, Options{})
	key, found := hashing.Key{1}, ""
	here, there := d.Restoring(key, "/here"), d.Restoring(key, "/there")
	recover := func(r *Restoring) string {
		found = "nothing"
		r.Recover(func(b []byte) { found = string(b) })
		return found
	}
	require.Equal(t, "nothing", recover(here))
	done, err := here.Keep([]byte("one "))
	require.NoError(t, err)
	also, err := here.Keep([]byte("two "))
	require.NoError(t, err)
	require.Equal(t, "nothing", recover(here), "they are at work")
	require.Equal(t, "nothing", recover(there))
	done()
	require.Equal(t, "nothing", recover(here), "one is at work")
	also()
	require.Equal(t, "one two ", recover(here), "both have ended, which only they knew")
	require.Equal(t, "nothing", recover(here))
	require.Empty(t, names(t, d, "pending"))

	f, _, err := d.v1.OpenInPlace(here.name, os.O_APPEND) // as one who was killed
	require.NoError(t, err)
	require.NoError(t, f.WriteAll([]byte("killed ")))
	f.Close()
	done, err = here.Keep([]byte("three "))
	require.NoError(t, err)
	require.Equal(t, "nothing", recover(here))
	looking := openAt(t, d.Path(), Options{ReadOnly: true}).Restoring(key, "/here")
	require.Equal(t, "nothing", recover(looking))
	_, err = looking.Keep(nil)
	require.ErrorIs(t, err, ErrReadOnly)
	done()
	require.Equal(t, "killed three ", recover(here))
	done, err = here.Keep([]byte("four "))
	require.NoError(t, err)
	done()
	require.Empty(t, names(t, d, "pending"))
}

// A record of a directory in which nobody works any more goes in the end.
func TestRestoringIsCleaned(t *testing.T) {
	d := newDir(t, Options{Keep: time.Hour})
	r := d.Restoring(hashing.Key{1}, "/here")
	f, _, err := d.v1.OpenInPlace(r.name, os.O_APPEND)
	require.NoError(t, err)
	f.Close()
	d.dropAbandoned(time.Now().Add(time.Minute))
	require.Len(t, names(t, d, "pending"), 1)
	old := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(d.Path(), "v1", r.name), old, old))
	d.dropAbandoned(time.Now().Add(time.Minute))
	_, err = d.v1.Stat(r.name)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
