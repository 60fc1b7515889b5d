package stats

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// newJournal opens the journal below a directory.
func newJournal(t testing.TB, path string, now func() time.Time) *Journal {
	t.Helper()
	in, err := tree.Open(path, nil)
	require.NoError(t, err)
	t.Cleanup(in.Close)
	return NewJournal(in, now, false)
}

// segmentsOf are the names of all files of a journal.
func segmentsOf(t testing.TB, d *Journal) (all []string) {
	t.Helper()
	require.NoError(t, d.tree.List("journal", func(name string) bool {
		all = append(all, name)
		return true
	}))
	return all
}

func runsOf(t testing.TB, d *Journal, since time.Time) int64 {
	t.Helper()
	rows, err := d.Rows(since)
	require.NoError(t, err)
	sum := int64(0)
	for _, r := range rows {
		sum += r.Runs
	}
	return sum
}

func TestJournalCounts(t *testing.T) {
	now := time.Now().Truncate(time.Hour).Add(30 * time.Minute)
	d := newJournal(t, t.TempDir(), func() time.Time { return now })
	require.Equal(t, int64(0), runsOf(t, d, time.Time{}))
	log := func(r Record) { require.NoError(t, d.Log(r)) }
	log(Record{Served: Hit, Bytes: 10, Saved: time.Second, Family: "go"})
	log(Record{Served: Hit, Bytes: 20, Saved: time.Second, Family: "go"})
	log(Record{Served: Missed, Reason: Expired, Spent: time.Minute, Family: "a name that is longer than sixteen bytes"})
	log(Record{Served: Missed, Reason: Expired, Time: now.Add(-3 * time.Hour), Family: "ä\xff"})
	require.Error(t, d.Log(Record{}))
	require.Error(t, d.Log(Record{Served: Hit, Reason: "no such"}))
	rows, err := d.Rows(time.Time{})
	require.NoError(t, err)
	hour := time.Unix(now.Truncate(time.Hour).Unix(), 0)
	require.Equal(t, []Row{
		{From: hour.Add(-3 * time.Hour), Served: Missed, Reason: Expired, Family: "ä", Runs: 1},
		{From: hour, Served: Missed, Reason: Expired, Family: "a name that is l", Runs: 1, Spent: time.Minute},
		{From: hour, Served: Hit, Family: "go", Runs: 2, Bytes: 30, Saved: 2 * time.Second},
	}, rows)
	require.Equal(t, int64(3), runsOf(t, d, now.Add(-time.Hour)))
	require.Equal(t, int64(0), runsOf(t, d, now.Add(time.Hour)))
}

// Torn records cost themselves, not their neighbours.
func TestTornRecords(t *testing.T) {
	d := newJournal(t, t.TempDir(), time.Now)
	path := d.tree.Path(journalNow)
	garbage := []byte("cxJ1 torn")
	for i := range 2000 {
		require.NoError(t, d.Log(Record{Served: Hit}))
		if i%100 == 0 {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.Write(garbage[:i/100%len(garbage)+1])
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}
	}
	require.Equal(t, int64(2000), runsOf(t, d, time.Time{}))
}

func TestFold(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	path := t.TempDir()
	d := newJournal(t, path, clock)
	const each = segmentSize/journalRecord + 10
	fill := func() {
		for i := range each {
			require.NoError(t, d.Log(Record{Served: Hit, Family: fmt.Sprint(i % 300)}))
		}
		d.Fold()
	}
	fill()
	require.Len(t, segmentsOf(t, d), 2, "renamed, and locked")
	now = now.Add(time.Minute)
	d.size.Store(segmentSize)
	d.Fold()
	require.NotContains(t, segmentsOf(t, d), "totals", "a process may still append to it")
	require.Equal(t, int64(each), runsOf(t, d, time.Time{}))
	now = now.Add(2 * time.Hour)
	fill()
	require.Contains(t, segmentsOf(t, d), "totals")
	require.Len(t, segmentsOf(t, d), 3, "lock, totals, the second segment")
	require.Equal(t, int64(2*each), runsOf(t, d, time.Time{}))
	require.NoError(t, d.Log(Record{Served: Missed}))
	require.Equal(t, int64(2*each+1), runsOf(t, d, time.Time{}))

	families := map[string]bool{}
	rows, err := d.Rows(time.Time{})
	require.NoError(t, err)
	for _, r := range rows {
		if r.From.Before(now.Add(-time.Hour)) {
			families[r.Family] = true
		}
	}
	require.Len(t, families, familyRows+1)
	require.Contains(t, families, otherFamily)
}

