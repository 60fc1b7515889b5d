package cachedir

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

func randomName() string { return fmt.Sprintf("%016x", rand.Uint64()) }

func fixtureStamp() hashing.StatID { return hashing.StatID{Dev: 1, Ino: 2, Size: 3} }

// usedBytes counts what entries, bodies and records use, as the limit counts it.
func usedBytes(t testing.TB, d *Dir) int64 {
	t.Helper()
	sum := int64(0)
	for _, kind := range append([]string{"entries"}, recordFolders[:]...) {
		for i := range 256 {
			dir := kind + "/" + shard(byte(i))
			_ = d.v1.List(dir, func(n string) bool {
				if fi, err := d.v1.Stat(dir + "/" + n); err == nil {
					sum += onDisk(fi.Size)
				}
				return true
			})
		}
	}
	return sum
}

// sizesOf is what the file of usage says.
func sizesOf(t testing.TB, d *Dir) int64 {
	t.Helper()
	s := sizes(t, d)
	return s.total()
}

// sizes reads the file of usage.
func sizes(t testing.TB, d *Dir) shardSizes {
	t.Helper()
	b, err := d.openUsage()
	require.NoError(t, err)
	defer b.close()
	s, err := b.sizes()
	require.NoError(t, err)
	return s
}

// account notes a change of what a shard holds.
func account(t testing.TB, d *Dir, shard byte, bytes int64) {
	t.Helper()
	b, err := d.openUsage()
	require.NoError(t, err)
	defer b.close()
	_, err = b.append(appendUsage(nil, usageRecord{kind: kindChange, shard: shard, bytes: bytes}))
	require.NoError(t, err)
}

// countAll counts all shards anew.
func countAll(t testing.TB, d *Dir) {
	t.Helper()
	c, err := d.beginCount()
	require.NoError(t, err)
	defer c.b.close()
	for i := range 256 {
		d.sweepFrom(c, uint64(i)<<56, time.Now().Add(time.Minute))
	}
}

func TestLimitHolds(t *testing.T) {
	if testing.Short() {
		t.Skip("stores for seconds")
	}
	const limit = 2 << 20
	d := newDir(t, Options{MaxSize: limit})
	stored := 0
	for i := range 300 {
		err := tryStore(d, runOf(fmt.Sprint(i)), metaNow(), part{0, strings.Repeat("x", 1000+(i%7)*60_000)})
		if err == nil {
			stored++
		} else {
			require.ErrorIs(t, err, ErrNoRoom)
		}
		require.LessOrEqual(t, usedBytes(t, d), int64(limit))
	}
	require.Greater(t, stored, 200, "cleaning keeps up") // on a busy machine a store may find no time to make room
	require.Greater(t, usedBytes(t, d), int64(limit/2), "no more than needed is removed")
	require.Empty(t, faults(t, d))
	requireNoStrays(t, d)
	require.LessOrEqual(t, usedBytes(t, d), sizesOf(t, d), "a store that found no room may be counted still")
	countAll(t, d)
	require.Equal(t, usedBytes(t, d), sizesOf(t, d))
}

// A machine may be so busy that the time for cleaning is over before anything was read. Something goes all the same, or
// a full cache would keep what it has for ever.
func TestCleaningAlwaysRemovesSomething(t *testing.T) {
	d := newDir(t, Options{MaxSize: 64 << 10})
	for i := range 16 {
		if err := tryStore(d, runOf(fmt.Sprint(i)), metaNow(), part{0, strings.Repeat("x", 3000)}); err != nil {
			require.ErrorIs(t, err, ErrNoRoom)
		}
	}
	full := usedBytes(t, d)
	d.clean(time.Now().Add(-time.Second))
	require.Less(t, usedBytes(t, d), full)
}

func TestLimitHoldsForConcurrentStores(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	const limit, writers, size = 1 << 20, 16, 48 << 10
	path := filepath.Join(t.TempDir(), "cache")
	var all sync.WaitGroup
	for w := range writers {
		d := openAt(t, path, Options{MaxSize: limit})
		all.Go(func() {
			for i := range 30 {
				_ = tryStore(d, runOf(fmt.Sprint(w, i)), metaNow(), part{0, strings.Repeat("x", size)})
			}
		})
	}
	all.Wait()
	d := openAt(t, path, Options{MaxSize: limit})
	require.LessOrEqual(t, usedBytes(t, d), int64(limit))
	require.GreaterOrEqual(t, sizesOf(t, d), usedBytes(t, d))
	require.Greater(t, usedBytes(t, d), int64(limit/4))
	require.Empty(t, faults(t, d))
}

