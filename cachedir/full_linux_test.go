package cachedir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/cachedir/stats"
)

// smallDisk mounts a filesystem of 1 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=700"); err != nil {
		t.Skipf("no right to mount a filesystem: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// fill uses up the disk, to the last byte that a file of it can hold.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	require.NoError(t, err)
	for size := 1 << 20; size > 0; size /= 2 {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				require.ErrorIs(t, err, unix.ENOSPC)
				break
			}
		}
	}
	require.NoError(t, f.Close())
	return func() { require.NoError(t, os.Remove(f.Name())) }
}

func isNoSpace(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, ErrNoRoom) }

func TestFullDiskBeforeTheFirstRun(t *testing.T) {
	dir := smallDisk(t)
	free := fill(t, dir)
	path := filepath.Join(dir, "cache")
	_, err := Open(path, Options{})
	require.ErrorIs(t, err, unix.ENOSPC)
	free()
	d := openAt(t, path, Options{})
	store(t, d, runOf("x"), part{0, "x"})
	requireHit(t, d, runOf("x"), Good, part{0, "x"})
}

func TestFullDisk(t *testing.T) {
	dir := smallDisk(t)
	d := openAt(t, filepath.Join(dir, "cache"), Options{})
	store(t, d, runOf("x"), part{0, "x"})
	for range 3 {
		free := fill(t, dir)
		for _, output := range []string{"y", strings.Repeat("y", 100_000), strings.Repeat("y", 900_000)} {
			err := tryStore(d, runOf("y"), metaNow(), part{0, output})
			require.True(t, isNoSpace(err), "%v", err)
			require.Empty(t, names(t, d, "pending"), "a failed store leaves nothing behind")
		}
		_ = d.NoteRun(runOf("z").Command, CommandRun{}) // cleaning may have made room for it
		require.Empty(t, names(t, d, "pending"))
		free()
		store(t, d, runOf("y"), part{0, "small again"})
		requireHit(t, d, runOf("y"), Good, part{0, "small again"})
		require.Empty(t, faults(t, d))
	}
}

// What does not fit on the disk fails, and what is small fits again afterwards.
func TestOutputLargerThanTheDisk(t *testing.T) {
	dir := smallDisk(t)
	d := openAt(t, dir, Options{})
	for n := range 5 {
		p, err := d.Begin(runOf("large"))
		require.NoError(t, err)
		for err == nil {
			err = p.Append(0, make([]byte, 100_000))
		}
		require.True(t, isNoSpace(err), "%v", err)
		require.Empty(t, names(t, d, "pending"))
		p.Discard()
		r := runOf(string(rune('a' + n)))
		store(t, d, r, part{0, "small"})
		requireHit(t, d, r, Good, part{0, "small"})
	}
	require.Empty(t, faults(t, d))
}

// The cache makes room for others: it leaves a part of the disk free.
func TestFloorOfFreeSpace(t *testing.T) {
	dir := smallDisk(t)
	d := openAt(t, dir, Options{})
	stored := 0
	for n := range 60 {
		err := tryStore(d, runOf(string(rune('a'+n))), metaNow(), part{0, strings.Repeat("x", 50_000)})
		if err == nil {
			stored++
		} else {
			require.True(t, isNoSpace(err), "%v", err)
		}
		free, floor := d.room()
		require.GreaterOrEqual(t, free, floor-60_000)
	}
	// within the time for that, so not for each
	require.Greater(t, stored, 25, "more than fit at once, so room was made")
	require.Empty(t, faults(t, d))
}

func TestReadOnlyMount(t *testing.T) {
	dir := smallDisk(t)
	d, err := Open(dir, Options{})
	require.NoError(t, err)
	store(t, d, runOf("x"), part{0, "x"})
	d.Close()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, "size=1m,mode=700"))
	d = openAt(t, dir, Options{})
	requireHit(t, d, runOf("x"), Good, part{0, "x"})
	requireMiss(t, d, runOf("y"), Good, stats.New)
	_, err = d.Begin(runOf("y"))
	require.ErrorIs(t, err, unix.EROFS)
	require.ErrorIs(t, d.Journal.Log(stats.Record{Served: stats.Hit}), unix.EROFS)
	_, err = d.LockFile(runOf("y").Key).Open()
	require.ErrorIs(t, err, unix.EROFS)
	d.Journal.Fold()
	_, err = Open(filepath.Join(dir, "fresh"), Options{})
	require.ErrorIs(t, err, unix.EROFS)
}

// A purge needs no room: neither for its count, nor for the mark of a tag that was never purged before.
func TestPurgeOnAFullDisk(t *testing.T) {
	tagged := func(t *testing.T, d *Dir, name string, tags ...string) Run {
		m, r := metaNow(), runOf(name)
		for _, tag := range tags {
			m.Tags = append(m.Tags, Tag{Name: tag, Seq: OwnSeq})
		}
		require.NoError(t, tryStore(d, r, m, part{0, strings.Repeat("x", 100_000)}))
		require.NoError(t, d.NoteRun(r.Command, CommandRun{Key: r.Key}))
		return r
	}
	for name, c := range map[string]struct {
		purge func(d *Dir) error
		gone  []string
	}{
		"a tag":       {func(d *Dir) error { return d.PurgeTag("one", false) }, []string{"a"}},
		"a known tag": {func(d *Dir) error { return d.PurgeTag("known", false) }, []string{"a", "b"}},
		"all":         {func(d *Dir) error { _, err := d.PurgeAll(); return err }, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := smallDisk(t)
			d := openAt(t, filepath.Join(dir, "cache"), Options{})
			require.NoError(t, d.PurgeTag("known", false))
			runs := map[string]Run{"a": tagged(t, d, "a", "one", "known"), "b": tagged(t, d, "b", "known")}
			begun, err := d.Begin(runOf("begun"))
			require.NoError(t, err)
			fill(t, dir)
			require.NoError(t, c.purge(d))
			stands := func(r Run) bool {
				e, err := d.Load(r.Key, Good)
				if err != nil {
					return false
				}
				defer e.Close()
				_, err = d.CheckTags(e.Meta)
				return err == nil
			}
			for _, r := range c.gone {
				require.False(t, stands(runs[r]), r)
			}
			if len(c.gone) == 1 {
				require.True(t, stands(runs["b"]))
				return
			}
			m := metaNow()
			m.Tags = []Tag{{Name: "known", Seq: OwnSeq}}
			m.TagMark = begun.Mark()
			if err := begun.Commit(m); err == nil { // else it was purged, or there was no room
				require.False(t, stands(runOf("begun")), "what ran meanwhile is purged too")
			}
			if name == "all" {
				_, known := d.Command(runs["a"].Command)
				require.False(t, known)
			}
		})
	}
}
