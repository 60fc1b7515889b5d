package cachedir

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/stats"
)

func requireSeen(t testing.TB, d *Dir, tier, tag string, count int64, at time.Time) {
	t.Helper()
	gotCount, gotAt, known := d.TagSeen(tier, tag)
	require.True(t, known)
	require.Equal(t, count, gotCount)
	require.True(t, at.Equal(gotAt))
}

func requireNotSeen(t testing.TB, d *Dir, tier, tag string, what ...any) {
	t.Helper()
	_, _, known := d.TagSeen(tier, tag)
	require.False(t, known, what...)
}

func TestRemoteTags(t *testing.T) {
	now := time.Unix(1<<31, 5)
	d := newDir(t, Options{Now: func() time.Time { return now }})
	tagged(t, d, "x", "users")
	tagged(t, d, "y", "others")
	requireNotSeen(t, d, "redis", "users")
	require.NoError(t, d.NoteTag("redis", "users", 7, NoPurge))
	requireSeen(t, d, "redis", "users", 7, now)
	requireNotSeen(t, d, "memcached", "users")
	requireNotSeen(t, d, "redis", "others")
	requireNotSeen(t, d, "redisu", "sers")
	requireHit(t, d, runOf("x"), Good, part{0, "x"})

	now = now.Add(time.Second)
	require.NoError(t, d.NoteTag("redis", "users", 9, HardPurge))
	requireSeen(t, d, "redis", "users", 9, now)
	requireMiss(t, d, runOf("x"), Good, stats.Purged)
	requireHit(t, d, runOf("y"), Good, part{0, "y"})
	tagged(t, d, "x", "users")
	requireHit(t, d, runOf("x"), Good, part{0, "x"})

	ro := openAt(t, d.Path(), Options{ReadOnly: true})
	requireSeen(t, ro, "redis", "users", 9, now)
	require.ErrorIs(t, ro.NoteTag("redis", "users", 10, NoPurge), ErrReadOnly)
}

func TestDamagedRemoteTagIsNotKnown(t *testing.T) {
	d := newDir(t, Options{})
	require.NoError(t, d.NoteTag("redis", "users", 7, NoPurge))
	require.NoError(t, d.NoteTag("redis", "others", 8, NoPurge))
	path := func(tag string) string { return filepath.Join(d.Path(), "v1", remoteTagName(remoteTag("redis", tag))) }
	whole, err := os.ReadFile(path("users"))
	require.NoError(t, err)
	for at := range whole {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 0x41
		for _, content := range [][]byte{flipped, whole[:at]} {
			require.NoError(t, os.WriteFile(path("users"), content, 0o600))
			requireNotSeen(t, d, "redis", "users", at)
		}
	}
	require.NoError(t, os.Rename(path("others"), path("users")))
	requireNotSeen(t, d, "redis", "users", "what is said of another tag")
	require.NoError(t, os.WriteFile(path("users"), append(whole, 0), 0o600))
	requireNotSeen(t, d, "redis", "users")
	require.NoError(t, d.NoteTag("redis", "users", 9, NoPurge))
	count, _, known := d.TagSeen("redis", "users")
	require.True(t, known)
	require.Equal(t, int64(9), count)
}

// The purge that is made for a count which came with a result does not forbid that result; any other purge does.
func TestImportThatTellsOfAPurge(t *testing.T) {
	from, d := newDir(t, Options{}), newDir(t, Options{})
	tagged(t, from, "x", "users")
	r := runOf("x")
	x := export(t, from, r, Good)
	tagged(t, d, "y", "users")
	require.NoError(t, d.NoteTag("redis", "users", 7, NoPurge))

	i, err := d.BeginImport(r)
	require.NoError(t, err)
	defer i.Discard()
	require.NoError(t, i.Read(x.content))
	require.NoError(t, i.NoteTag("redis", "users", 7, NoPurge))
	requireHit(t, d, runOf("y"), Good, part{0, "y"})
	require.NoError(t, i.NoteTag("redis", "users", 8, HardPurge))
	require.NoError(t, i.NoteTag("redis", "others", 3, HardPurge))
	requireMiss(t, d, runOf("y"), Good, stats.Purged)
	require.NoError(t, i.Commit())
	requireHit(t, d, r, Good, part{0, "x"})
	require.NoError(t, d.PurgeTag("users", false))
	requireMiss(t, d, r, Good, stats.Purged)

	i, err = d.BeginImport(r)
	require.NoError(t, err)
	defer i.Discard()
	require.NoError(t, i.Read(x.content))
	require.NoError(t, d.PurgeTag("users", false)) // somebody else's
	require.ErrorIs(t, i.NoteTag("redis", "users", 9, HardPurge), ErrPurged)
	count, _, known := d.TagSeen("redis", "users")
	require.True(t, known)
	require.Equal(t, int64(9), count)
	require.NoError(t, i.Commit())
	requireMiss(t, d, r, Good, stats.Purged)
}
