package cachedir

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
)

func TestDiscardLeavesNothing(t *testing.T) {
	d := newDir(t, Options{})
	p, err := d.Begin(runOf("x"))
	require.NoError(t, err)
	for i := range 600_000 {
		require.NoError(t, p.Append(uint8(i&1), []byte("xy")))
	}
	require.Len(t, names(t, d, "pending"), 3)
	p.Discard()
	p.Discard()
	require.Empty(t, names(t, d, "pending"))
	require.ErrorIs(t, p.Append(0, []byte("x")), ErrClosed)
	require.ErrorIs(t, p.Commit(metaNow()), ErrClosed)
	requireMiss(t, d, runOf("x"), Good, stats.New)
}

func TestCommitOnce(t *testing.T) {
	d := newDir(t, Options{})
	p, err := d.Begin(runOf("x"))
	require.NoError(t, err)
	require.NoError(t, p.Append(0, []byte("x")))
	require.NoError(t, p.Commit(metaNow()))
	p.Discard()
	require.ErrorIs(t, p.Commit(metaNow()), ErrClosed)
	requireHit(t, d, runOf("x"), Good, part{0, "x"})
}

func TestPurgeForbidsTheCommit(t *testing.T) {
	for name, c := range map[string]struct {
		purge  func(d *Dir) error
		commit bool // it may be committed, and is invalid then
	}{
		"by key": {purge: func(d *Dir) error {
			_, err := d.Purge(func(i EntryInfo) bool { return i.Key == runOf("x").Key }, false)
			return err
		}},
		"by command": {purge: func(d *Dir) error {
			_, err := d.Purge(func(i EntryInfo) bool { return i.Command == runOf("x").Command }, false)
			return err
		}},
		"by recipe": {purge: func(d *Dir) error {
			_, err := d.Purge(func(i EntryInfo) bool { return string(i.Recipe) == "x" }, false)
			return err
		}},
		"all":    {purge: func(d *Dir) error { _, err := d.PurgeAll(); return err }},
		"by tag": {purge: func(d *Dir) error { return d.PurgeTag("tag", false) }, commit: true},
	} {
		for _, output := range []string{"small", strings.Repeat("large", 100_000)} {
			t.Run(name, func(t *testing.T) {
				d := newDir(t, Options{})
				m := metaNow()
				m.Tags = []Tag{{Name: "tag", Seq: OwnSeq}}
				p, err := d.Begin(runOf("x"))
				require.NoError(t, err)
				defer p.Discard()
				other, err := d.Begin(runOf("other"))
				require.NoError(t, err)
				require.NoError(t, p.Append(0, []byte(output)))
				require.NoError(t, c.purge(d))
				err = p.Commit(m)
				if c.commit {
					require.NoError(t, err)
					requireMiss(t, d, runOf("x"), Good, stats.Purged)
				} else {
					require.ErrorIs(t, err, ErrPurged)
					requireMiss(t, d, runOf("x"), Good, stats.New)
				}
				if err := other.Commit(metaNow()); name != "all" {
					require.NoError(t, err)
					requireHit(t, d, runOf("other"), Good)
				}
				storeMeta(t, d, runOf("x"), m, part{0, "again"})
				requireHit(t, d, runOf("x"), Good, part{0, "again"})
				require.Empty(t, names(t, d, "pending"))
				require.Empty(t, faults(t, d))
				requireNoStrays(t, d)
			})
		}
	}
}

// requireNoStrays requires that every body has an entry and every blob a body.
func requireNoStrays(t testing.TB, d *Dir) {
	t.Helper()
	for i := range 256 {
		dir := "entries/" + shard(byte(i))
		if _, err := d.v1.Stat(dir); err == nil {
			for _, n := range names(t, d, dir) {
				if key, s, sum, ok := parseBodyName(n); ok {
					e, err := d.Load(key, s)
					require.NoError(t, err)
					require.Equal(t, sum, e.h.Sum)
					e.Close()
				}
			}
		}
		dir = "blobs/" + shard(byte(i))
		if _, err := d.v1.Stat(dir); err == nil {
			for _, n := range names(t, d, dir) {
				fi, err := d.v1.Stat(dir + "/" + n)
				require.NoError(t, err)
				require.Greater(t, fi.Links, uint64(1), n)
			}
		}
	}
}

