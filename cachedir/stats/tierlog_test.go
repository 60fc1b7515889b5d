package stats

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func requestsOf(t testing.TB, d *Journal, since time.Time) (n int64) {
	t.Helper()
	rows, err := d.TierRows(since)
	require.NoError(t, err)
	for _, r := range rows {
		for _, count := range r.Results {
			n += count
		}
	}
	return n
}

func TestTierRows(t *testing.T) {
	now := time.Unix(1<<31, 0)
	d := newJournal(t, t.TempDir(), func() time.Time { return now })
	rows, err := d.TierRows(time.Time{})
	require.NoError(t, err)
	require.Empty(t, rows)
	log := func(r TierRecord) { t.Helper(); require.NoError(t, d.LogTier(r)) }
	for i := range 100 { // in no order: 37 and 100 have no divisor in common
		log(TierRecord{
			Tier: "redis", Op: TierGet, Result: TierHit, Bytes: 10, Took: time.Duration(i*37%100+1) * time.Millisecond,
		})
	}
	log(TierRecord{Tier: "redis", Op: TierGet, Result: TierMiss, Took: time.Hour})
	log(TierRecord{Tier: "redis", Op: TierGet, Result: TierBreaker})
	log(TierRecord{Tier: "redis", Op: TierPut, Result: TierTimeout, Took: 2 * time.Second})
	log(TierRecord{Tier: "a name that is longer than sixteen bytes", Op: TierLease, Result: TierBreaker})
	log(TierRecord{Tier: "ä\xff", Op: TierPut, Result: TierTooLarge, Bytes: 1 << 40, Time: now.Add(-time.Hour)})
	require.Error(t, d.LogTier(TierRecord{Op: "no such", Result: TierHit}))
	require.Error(t, d.LogTier(TierRecord{Op: TierGet, Result: "no such"}))
	rows, err = d.TierRows(time.Time{})
	require.NoError(t, err)
	want := []TierRow{
		{Tier: "a name that is l", Op: TierLease, Results: map[TierResult]int64{TierBreaker: 1}},
		{
			Tier: "redis", Op: TierGet, Results: map[TierResult]int64{TierHit: 100, TierMiss: 1, TierBreaker: 1},
			Bytes: 1000, Asked: 101, Took: time.Hour + 5050*time.Millisecond,
			P50: 51 * time.Millisecond, P95: 96 * time.Millisecond,
		},
		{
			Tier: "redis", Op: TierPut, Results: map[TierResult]int64{TierTimeout: 1},
			Asked: 1, Took: 2 * time.Second, P50: 2 * time.Second, P95: 2 * time.Second,
		},
		{Tier: "ä", Op: TierPut, Results: map[TierResult]int64{TierTooLarge: 1}, Bytes: 1 << 40, Asked: 1},
	}
	require.Equal(t, want, rows)
	rows, err = d.TierRows(now)
	require.NoError(t, err)
	require.Equal(t, want[:3], rows)

	ro := NewJournal(d.tree, d.now, true)
	require.NoError(t, ro.LogTier(TierRecord{Op: TierGet, Result: TierHit}))
	require.Equal(t, int64(105), requestsOf(t, ro, time.Time{}))
}

// Every operation and every result comes back as what it was.
func TestTierRecords(t *testing.T) {
	for _, op := range tierOps {
		for _, result := range tierResults {
			r := TierRecord{time.Unix(5, 6), "tier", op, result, -7, 8}
			b, err := encodeTier(r)
			require.NoError(t, err)
			require.Len(t, b, journalRecord)
			got, ok := decodeTier(b)
			require.True(t, ok)
			require.Equal(t, r, got)
			for at := range b {
				b[at] ^= 0x41
				_, ok := decodeTier(b)
				require.False(t, ok, at)
				b[at] ^= 0x41
			}
		}
	}
}

func TestTornTierRecords(t *testing.T) {
	d := newJournal(t, t.TempDir(), time.Now)
	path := d.tree.Path(tierLog)
	garbage := []byte(tierMagic + " torn")
	for i := range 1500 {
		require.NoError(t, d.LogTier(TierRecord{Op: TierGet, Result: TierHit}))
		if i%100 == 0 {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.Write(garbage[:i/100%len(garbage)+1])
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}
	}
	require.Equal(t, int64(1500), requestsOf(t, d, time.Time{}))
}