func TestTooLarge(t *testing.T) {
	d := newDir(t, Options{MaxSize: 1 << 20})
	require.ErrorIs(t, tryStore(d, runOf("x"), metaNow(), part{0, strings.Repeat("x", 1<<20)}), ErrTooLarge)
	p, err := d.Begin(runOf("y"))
	require.NoError(t, err)
	defer p.Discard()
	for range 8 {
		err = p.Append(0, make([]byte, 200_000))
	}
	require.ErrorIs(t, err, ErrTooLarge)
	require.Empty(t, names(t, d, "pending"), "it is removed at once, not at the end of the run")
	require.ErrorIs(t, p.Commit(metaNow()), ErrTooLarge)
	_, err = d.Begin(Run{Recipe: make([]byte, format.MaxRecipe+1)})
	require.ErrorIs(t, err, ErrTooLarge)
	require.Equal(t, int64(0), sizesOf(t, d))
}

// What is large and cheap does not take the place of what is dear, unless it is run again within a day, or somebody has
// set it, or a tier has it. Nothing goes for it in vain.
func TestNotWorthTheRoom(t *testing.T) {
	d := newDir(t, Options{MaxSize: 1 << 20})
	dear, cheap := metaNow(), metaNow()
	dear.Started = dear.Ended.Add(-time.Hour)
	cheap.Started = cheap.Ended.Add(-time.Millisecond)
	for i := range 9 {
		storeMeta(t, d, runOf(fmt.Sprint(i)), dear, part{0, strings.Repeat("x", 100_000)})
	}
	full, large := usedBytes(t, d), part{0, strings.Repeat("y", 200_000)}
	require.ErrorIs(t, tryStore(d, runOf("cheap"), cheap, large), ErrNotWorth)
	require.Equal(t, full, usedBytes(t, d))
	require.True(t, d.WasEvicted(runOf("cheap").Key), "in a larger cache it would be")
	storeMeta(t, d, runOf("small"), cheap, part{0, "y"}) // which has room
	storeMeta(t, d, runOf("as dear"), dear, part{0, strings.Repeat("x", 100_000)})
	storeMeta(t, d, runOf("cheap"), cheap, large)
	storeMeta(t, d, runOf("cheap"), cheap, part{0, strings.Repeat("y", 250_000)}) // which takes its own place
	storeMeta(t, d, namedRun(t, "value"), cheap, large)
	require.Empty(t, faults(t, d))
	require.LessOrEqual(t, usedBytes(t, d), int64(1<<20))
}

// Who goes first: what is expired, then what saves the least.
func TestWorthOfEntries(t *testing.T) {
	d := newDir(t, Options{MaxSize: 1 << 20})
	put := func(name string, took, ttl time.Duration, idle time.Duration, size int) {
		m := metaNow()
		m.Started, m.TTL = m.Ended.Add(-took), ttl
		storeMeta(t, d, runOf(name), m, part{0, strings.Repeat("x", size)})
		when := time.Now().Add(-idle)
		require.NoError(t, d.v1.Touch(entryName(runOf(name).Key, Good), when))
	}
	const size = 100 << 10
	put("dear", time.Hour, -1, time.Hour, size)
	put("cheap", time.Millisecond, -1, time.Hour, size)
	put("dear and expired", time.Hour, 0, time.Hour, size)
	put("cheap and small", time.Second, -1, time.Hour, 100)
	put("old", time.Hour, -1, 20*24*time.Hour, size)
	for i := range 3 {
		put(fmt.Sprint("usual", i), time.Minute, -1, time.Hour, size)
	}
	order := map[string]int{}
	for n := 0; len(order) < 3; n++ {
		require.Less(t, n, 100)
		m := metaNow()
		m.Started = m.Ended.Add(-10 * time.Minute)
		_ = tryStore(d, runOf("filler"+fmt.Sprint(n)), m, part{0, strings.Repeat("x", size)})
		for _, name := range []string{"dear", "cheap", "dear and expired", "cheap and small", "old"} {
			if _, gone := order[name]; !gone && !d.Has(runOf(name).Key, Good) {
				order[name] = n
			}
		}
	}
	require.Contains(t, order, "dear and expired")
	require.Contains(t, order, "cheap")
	require.NotContains(t, order, "dear")
	requireMiss(t, d, runOf("cheap"), Good, stats.Evicted)
	require.True(t, d.WasEvicted(runOf("cheap").Key))
	at, _ := d.EvictedAt(runOf("cheap").Key)
	require.WithinDuration(t, d.now(), at, 2*time.Minute)
	require.False(t, d.WasEvicted(runOf("dear").Key))
}

