package cachedir

import (
	"encoding/binary"
	"math/bits"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
)

func TestDigestsAreRemembered(t *testing.T) {
	d := newDir(t, Options{})
	g := d.Digests()
	stamp := hashing.StatID{Dev: 1, Ino: 2, Size: 3, Mtime: 4, Ctime: 5}
	_, ok := g.Digest(stamp)
	require.False(t, ok)
	g.Remember(stamp, hashing.Digest{6})
	for _, other := range []hashing.StatID{
		{Dev: 9, Ino: 2, Size: 3, Mtime: 4, Ctime: 5},
		{Dev: 1, Ino: 9, Size: 3, Mtime: 4, Ctime: 5},
		{Dev: 1, Ino: 2, Size: 9, Mtime: 4, Ctime: 5},
		{Dev: 1, Ino: 2, Size: 3, Mtime: 9, Ctime: 5},
		{Dev: 1, Ino: 2, Size: 3, Mtime: 4, Ctime: 9},
		{Dev: 1, Ino: 2, Size: 3, Mtime: 4, Ctime: 5, Mount: 9},
	} {
		_, ok := g.Digest(other)
		require.False(t, ok)
	}
	again := openAt(t, d.Path(), Options{})
	digest, ok := again.Digests().Digest(stamp)
	require.True(t, ok)
	require.Equal(t, hashing.Digest{6}, digest)
	again.Digests().Remember(stamp, hashing.Digest{7})
	digest, ok = g.Digest(stamp)
	require.True(t, ok)
	require.Equal(t, hashing.Digest{7}, digest)
}

func TestFullBucketForgetsTheOldest(t *testing.T) {
	d := newDir(t, Options{MaxSize: 1 << 20})
	id := func(n int) (id tableID) {
		binary.LittleEndian.PutUint64(id[8:], uint64(n))
		return id // all in the first bucket
	}
	for n := range 64 {
		d.digests.put(id(n), [32]byte{byte(n)})
	}
	for n := range 64 {
		v, ok := d.digests.get(id(n))
		require.True(t, ok)
		require.Equal(t, byte(n), v[0])
	}
	for n := 64; n < 1000; n++ {
		d.digests.put(id(n), [32]byte{byte(n)})
		_, ok := d.digests.get(id(n))
		require.True(t, ok)
	}
	fi, err := d.v1.Stat("stat/digests")
	require.NoError(t, err)
	require.LessOrEqual(t, fi.Size, int64(16*bucketSize))
}

// A table grows with what is put into it, a few buckets at a time, and stops where it may take no more.
func TestTableGrows(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100,000 records")
	}
	d := newDir(t, Options{MaxSize: 64 * 1024 * bucketSize})
	id := func(n int) tableID { return statName(hashing.StatID{Ino: uint64(n)}) }
	size := func() uint64 {
		fi, err := d.v1.Stat("stat/digests")
		require.NoError(t, err)
		return uint64(fi.Size) / bucketSize
	}
	known := func(n int) (known int) {
		again := openAt(t, d.Path(), Options{MaxSize: 64 * 1024 * bucketSize})
		for i := range n {
			v, ok := again.digests.get(id(i))
			if require.True(t, !ok || v[0] == byte(i)); ok {
				known++
			}
		}
		return known
	}
	const few = 8_000 // half of the room of 256 buckets
	put := func(from, to int) {
		for n := from; n < to; n++ {
			d.digests.put(id(n), [32]byte{byte(n)})
		}
	}
	put(0, few)
	require.Equal(t, uint64(fewBuckets), size())
	require.Equal(t, few, known(few))
	put(few, 40_000)
	require.Greater(t, size(), uint64(2*fewBuckets))
	require.Greater(t, known(40_000), 39_000, "of a full bucket one is forgotten until it is split")
	put(40_000, 100_000)
	require.Equal(t, uint64(1024), size())
	require.Greater(t, known(100_000), 60_000)
}

// Of any number of buckets a split one is told from its half, and nothing else moves.
// After as many look-ups as there are buckets the table is read at once, and what is put later is found all the same.
func TestTableIsReadAtOnce(t *testing.T) {
	d := newDir(t, Options{MaxSize: 1 << 20})
	id := func(n int) (id tableID) {
		binary.LittleEndian.PutUint64(id[:], uint64(n))
		return id
	}
	has := func(n int, value byte) {
		t.Helper()
		v, ok := d.digests.get(id(n))
		require.True(t, ok, n)
		require.Equal(t, value, v[0], n)
	}
	for n := range 200 {
		d.digests.put(id(n), [32]byte{byte(n)})
	}
	_, ok := d.digests.get(id(200))
	require.False(t, ok)
	require.Nil(t, d.digests.whole)
	for n := range 200 {
		has(n, byte(n))
	}
	require.NotNil(t, d.digests.whole)
	_, ok = d.digests.get(id(200))
	require.False(t, ok)
	d.digests.put(id(7), [32]byte{100})
	d.digests.put(id(200), [32]byte{101})
	for range 2 {
		has(7, 100)
		has(200, 101)
		for n := 10; n < 200; n++ {
			has(n, byte(n))
		}
	}
	require.NotNil(t, d.digests.whole)
}