// A fold that is killed after the totals are written and before the segment is removed has not lost it, and the next
// does not count it again.
func TestFoldKilled(t *testing.T) {
	now := time.Now()
	d := newJournal(t, t.TempDir(), func() time.Time { return now })
	require.NoError(t, d.Log(Record{Served: Hit}))
	segment := fmt.Sprint("journal/", now.UnixNano())
	require.NoError(t, d.tree.Rename(journalNow, segment))
	content, _, err := d.tree.ReadSmall(segment, 1000)
	require.NoError(t, err)
	now = now.Add(2 * time.Hour)
	d.size.Store(segmentSize)
	d.Fold()
	require.Equal(t, int64(1), runsOf(t, d, time.Time{}))
	require.NoError(t, d.tree.Replace(segment, content)) // as if it had not been removed
	require.Equal(t, int64(1), runsOf(t, d, time.Time{}))
	d.Fold()
	require.NotContains(t, segmentsOf(t, d), filepath.Base(segment))
	require.Equal(t, int64(1), runsOf(t, d, time.Time{}))
}

func TestFoldBesideReaders(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	path := t.TempDir()
	d := newJournal(t, path, clock)
	others := []*Journal{newJournal(t, path, clock), newJournal(t, path, clock), newJournal(t, path, clock)}
	for round := range 60 {
		require.NoError(t, d.Log(Record{Served: Hit, Time: now}))
		require.NoError(t, d.tree.Rename(journalNow,
			fmt.Sprint("journal/", now.Add(time.Duration(round-7200)*time.Second).UnixNano())))
		var all sync.WaitGroup
		for n, o := range others {
			all.Go(func() {
				if n == 0 {
					o.size.Store(segmentSize)
					o.Fold()
					return
				}
				for range 5 {
					rows, err := o.Rows(time.Time{})
					if err != nil || len(rows) != 1 || rows[0].Runs != int64(round+1) {
						t.Error(round, rows, err)
					}
				}
			})
		}
		all.Wait()
	}
}

func TestTotalsShrinkWithAge(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var tot totals
	for h := range 24 * 500 {
		tot.add(Record{Time: now.Add(-time.Duration(h) * time.Hour), Served: Hit, Family: "x"})
	}
	tot.compact(now)
	require.Less(t, len(tot.rows), 24*2+35+14+3)
	sum := int64(0)
	for _, r := range tot.rows {
		sum += r.Runs
	}
	require.Equal(t, int64(24*500), sum)
	again, err := decodeTotals(tot.encode())
	require.NoError(t, err)
	require.Equal(t, len(tot.rows), len(again.rows))
}

// Counting starts anew: nothing of before comes back, whether it was folded, renamed or is just being written; later
// runs count.
func TestReset(t *testing.T) {
	now := time.Now()
	d := newJournal(t, t.TempDir(), func() time.Time { now = now.Add(time.Millisecond); return now })
	require.NoError(t, d.Reset()) // of nothing
	for range 3 {
		require.NoError(t, d.Log(Record{Served: Hit}))
		require.NoError(t, d.LogTier(TierRecord{Tier: "redis", Op: TierGet, Result: TierHit}))
		require.NoError(t, d.tree.MoveOver(journalNow, fmt.Sprintf("journal/%d", now.UnixNano())))
	}
	require.NoError(t, d.Log(Record{Served: Hit}))
	require.Equal(t, int64(4), runsOf(t, d, time.Time{}))

	require.NoError(t, d.Reset())
	require.Equal(t, int64(0), runsOf(t, d, time.Time{}))
	rows, err := d.TierRows(time.Time{})
	require.NoError(t, err)
	require.Empty(t, rows)

	require.NoError(t, d.Log(Record{Served: Hit}))
	require.Equal(t, int64(1), runsOf(t, d, time.Time{}))
}