func TestNewerVersionIsLeftAlone(t *testing.T) {
	d := newDir(t, Options{})
	store(t, d, runOf("x"), part{0, "x"})
	path := filepath.Join(d.Path(), "v1", entryName(runOf("x").Key, Good))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[8] = format.LastVersion + 1
	binary.LittleEndian.PutUint64(b[24:], xxhash.Sum64(b[:24]))
	require.NoError(t, os.WriteFile(path, b, 0o600))
	requireMiss(t, d, runOf("x"), Good, stats.Version)
	require.ErrorIs(t, tryStore(d, runOf("x"), metaNow(), part{0, "y"}), ErrNewer)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, b, after)
	require.Empty(t, faults(t, d))

	b[24] ^= 1 // without its checksum it is damage, and replaced
	require.NoError(t, os.WriteFile(path, b, 0o600))
	requireMiss(t, d, runOf("x"), Good, stats.Corrupt)
	store(t, d, runOf("x"), part{0, "y"})
	requireHit(t, d, runOf("x"), Good, part{0, "y"})
}

// An entry counts only under its own name.
func TestEntryUnderAnotherName(t *testing.T) {
	d := newDir(t, Options{})
	a, b := runOf("a"), runOf("b")
	store(t, d, a, part{0, "a"})
	store(t, d, b, part{0, "b"})
	place := func(key hashing.Key, s Slot) string { return filepath.Join(d.Path(), "v1", entryName(key, s)) }
	content, err := os.ReadFile(place(a.Key, Good))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(place(b.Key, Good), content, 0o600))
	require.NoError(t, os.WriteFile(place(a.Key, Failed), content, 0o600))
	requireMiss(t, d, b, Good, stats.Corrupt)
	requireMiss(t, d, a, Failed, stats.Corrupt)
	_, err = d.Load(b.Key, Good)
	require.Error(t, err)
	require.Len(t, faults(t, d), 2)
	requireHit(t, d, a, Good, part{0, "a"})
}

func TestEqualBodiesAreOneFile(t *testing.T) {
	d := newDir(t, Options{})
	body := strings.Repeat("0123456789abcdef", 64<<10)
	ids := func() (ids []tree.ID, links uint64) {
		for _, r := range []string{"a", "b", "c"} {
			e, err := d.Load(runOf(r).Key, Good)
			if err != nil {
				continue
			}
			fi, err := e.body.Info()
			require.NoError(t, err)
			ids, links = append(ids, fi.ID), fi.Links
			e.Close()
		}
		return ids, links
	}
	store(t, d, runOf("a"), part{0, body})
	store(t, d, runOf("b"), part{0, body})
	store(t, d, runOf("c"), part{0, body})
	store(t, d, runOf("a"), part{0, body}) // over itself
	all, links := ids()
	require.Equal(t, []tree.ID{all[0], all[0], all[0]}, all)
	require.Equal(t, uint64(4), links)
	require.Empty(t, names(t, d, "pending"))

	require.NoError(t, d.Remove(runOf("a").Key, Good))
	store(t, d, runOf("b"), part{0, "short"})
	requireHit(t, d, runOf("c"), Good, part{0, body})
	_, links = ids()
	require.Equal(t, uint64(2), links)
	requireNoStrays(t, d)
	require.NoError(t, d.Remove(runOf("c").Key, Good))
	requireNoStrays(t, d)
	require.Empty(t, faults(t, d))
}