func TestUsesAreCounted(t *testing.T) {
	now := time.Now()
	d := newDir(t, Options{Now: func() time.Time { return now }})
	store(t, d, runOf("x"), part{0, "x"})
	use := func() time.Time {
		e, err := d.Load(runOf("x").Key, Good)
		require.NoError(t, err)
		defer e.Close()
		e.Touch()
		fi, err := d.v1.Stat(entryName(runOf("x").Key, Good))
		require.NoError(t, err)
		return fi.ModTime
	}
	first := use()
	require.Equal(t, uint64(0), d.hits(runOf("x").Key), "not within the hour")
	now = now.Add(2 * time.Hour)
	require.True(t, use().After(first))
	require.Equal(t, uint64(1), d.hits(runOf("x").Key))
	use()
	require.Equal(t, uint64(1), d.hits(runOf("x").Key))
	now = now.Add(-24 * time.Hour) // a clock that was set back
	use()
	require.Equal(t, uint64(2), d.hits(runOf("x").Key))
}

// Once an hour, what nobody uses or finishes goes even if there is room.
func TestSweep(t *testing.T) {
	now := time.Now()
	d := newDir(t, Options{Now: func() time.Time { return now }, Keep: 48 * time.Hour})
	aged := func(name string, by time.Duration) {
		require.NoError(t, d.v1.Touch(name, time.Now().Add(-by)))
	}
	store(t, d, runOf("unused"), part{0, strings.Repeat("x", format.InlineMax+1)})
	aged(entryName(runOf("unused").Key, Good), 50*time.Hour)
	store(t, d, runOf("used"), part{0, "x"})
	require.NoError(t, d.NoteRun(hashing.CommandID{1}, CommandRun{}))
	aged(commandName(hashing.CommandID{1}), 50*time.Hour)
	d.Digests().KeepManifest(hashing.Key{1}, nil)
	aged(recordName(recordsOfFiles, hashing.Key{1}), 50*time.Hour)
	d.Digests().KeepManifest(hashing.Key{2}, nil)

	leave := func(name string, by time.Duration) {
		f, err := d.v1.Create(name)
		require.NoError(t, err)
		f.Close()
		aged(name, by)
	}
	dead, fresh := runOf("dead").Key.String()+"."+randomName(), runOf("fresh").Key.String()+"."+randomName()
	for _, suffix := range []string{runSuffix, bodySuffix, tableSuffix, linkSuffix} {
		leave("pending/"+dead+suffix, time.Hour)
	}
	leave("pending/"+fresh+runSuffix, 0)
	leave("pending/"+fresh+bodySuffix, 0)
	leave("pending/tmp."+randomName(), 2*time.Hour)
	leave("pending/tmp."+randomName(), 0)
	leave("pending/not ours", 1000*time.Hour)
	leave("pending/"+strings.Repeat("x", 64)+"."+randomName()+runSuffix, time.Hour)
	leave("locks/"+runOf("dead").Key.String(), 48*time.Hour)
	leave("locks/"+runOf("fresh").Key.String(), 0)
	leave("locks/not ours", 1000*time.Hour)
	leave("entries/ab/not ours", 1000*time.Hour)
	stray := bodyName(runOf("stray").Key, Good, [32]byte{1})
	leave(stray, time.Hour)
	require.NoError(t, os.MkdirAll(filepath.Join(d.Path(), "v1/pending/aside.1/a/b"), 0o700))

	alive, err := d.Begin(runOf("alive"))
	require.NoError(t, err)
	defer alive.Discard()
	require.NoError(t, alive.Append(0, make([]byte, format.InlineMax+1)))
	for _, n := range names(t, d, "pending") {
		if strings.HasPrefix(n, runOf("alive").Key.String()) {
			aged("pending/"+n, 1000*time.Hour)
		}
	}

	d.sweep(time.Now().Add(cleanBudget))
	require.True(t, d.Has(runOf("unused").Key, Good), "not within the hour")
	now = now.Add(2 * time.Hour)
	swept := func() bool {
		_, known := d.Command(hashing.CommandID{1})
		_, kept := d.Digests().Manifest(hashing.Key{1})
		_, err := d.v1.Stat(stray)
		pending := strings.Join(names(t, d, "pending"), " ")
		return !known && !kept && err != nil && !d.Has(runOf("unused").Key, Good) &&
			!strings.Contains(pending, dead) && !strings.Contains(pending, "aside.") && len(names(t, d, "locks")) == 2
	}
	for range 1000 { // as many stores as it takes: each has its share of time, and a slow machine gets less done in it
		if swept() {
			break
		}
		d.sweep(time.Now().Add(cleanBudget))
		now = now.Add(2 * time.Minute * 31)
	}
	require.False(t, d.Has(runOf("unused").Key, Good))
	require.True(t, d.Has(runOf("used").Key, Good))
	_, known := d.Command(hashing.CommandID{1})
	require.False(t, known)
	_, known = d.Digests().Manifest(hashing.Key{1})
	require.False(t, known)
	_, known = d.Digests().Manifest(hashing.Key{2})
	require.True(t, known)
	left := strings.Join(names(t, d, "pending"), "\n")
	require.NotContains(t, left, dead)
	require.Contains(t, left, fresh+runSuffix)
	require.Contains(t, left, fresh+bodySuffix)
	require.Contains(t, left, "not ours")
	require.Contains(t, left, strings.Repeat("x", 64))
	require.NotContains(t, left, "aside.")
	require.Equal(t, 1, strings.Count(left, "tmp."))
	require.ElementsMatch(t, []string{runOf("fresh").Key.String(), "not ours"}, names(t, d, "locks"))
	require.Equal(t, []string{"not ours"}, names(t, d, "entries/ab"))
	_, err = d.v1.Stat(stray)
	require.Error(t, err)
	require.NoError(t, alive.Commit(metaNow()), "a run that goes on is not abandoned, however old")
	requireNoStrays(t, d)
}