// Commands are kept apart, also when their runs are folded; of those that are rare the name alone stays.
func TestCommands(t *testing.T) {
	now := time.Now()
	d := newJournal(t, t.TempDir(), func() time.Time { return now })
	log := func(r Record) { require.NoError(t, d.Log(r)) }
	log(Record{Served: Missed, Reason: Expired, Family: "go", Command: 1 << 63, Spent: 3, Compared: SameResult})
	log(Record{Served: Missed, Reason: Expired, Family: "go", Command: 1 << 63, Spent: 4, Compared: OtherResult})
	log(Record{Served: Missed, Reason: Evicted, Family: "go", Command: 2, Regret: true})
	log(Record{Served: Hit, Family: "go", Command: 2, Saved: 5})
	check := func() {
		rows, err := d.Rows(time.Time{})
		require.NoError(t, err)
		for i := range rows {
			rows[i].From = time.Time{}
		}
		require.Equal(t, []Row{
			{Served: Hit, Family: "go", Command: 2, Runs: 1, Saved: 5},
			{Served: Missed, Reason: Evicted, Family: "go", Command: 2, Runs: 1, Regret: 1},
			{Served: Missed, Reason: Expired, Family: "go", Command: 1 << 63, Runs: 2, Spent: 7, Same: 1, Other: 1},
		}, rows)
	}
	check()
	require.NoError(t, d.tree.Rename(journalNow, fmt.Sprint("journal/", now.UnixNano())))
	now = now.Add(2 * time.Hour)
	d.size.Store(segmentSize)
	d.Fold()
	require.Contains(t, segmentsOf(t, d), "totals")
	check()

	var tot totals
	for i := range 3 * familyRows {
		tot.add(Record{Time: now, Served: Hit, Family: "x", Command: CommandID(1 + i)})
		tot.add(Record{Time: now, Served: Hit, Family: "x", Command: CommandID(1 + i%familyRows)})
	}
	tot.compact(now)
	require.Len(t, tot.rows, familyRows+1)
	require.Equal(t, int64(2*familyRows), tot.rows[rowKey{from: now.Truncate(time.Hour).Unix(), served: Hit, family: "x"}].Runs)
}

// What was written before commands were kept apart still counts.
func TestOldRecords(t *testing.T) {
	d := newJournal(t, t.TempDir(), time.Now)
	b := append(make([]byte, 0, journalRecord), "cxJ1\x01\x03\x00\x00"...)
	for _, n := range []uint64{uint64(time.Unix(7200, 0).UnixNano()), 5, uint64(time.Second), 0} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = appendShort(b, "go")
	b = binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
	require.NoError(t, d.tree.Replace(journalNow, b))
	rows := "row 3600 0 0 4 100 0 2000000000 \"go\"\n"
	require.NoError(t, d.tree.Replace(totalsName, fmt.Appendf(nil, "%s%016x\n%s", totalsOld, xxhash.Sum64String(rows), rows)))
	got, err := d.Rows(time.Time{})
	require.NoError(t, err)
	require.Equal(t, []Row{
		{From: time.Unix(3600, 0), Served: Hit, Family: "go", Runs: 4, Bytes: 100, Saved: 2 * time.Second},
		{From: time.Unix(7200, 0), Served: Missed, Reason: Expired, Family: "go", Runs: 1, Bytes: 5, Spent: time.Second},
	}, got)
}