// What only one entry has is not read when that entry is stored again: the new body takes its place.
func TestBodyOfOneEntryIsReplaced(t *testing.T) {
	d := newDir(t, Options{})
	body := strings.Repeat("0123456789abcdef", 64<<10)
	look := func(name string) tree.Info {
		fi, err := d.v1.Stat(name)
		require.NoError(t, err)
		return fi
	}
	a, sum := runOf("a"), [32]byte(sha256.Sum256([]byte(body)))
	store(t, d, a, part{0, body})
	before := look(blobName(sum))
	reader, err := d.Lookup(a.Key, a.Recipe, Good)
	require.NoError(t, err)
	defer reader.Close()
	store(t, d, a, part{0, body})
	after := look(blobName(sum))
	require.NotEqual(t, before.ID, after.ID)
	require.Equal(t, after.ID, look(bodyName(a.Key, Good, sum)).ID)
	require.Equal(t, uint64(2), after.Links)
	var out strings.Builder
	require.NoError(t, reader.Replay(&out, io.Discard))
	require.True(t, body == out.String())
	requireHit(t, d, a, Good, part{0, body})
	require.Empty(t, names(t, d, "pending"))

	store(t, d, runOf("b"), part{0, body})
	store(t, d, a, part{0, body})
	require.Equal(t, after.ID, look(blobName(sum)).ID, "another entry has it")
	require.NoError(t, d.Remove(a.Key, Good))
	require.NoError(t, d.Remove(runOf("b").Key, Good))
	requireNoStrays(t, d)
}

func TestDamagedBlobIsNotInherited(t *testing.T) {
	d := newDir(t, Options{})
	body := strings.Repeat("0123456789abcdef", 64<<10)
	store(t, d, runOf("a"), part{0, body})
	e, err := d.Load(runOf("a").Key, Good)
	require.NoError(t, err)
	blob := filepath.Join(d.Path(), "v1", blobName(e.h.Sum))
	e.Close()
	f, err := os.OpenFile(blob, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("X"), 700_000)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Len(t, faults(t, d), 1)
	store(t, d, runOf("b"), part{0, body})
	requireHit(t, d, runOf("b"), Good, part{0, body})
	require.Len(t, faults(t, d), 1)
	store(t, d, runOf("a"), part{0, body})
	requireHit(t, d, runOf("a"), Good, part{0, body})
	require.Empty(t, faults(t, d))
}

func TestWithoutHardLinks(t *testing.T) {
	d := newDir(t, Options{})
	d.v1.TestOnlyNoLinks = true
	body := strings.Repeat("0123456789abcdef", 64<<10)
	for _, r := range []string{"a", "b", "a"} {
		store(t, d, runOf(r), part{0, body})
		requireHit(t, d, runOf(r), Good, part{0, body})
	}
	_, err := d.v1.Stat("blobs")
	require.Error(t, err)
	require.NoError(t, d.Remove(runOf("a").Key, Good))
	requireHit(t, d, runOf("b"), Good, part{0, body})
	store(t, d, runOf("b"), part{0, body[1:]})
	requireHit(t, d, runOf("b"), Good, part{0, body[1:]})
	require.Empty(t, faults(t, d))
	requireNoStrays(t, d)
}

// An entry that was looked up is replayed whatever happens to it meanwhile.
func TestReplayDuringReplaceAndPurge(t *testing.T) {
	d := newDir(t, Options{})
	for _, body := range []string{"small", strings.Repeat("0123456789abcdef", 512<<10)} {
		for name, disturb := range map[string]func(){
			"replace": func() { store(t, d, runOf("x"), part{0, "new"}) },
			"purge": func() {
				_, err := d.PurgeAll()
				require.NoError(t, err)
			},
			"remove": func() { require.NoError(t, d.Remove(runOf("x").Key, Good)) },
		} {
			store(t, d, runOf("x"), part{0, body})
			e, err := d.Lookup(runOf("x").Key, runOf("x").Recipe, Good)
			require.NoError(t, err, name)
			disturb()
			var out strings.Builder
			require.NoError(t, e.Replay(&out, io.Discard), name)
			require.True(t, body == out.String(), name)
			e.Close()
		}
	}
	requireNoStrays(t, d)
}