// Nothing but what is an entry by name and place is ever removed (P11a).
func TestPurgeLeavesForeignFiles(t *testing.T) {
	d := newDir(t, Options{})
	store(t, d, runOf("x"), part{0, "x"})
	key := runOf("y").Key
	keep := []string{
		"keep", "v1/keep", "v1/entries/keep", "v1/entries/ab/keep", "v1/entries/ab/" + key.String() + ".txt",
		"v1/entries/" + shard(key[0]) + "/" + strings.ToUpper(key.String()),
		"v1/entries/" + shard(key[0]+1) + "/" + key.String(),
		"v1/entries/zz/" + key.String(), "v1/pending/keep", "v1/blobs/ab/keep",
	}
	for _, k := range keep {
		path := filepath.Join(d.Path(), k)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	}
	n, err := d.PurgeAll()
	require.NoError(t, err)
	require.Equal(t, 1, n)
	for _, k := range keep {
		require.FileExists(t, filepath.Join(d.Path(), k))
	}
}

func TestUsageIsCompacted(t *testing.T) {
	d := newDir(t, Options{})
	store(t, d, runOf("x"), part{0, "x"})
	for range usageCompact / usageSize / 2 {
		account(t, d, 7, 4096)
		account(t, d, 7, -4096)
	}
	before := sizes(t, d)
	require.GreaterOrEqual(t, before.end, int64(usageCompact))
	d.compactUsage()
	after := sizes(t, d)
	require.Less(t, after.end, int64(usageCompact/2))
	require.Equal(t, before.total(), after.total())
	require.True(t, after.complete())
}