func TestBucketOf(t *testing.T) {
	for buckets := uint64(1); buckets < 300; buckets++ {
		half := buckets - uint64(1)<<(bits.Len64(buckets)-1)
		for n := range uint64(2000) {
			var id tableID
			binary.LittleEndian.PutUint64(id[:], n*0x9e3779b97f4a7c15)
			before, after := bucketOf(id, buckets), bucketOf(id, buckets+1)
			require.Less(t, before, buckets)
			require.True(t, after == before || before == half && after == buckets)
		}
	}
}

// Whoever cannot write leaves the file open, for others may be about to use it: its number would be another file's.
func TestTableThatCannotBeWritten(t *testing.T) {
	d := newDir(t, Options{})
	id := func(n int) tableID { return statName(hashing.StatID{Ino: uint64(n)}) }
	d.digests.put(id(1), [32]byte{1})
	f, _, ok := d.digests.writer()
	require.True(t, ok)
	f.Close()
	read, err := d.v1.Open("stat/digests", os.O_RDONLY)
	require.NoError(t, err)
	d.digests.write = read
	d.digests.put(id(2), [32]byte{2})
	_, _, ok = d.digests.writer()
	require.False(t, ok, "it is not tried again")
	_, err = read.Info()
	require.NoError(t, err, "it was closed")
	v, ok := d.digests.get(id(1))
	require.True(t, ok)
	require.Equal(t, [32]byte{1}, v)
}

func TestTableFromManyGoroutines(t *testing.T) {
	d := newDir(t, Options{})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 300 {
				s := hashing.StatID{Ino: uint64(i)}
				d.Digests().Remember(s, hashing.Digest{byte(i)})
				if got, ok := d.Digests().Digest(s); ok && got[0] != byte(i) {
					t.Error(g, i, got)
				}
			}
		})
	}
	all.Wait()
}

func TestCommandRecord(t *testing.T) {
	d := newDir(t, Options{})
	id := runOf("x").Command
	_, ok := d.Command(id)
	require.False(t, ok)
	run := func(n int) CommandRun {
		return CommandRun{
			Key: hashing.Key{byte(n)}, Ended: time.Unix(int64(n), 5), Duration: time.Second, Code: -n,
			NotStored: "because",
		}
	}
	for n := range 12 {
		require.NoError(t, d.NoteRun(id, run(n)))
	}
	require.NoError(t, d.NoteRun(id, run(7)))
	r, ok := d.Command(id)
	require.True(t, ok)
	require.Equal(t, []CommandRun{run(7), run(11), run(10), run(9), run(8), run(6), run(5), run(4)}, r.Runs)
	words := []CommandWord{
		{Word: 1, State: hashing.Digest{2}, Size: 3, Rest: hashing.Digest{4}, Made: true, Moved: 5},
		{Word: 6, Literal: 7, During: true},
	}
	require.NoError(t, d.NoteRun(id, run(7), words...))
	r, _ = d.Command(id)
	require.Equal(t, words, r.Words)
	require.NoError(t, d.NoteRun(id, run(7)))
	r, _ = d.Command(id)
	require.Empty(t, r.Words)
	_, ok = d.Command(runOf("y").Command)
	require.False(t, ok)
	require.Equal(t, usedBytes(t, d), sizesOf(t, d))
}

func TestProbe(t *testing.T) {
	d := newDir(t, Options{})
	store(t, d, runOf("x"), part{0, "x"})
	r, err := d.Probe()
	require.NoError(t, err)
	require.NoError(t, r.Write)
	require.NoError(t, r.Links)
	require.NoError(t, r.Locks)
	require.Greater(t, r.Total, r.Free)
	require.GreaterOrEqual(t, r.Used, int64(4096))
	require.Equal(t, int64(DefaultMaxSize), r.MaxSize)
	require.Less(t, r.ClockSkew.Abs(), time.Minute)
	require.Empty(t, names(t, d, "pending"))
}