// fillTierLog makes a journal of tiers that the next record fills.
func fillTierLog(t testing.TB, d *Journal) (records int64) {
	t.Helper()
	b, err := encodeTier(TierRecord{Time: time.Unix(1, 0), Op: TierGet, Result: TierHit})
	require.NoError(t, err)
	records = tierLogSize/journalRecord - 1
	require.NoError(t, d.tree.Replace(tierLog, slices.Repeat(b, int(records))))
	return records
}

func TestTierLogIsTurned(t *testing.T) {
	d := newJournal(t, t.TempDir(), time.Now)
	one := TierRecord{Op: TierPut, Result: TierOK}
	for range 3 { // what is older than one generation is forgotten
		before := fillTierLog(t, d)
		require.NoError(t, d.LogTier(one))
		require.Equal(t, []string{"lock", "tiers.old"}, slices.Sorted(slices.Values(segmentsOf(t, d))))
		require.Equal(t, before+1, requestsOf(t, d, time.Time{}))
		require.NoError(t, d.LogTier(one))
		require.Equal(t, before+2, requestsOf(t, d, time.Time{}))
	}
	rows, err := d.Rows(time.Time{})
	require.NoError(t, err)
	require.Empty(t, rows, "these are no runs")

	d.turnTierLog() // somebody else was first
	require.Equal(t, int64(tierLogSize/journalRecord+1), requestsOf(t, d, time.Time{}))

	before := fillTierLog(t, d)
	f, _, err := d.tree.OpenInPlace(journalLock, 0)
	require.NoError(t, err)
	require.NoError(t, f.TryLock())
	require.NoError(t, d.LogTier(one), "who has the lock turns it")
	fi, err := d.tree.Stat(tierLog)
	require.NoError(t, err)
	require.Equal(t, (before+1)*journalRecord, fi.Size)
	f.Close()
	require.NoError(t, d.LogTier(one))
	_, err = d.tree.Stat(tierLog)
	require.Error(t, err)
}

// Writers that turn the journal together forget no more than a generation, and readers count nothing twice.
func TestTierLogBesideReaders(t *testing.T) {
	path := t.TempDir()
	d := newJournal(t, path, time.Now)
	const each = 200
	before := fillTierLog(t, d)
	require.NoError(t, d.tree.Replace(tierLog, mustRead(t, d, tierLog)[each*journalRecord:])) // it fills half-way
	before -= each
	var all sync.WaitGroup
	for range 2 {
		o := newJournal(t, path, time.Now)
		all.Go(func() {
			for range each {
				if err := o.LogTier(TierRecord{Op: TierPut, Result: TierOK}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	reader := newJournal(t, path, time.Now)
	all.Go(func() {
		last := before
		for last < before+2*each && !t.Failed() {
			rows, err := reader.TierRows(time.Time{})
			n := int64(0)
			for _, r := range rows {
				n += r.Results[TierHit] + r.Results[TierOK]
			}
			if err != nil || n < last || n > before+2*each {
				t.Error(n, last, err)
			}
			last = n
		}
	})
	all.Wait()
	require.Equal(t, before+2*each, requestsOf(t, d, time.Time{}))
}

func mustRead(t testing.TB, d *Journal, name string) []byte {
	t.Helper()
	b, _, err := d.tree.ReadSmall(name, 1<<30)
	require.NoError(t, err)
	return b
}

func FuzzTierRecords(f *testing.F) {
	b, err := encodeTier(TierRecord{time.Unix(5, 6), "tier", TierGet, TierHit, 7, 8})
	require.NoError(f, err)
	f.Add(b)
	f.Add(append([]byte(tierMagic+"torn"), b...))
	f.Add([]byte(strings.Repeat(tierMagic, 40)))
	d := newJournal(f, f.TempDir(), time.Now)
	f.Fuzz(func(t *testing.T, b []byte) {
		require.NoError(t, d.tree.Replace(tierLog, append(b, mustEncode(t)...)))
		found := 0
		require.NoError(t, d.readRecords(tierLog, tierMagic, func(b []byte) bool {
			r, ok := decodeTier(b)
			if ok {
				found++
				_, err := encodeTier(r)
				require.NoError(t, err)
			}
			return ok
		}))
		require.NotZero(t, found, "whatever comes before it")
	})
}

func mustEncode(t testing.TB) []byte {
	t.Helper()
	b, err := encodeTier(TierRecord{Op: TierGet, Result: TierHit})
	require.NoError(t, err)
	return b
}