// What is appended while the file of usage is compacted may be counted twice, and is not lost.
func TestUsageIsCompactedUnderWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	d := openAt(t, path, Options{})
	store(t, d, runOf("x"), part{0, "x"})
	var all sync.WaitGroup
	const writers, each = 4, 3000
	for w := range writers {
		o := openAt(t, path, Options{})
		all.Go(func() {
			for range each {
				account(t, o, byte(w), 1<<12)
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for running := true; running; {
		d.compactUsage()
		select {
		case <-done:
			running = false
		default:
		}
	}
	s := sizes(t, d)
	for w := range writers {
		require.GreaterOrEqual(t, s.bytes[w], int64(each<<12))
	}
}

// A killed store leaves a shard counted too large. Cleaning counts it anew.
func TestUsageHeals(t *testing.T) {
	d := newDir(t, Options{MaxSize: 1 << 20})
	store(t, d, runOf("x"), part{0, "x"})
	account(t, d, 3, 1<<30) // reserved, and never stored
	for range 1000 {        // a slow machine may not come to the end of the shard within one store's share of time
		err := tryStore(d, runOf("y"), metaNow(), part{0, "y"})
		if err == nil {
			break
		}
		require.ErrorIs(t, err, ErrNoRoom)
	}
	require.True(t, d.Has(runOf("y").Key, Good))
	require.True(t, d.Has(runOf("x").Key, Good), "cleaning found that there is room")
	require.Equal(t, usedBytes(t, d), sizesOf(t, d))
}

// One entry may be given back by two at once: who replaces it and who removes it. It counts once at most.
func TestGivenBackTwice(t *testing.T) {
	d := newDir(t, Options{})
	key := runOf("x").Key
	other := func(word uint32) func(b *usageFile) {
		return func(b *usageFile) { b.giveBack(b.now(), usageRecord{shard: key[0], word: word, bytes: -4096}, 4096) }
	}
	for name, c := range map[string]struct {
		meanwhile func(b *usageFile)
		left      int64 // of 8192 bytes
	}{
		"nothing":     {func(*usageFile) {}, 4096},
		"the same":    {other(wordOf(key)), 4096},
		"another key": {other(wordOf(key) + 1), 0},
		"counted anew": {
			func(b *usageFile) { _, _ = b.append(appendUsage(nil, usageRecord{kind: kindCount, shard: key[0]})) }, 0,
		},
		"compacted": {func(*usageFile) { require.NoError(t, d.v1.Replace(usageName, nil)) }, 0},
	} {
		require.NoError(t, d.v1.Replace(usageName, appendUsage(nil, usageRecord{
			kind: kindCount, shard: key[0], bytes: 8192,
		})))
		b, err := d.openUsage()
		require.NoError(t, err)
		since := b.now()
		c.meanwhile(b)
		b.giveBack(since, usageRecord{shard: key[0], word: wordOf(key), bytes: -4096}, 0)
		s, err := b.sizes()
		require.NoError(t, err)
		b.close()
		require.Equal(t, c.left, s.bytes[key[0]], name)
	}
}

// Those who give back one entry at the same instant see each other when they look again.
func TestGivenBackAtOnce(t *testing.T) {
	d := newDir(t, Options{})
	key := runOf("x").Key
	const givers, held = 8, 100 * 4096
	for range 50 {
		require.NoError(t, d.v1.Replace(usageName, appendUsage(nil, usageRecord{
			kind: kindCount, shard: key[0], bytes: held,
		})))
		var ready, all sync.WaitGroup
		ready.Add(givers)
		for range givers {
			b, err := d.openUsage()
			require.NoError(t, err)
			since := b.now()
			all.Go(func() {
				defer b.close()
				ready.Done()
				ready.Wait()
				b.giveBack(since, usageRecord{shard: key[0], word: wordOf(key), bytes: -4096}, 0)
			})
		}
		all.Wait()
		require.GreaterOrEqual(t, sizes(t, d).bytes[key[0]], int64(held-4096))
	}
}

// A store that is held up between its rename and the note of what it replaced, while its shard is counted: the count
// has seen only the new entry, so nothing may be given back.
func TestCountedBeforeTheReplacedIsGivenBack(t *testing.T) {
	d := newDir(t, Options{})
	run := runOf("replaced")
	store(t, d, run, part{0, "x"}) // what is there after the rename
	size := usedBytes(t, d)
	r, err := d.openReservation(run.Key, 1, newBudget())
	require.NoError(t, err)
	defer r.close()
	require.NoError(t, d.reserve(r, 4096, 4096))
	countAll(t, d)
	counted := sizes(t, d).end
	r.commit(4096)
	require.Equal(t, size, usedBytes(t, d))
	require.GreaterOrEqual(t, sizesOf(t, d), size)

	// Nor is the count short in between, for others that look, or for ever if this process is killed there.
	all, err := r.b.read(0)
	require.NoError(t, err)
	for n := counted; n <= int64(len(all)); n += usageSize {
		s := parseUsage(all[:n])
		require.GreaterOrEqual(t, s.total(), size, "after %d of %d bytes", n, len(all))
	}
}

// What is to be replaced makes no room twice: once for who removed it to make room, and once for who replaces it.
func TestReplacedMakesRoomOnce(t *testing.T) {
	const limit = 1 << 20
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, d *Dir, key hashing.Key)
		want      error
	}{
		"still there": {func(*testing.T, *Dir, hashing.Key) {}, nil},
		"removed": {func(t *testing.T, d *Dir, key hashing.Key) {
			require.NoError(t, d.Remove(key, Good))
			store(t, d, runOf("other"), part{0, strings.Repeat("y", 200_000)})
		}, ErrNoRoom},
		"removed, and counted anew": {func(t *testing.T, d *Dir, key hashing.Key) {
			_, err := d.unlink(key, Good)
			require.NoError(t, err)
			countAll(t, d)
			store(t, d, runOf("other"), part{0, strings.Repeat("y", 200_000)})
		}, ErrNoRoom},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDir(t, Options{MaxSize: limit})
			for i := range 5 {
				store(t, d, runOf(fmt.Sprint(i)), part{0, strings.Repeat("x", 200_000)})
			}
			run := runOf("0")
			old, err := d.stored(run.Key, Good)
			require.NoError(t, err)
			r, err := d.openReservation(run.Key, 1, newBudget())
			require.NoError(t, err)
			defer r.close()
			c.meanwhile(t, d, run.Key)
			unlock, ok := d.lockCleaner() // nobody can make room
			require.True(t, ok)
			defer unlock()
			require.ErrorIs(t, d.reserve(r, old.size, old.size), c.want)
		})
	}
}