// Who removes an old entry may take the body of a new one with it, if both are the same.
func TestBodyTakenAtTheWorstMoment(t *testing.T) {
	for name, shared := range map[string]bool{"only here": false, "another entry has it": true} {
		t.Run(name, func(t *testing.T) {
			d := newDir(t, Options{})
			body := strings.Repeat("0123456789abcdef", 64<<10)
			if shared {
				store(t, d, runOf("other"), part{0, body})
			}
			p, err := d.Begin(runOf("x"))
			require.NoError(t, err)
			defer p.Discard()
			require.NoError(t, p.Append(0, []byte(body)))
			m := metaNow()
			m.Key, m.Recipe, m.TagMark = p.run.Key, p.run.Recipe, p.mark
			h, err := p.finish(m)
			require.NoError(t, err)
			require.NoError(t, p.publishBody(h, Good, false))
			d.dropBody(h.Key, Good, h.Sum)
			require.NoError(t, p.publishEntry(entryName(h.Key, Good), h.Encode(nil)))
			err = d.settle(h.Key, Good, h.Sum)
			require.Empty(t, faults(t, d))
			if shared {
				require.NoError(t, err)
				requireHit(t, d, runOf("x"), Good, part{0, body})
			} else {
				require.ErrorIs(t, err, ErrPurged)
				requireMiss(t, d, runOf("x"), Good, stats.New)
			}
		})
	}
}

func TestBodyTakenTooLate(t *testing.T) {
	d := newDir(t, Options{})
	body := strings.Repeat("0123456789abcdef", 64<<10)
	store(t, d, runOf("x"), part{0, body})
	store(t, d, runOf("y"), part{0, body})
	sum := [32]byte(sha256.Sum256([]byte(body)))
	d.dropBody(runOf("x").Key, Good, sum) // by somebody who removed an older entry
	requireHit(t, d, runOf("x"), Good, part{0, body})
	require.NoError(t, d.Remove(runOf("y").Key, Good))
	d.dropBody(runOf("x").Key, Good, sum)
	require.Empty(t, faults(t, d))
	requireNoStrays(t, d)
}

// A reader finds an entry with its body at any instant, however often it is replaced.
func TestReadersBesideStores(t *testing.T) {
	if testing.Short() {
		t.Skip("stores for seconds")
	}
	path := filepath.Join(t.TempDir(), "cache")
	outputs := []string{strings.Repeat("0123456789abcdef", 17<<10), strings.Repeat("fedcba9876543210", 17<<10)}
	d := openAt(t, path, Options{})
	store(t, d, runOf("x"), part{0, outputs[0]})
	done := make(chan struct{})
	var all sync.WaitGroup
	for range 3 {
		o := openAt(t, path, Options{})
		all.Go(func() {
			for {
				stdout, _, _, err := lookup(o, runOf("x"), Good)
				if err != nil || stdout != outputs[0] && stdout != outputs[1] {
					t.Error(len(stdout), err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 200 {
		store(t, d, runOf("x"), part{0, outputs[(i+1)%2]})
	}
	close(done)
	all.Wait()
}

func TestRemoveBesideStores(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	path := filepath.Join(t.TempDir(), "cache")
	bodies := []string{strings.Repeat("0123456789abcdef", 17<<10), strings.Repeat("fedcba9876543210", 17<<10), "small"}
	var all sync.WaitGroup
	for w := range 3 {
		d := openAt(t, path, Options{})
		all.Go(func() {
			for i := range 150 {
				if w == 0 {
					if err := d.Remove(runOf("x").Key, Good); err != nil {
						t.Error(err)
					}
				} else if err := tryStore(d, runOf("x"), metaNow(), part{0, bodies[i%(1+w)]}); err != nil &&
					!errors.Is(err, ErrPurged) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	d := openAt(t, path, Options{})
	require.Empty(t, faults(t, d))
	require.Empty(t, names(t, d, "pending"))
}
