package cachedir

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
)

func TestManifestIsKept(t *testing.T) {
	d := newDir(t, Options{})
	g, name := d.Digests(), hashing.Key{5, 1}
	_, ok := g.Manifest(name)
	require.False(t, ok)
	countAll(t, d)
	for _, size := range []int{3, 0, 10_000, 100_000, 4096} {
		g.KeepManifest(name, make([]byte, size))
		got, ok := openAt(t, d.Path(), Options{}).Digests().Manifest(name)
		require.True(t, ok)
		require.Len(t, got, size)
		require.Equal(t, usedBytes(t, d), sizesOf(t, d), "what it takes is counted")
	}
	_, ok = g.Manifest(hashing.Key{5, 2})
	require.False(t, ok)
	from, to := recordName(recordsOfFiles, name), recordName(recordsOfFiles, hashing.Key{5, 2})
	require.NoError(t, os.Rename(filepath.Join(d.Path(), "v1", from), filepath.Join(d.Path(), "v1", to)))
	_, ok = g.Manifest(hashing.Key{5, 2})
	require.False(t, ok, "under the name of another")
	_, err := d.PurgeAll()
	require.NoError(t, err)
	require.Empty(t, names(t, d, recordsOfFiles+"/05"))
	require.Zero(t, sizesOf(t, d))
}

// A manifest has its share of the cache, and makes room for entries.
func TestLimitHoldsForManifests(t *testing.T) {
	const limit = 1 << 20
	d := newDir(t, Options{MaxSize: limit})
	d.Digests().KeepManifest(hashing.Key{1}, make([]byte, limit/manifestShare))
	_, ok := d.Digests().Manifest(hashing.Key{1})
	require.False(t, ok, "one is too large")
	for i := range 64 {
		d.Digests().KeepManifest(hashing.Key{byte(i)}, make([]byte, limit/manifestShare/2))
		require.LessOrEqual(t, usedBytes(t, d), int64(limit))
	}
	run, body := runOf("x"), part{0, string(make([]byte, 100_000))}
	err := ErrNoRoom
	for range 64 { // each store cleans for its time, and removes one manifest at least
		if err = tryStore(d, run, metaNow(), body); !errors.Is(err, ErrNoRoom) {
			break
		}
	}
	require.NoError(t, err)
	require.LessOrEqual(t, usedBytes(t, d), int64(limit))
	requireHit(t, d, run, Good, body)

	only := openAt(t, d.Path(), Options{ReadOnly: true})
	only.Digests().KeepManifest(hashing.Key{77}, nil)
	_, ok = d.Digests().Manifest(hashing.Key{77})
	require.False(t, ok)
}

// Of many who keep a manifest at once one has it, whole, and no bytes are left uncounted.
func TestManifestFromManyWriters(t *testing.T) {
	d := newDir(t, Options{})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for range 30 {
				content := make([]byte, 5000*g)
				for i := range content {
					content[i] = byte(g)
				}
				d.Digests().KeepManifest(hashing.Key{1}, content)
				if got, ok := d.Digests().Manifest(hashing.Key{1}); ok && len(got) > 0 && len(got) != 5000*int(got[0]) {
					t.Error("a mixture")
				}
			}
		})
	}
	all.Wait()
	_, ok := d.Digests().Manifest(hashing.Key{1})
	require.True(t, ok)
	require.GreaterOrEqual(t, sizesOf(t, d), usedBytes(t, d))
	countAll(t, d)
	require.Equal(t, usedBytes(t, d), sizesOf(t, d))
}