// A store that has had its share of cleaning cleans no more, however often it is short of room.
func TestBudgetIsForOneStore(t *testing.T) {
	b := newBudget()
	for range 2 { // the second does not begin anew
		end := b.left
		b.spend(func(deadline time.Time) {
			require.LessOrEqual(t, time.Until(deadline), end)
			for half := time.Now().Add(cleanBudget / 2); time.Now().Before(half); {
				runtime.Gosched()
			}
		})
	}
	b.spend(func(time.Time) { t.Error("there is no time left") })
	require.True(t, b.used)
}

// Past its deadline cleaning does no more than it takes to see that: a file of each directory, and nothing removed.
func TestCleaningEndsInTime(t *testing.T) {
	d := newDir(t, Options{})
	const entries = 100
	for i := range entries {
		m := metaNow()
		m.Ended, m.TTL = m.Ended.Add(-2*time.Hour), time.Hour
		m.Started = m.Ended
		storeMeta(t, d, runOf(fmt.Sprint(i)), m, part{0, "x"})
	}
	left := func() (n int) {
		require.NoError(t, d.Walk(func(EntryInfo) error { n++; return nil }))
		return n
	}
	past := time.Now()
	var all []candidate
	most := 0
	for i := range 256 {
		found := d.scan(byte(i), past)
		require.LessOrEqual(t, len(found.candidates), 1)
		whole := d.scan(byte(i), past.Add(time.Hour))
		require.True(t, whole.complete)
		require.True(t, len(whole.candidates) <= 1 || !found.complete, "what was not seen is not counted")
		all, most = append(all, whole.candidates...), max(most, len(whole.candidates))
	}
	require.Len(t, all, entries)
	require.Greater(t, most, 1)
	b, err := d.openUsage()
	require.NoError(t, err)
	defer b.close()
	d.evict(b, all, nil, past)
	require.Equal(t, entries, left())
	d.evict(b, all, nil, past.Add(time.Hour))
	require.Zero(t, left())
}

// The record of a command is counted, whatever happens between the steps of who writes it.
func TestNotedBeforeItIsThere(t *testing.T) {
	d := newDir(t, Options{})
	store(t, d, runOf("x"), part{0, "x"})
	before := sizesOf(t, d)
	bytes, id := onDisk(1), hashing.CommandID{9, 1}
	run := CommandRun{}
	note := func(isNew bool, meanwhile func()) error {
		return d.accounted(hashing.Key(id), bytes, func() bool { return isNew }, func() error {
			meanwhile()
			return d.v1.Replace(commandName(id), format.EncodeCommand(id, []CommandRun{run}))
		})
	}
	require.NoError(t, note(true, func() {
		require.Equal(t, before+bytes, sizesOf(t, d), "a kill here leaves too much")
		countAll(t, d)
		require.Equal(t, before, sizesOf(t, d), "it is not there yet")
	}))
	require.Equal(t, before+bytes, sizesOf(t, d))
	require.NoError(t, note(false, func() {}))
	require.Equal(t, before+bytes, sizesOf(t, d))
	require.NoError(t, note(false, func() {
		b, err := d.openUsage()
		require.NoError(t, err)
		defer b.close()
		require.True(t, d.drop(b, candidate{key: hashing.Key(id), records: recordsOfCommands, bytes: bytes}))
	}), "it was there when we looked, and is there again")
	require.Equal(t, before+bytes, sizesOf(t, d))
	other := hashing.Key{10}
	require.ErrorIs(t, d.accounted(other, bytes, func() bool { return true }, func() error { return ErrClosed }),
		ErrClosed)
	require.Equal(t, before+bytes, sizesOf(t, d))
	require.Equal(t, usedBytes(t, d), sizesOf(t, d))
}

// A record that is written and removed at once, over and over, is never left uncounted.
func TestNotedWhileRemoved(t *testing.T) {
	d := newDir(t, Options{})
	store(t, d, runOf("x"), part{0, "x"})
	id := hashing.CommandID{9, 1}
	b, err := d.openUsage()
	require.NoError(t, err)
	defer b.close()
	for range 500 {
		var both sync.WaitGroup
		both.Go(func() { _ = d.NoteRun(id, CommandRun{}) })
		d.drop(b, candidate{key: hashing.Key(id), records: recordsOfCommands, bytes: onDisk(1)})
		both.Wait()
		fi, err := d.v1.Stat(commandName(id))
		if err == nil {
			require.GreaterOrEqual(t, sizes(t, d).bytes[9], onDisk(fi.Size))
		}
	}
}

// Records of commands are held to the limit like entries, and do not keep entries out.
func TestLimitHoldsForCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a directory with hundreds of records")
	}
	const limit = 1 << 20
	d := newDir(t, Options{MaxSize: limit})
	for i := range 600 {
		run := runOf(fmt.Sprint(i))
		err := tryStore(d, run, metaNow(), part{0, "x"})
		if err != nil {
			require.ErrorIs(t, err, ErrNoRoom)
		}
		run.Command[0], run.Command[1] = byte(i), byte(i>>8)
		if err := d.NoteRun(run.Command, CommandRun{Key: run.Key}); err != nil {
			require.ErrorIs(t, err, ErrNoRoom)
		}
		if i%50 == 0 {
			require.LessOrEqual(t, usedBytes(t, d), int64(limit))
		}
	}
	for i := range 300 {
		_ = d.NoteRun(hashing.CommandID{byte(i), byte(i >> 8), 1}, CommandRun{})
	}
	require.LessOrEqual(t, usedBytes(t, d), int64(limit), "nobody makes room for those")
	require.NotEmpty(t, names(t, d, "commands"))
	require.NotEmpty(t, names(t, d, "entries"))
	countAll(t, d)
	require.Equal(t, usedBytes(t, d), sizesOf(t, d))
}

// What a damaged entry says of its size is not believed: the count stays as long as what is there, and the next store
// heals.
func TestSizesOfADamagedEntry(t *testing.T) {
	if testing.Short() {
		t.Skip("damages an entry many times")
	}
	d := newDir(t, Options{})
	run, body := runOf("damaged"), part{0, strings.Repeat("x", format.InlineMax+1)}
	store(t, d, run, body)
	path := filepath.Join(d.Path(), "v1", entryName(run.Key, Good))
	const sizesAt = format.PrefixSize + 32 + 32 + 8 + 12 + 12 + 16 + 8 + 8 + 8 + 8 + 16 + 8
	for bit := range 2 * 64 {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		b[sizesAt+bit/8] ^= 1 << (bit % 8)
		writeThrough(t, path, b)
		require.NoError(t, tryStore(d, run, metaNow(), body), "bit %d", bit)
		requireHit(t, d, run, Good, body)
		require.GreaterOrEqual(t, sizesOf(t, d), usedBytes(t, d), "bit %d", bit)
	}
	require.Empty(t, faults(t, d))
}
