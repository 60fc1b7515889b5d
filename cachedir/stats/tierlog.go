package stats

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// journal/tiers has one record for each thing that was asked of a tier, in the way of the journal: 64 bytes, one write.
// When it has grown to a mebibyte it becomes journal/tiers.old, and what was that is forgotten: how a server behaves is
// asked of the last days, not of all time. A process that still appends to what was just renamed loses nothing.

const (
	tierLog     = "journal/tiers"
	tierLogOld  = "journal/tiers.old"
	tierMagic   = "cxR1"
	tierLogSize = 1 << 20
)

// TierOp is what was asked of a tier.
type TierOp string

// All there are.
const (
	TierGet    TierOp = "get"
	TierPut    TierOp = "put"
	TierDelete TierOp = "delete"
	TierCount  TierOp = "count" // of purges of a tag
	TierLease  TierOp = "lease"
)

// TierResult is what came of it.
type TierResult string

// All there are.
const (
	TierHit         TierResult = "hit"
	TierMiss        TierResult = "miss"
	TierOK          TierResult = "ok"
	TierUnreachable TierResult = "unreachable"
	TierTimeout     TierResult = "timeout"
	TierDenied      TierResult = "denied"
	TierServer      TierResult = "server"   // it answered that something is wrong with it
	TierDamaged     TierResult = "damaged"  // the answer does not verify
	TierUnsigned    TierResult = "unsigned" // or is not signed by whom it should be
	TierTooLarge    TierResult = "too large"
	TierBreaker     TierResult = "breaker" // it was not asked
)

var (
	tierOps     = [...]TierOp{TierGet, TierPut, TierDelete, TierCount, TierLease}
	tierResults = [...]TierResult{
		TierHit, TierMiss, TierOK, TierUnreachable, TierTimeout, TierDenied, TierServer, TierDamaged, TierUnsigned,
		TierTooLarge, TierBreaker,
	}
)

// TierRecord is one request to a tier.
type TierRecord struct {
	Time   time.Time // zero: now
	Tier   string    // a short name; 16 bytes of it are kept
	Op     TierOp
	Result TierResult
	Bytes  int64 // sent or received
	Took   time.Duration
}

// TierRow sums up what was asked of a tier.
type TierRow struct {
	Tier     string
	Op       TierOp
	Results  map[TierResult]int64
	Bytes    int64
	Asked    int64         // requests that reached out for the server, those that failed included
	Took     time.Duration // all of these together
	P50, P95 time.Duration // one of these
}

// LogTier appends a record to the journal of tiers. A read-only journal does nothing.
func (j *Journal) LogTier(r TierRecord) error {
	if j.readOnly {
		return nil
	}
	if r.Time.IsZero() {
		r.Time = j.now()
	}
	b, err := encodeTier(r)
	if err != nil {
		return err
	}
	size, err := j.appendRecord(tierLog, b)
	if size >= tierLogSize {
		j.turnTierLog()
	}
	return err
}

// turnTierLog renames a journal of tiers that has grown. Who comes second must not rename the new one, so it is looked
// at again under the journal's lock; who does not get that leaves it to who has it.
func (j *Journal) turnTierLog() {
	f, _, err := j.tree.OpenInPlace(journalLock, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if err := f.TryLock(); errors.Is(err, tree.ErrLocked) {
		return
	}
	if fi, err := j.tree.Stat(tierLog); err == nil && fi.Size >= tierLogSize {
		_ = j.tree.MoveOver(tierLog, tierLogOld)
	}
}

func encodeTier(r TierRecord) ([]byte, error) {
	op, result := slices.Index(tierOps[:], r.Op), slices.Index(tierResults[:], r.Result)
	if op < 0 || result < 0 {
		return nil, fmt.Errorf("journal: no such outcome of a tier: %q, %q", r.Op, r.Result)
	}
	b := append(make([]byte, 0, journalRecord), tierMagic...)
	b = append(b, byte(op), byte(result), 0, 0)
	for _, v := range [...]int64{r.Time.UnixNano(), r.Bytes, int64(r.Took), 0} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	b = appendShort(b, r.Tier)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b)), nil
}

func decodeTier(b []byte) (TierRecord, bool) {
	if !isRecord(b, tierMagic) || int(b[4]) >= len(tierOps) || int(b[5]) >= len(tierResults) {
		return TierRecord{}, false
	}
	i64 := func(off int) int64 { return int64(binary.LittleEndian.Uint64(b[off:])) }
	return TierRecord{
		Op: tierOps[b[4]], Result: tierResults[b[5]], Time: time.Unix(0, i64(8)), Bytes: i64(16),
		Took: time.Duration(i64(24)), Tier: string(bytes.TrimRight(b[40:56], "\x00")),
	}, true
}

// TierRows sums up what tiers did since a time, as far as that is still known; a zero time is all of it. Rows are
// ordered by tier, then as the operations are listed above.
func (j *Journal) TierRows(since time.Time) ([]TierRow, error) {
	for range 8 {
		before, _ := j.tree.Stat(tierLogOld)
		var t tierTotals
		err := errors.Join(
			j.readTiers(tierLogOld, since, &t),
			j.readTiers(tierLog, since, &t),
		)
		if err != nil {
			return nil, fmt.Errorf("statistics of tiers: %w", err)
		}
		if after, _ := j.tree.Stat(tierLogOld); before.ID == after.ID { // nothing was renamed between the two
			return t.rows(), nil
		}
	}
	return nil, errors.New("statistics of tiers: the journal is renamed all the time")
}

func (j *Journal) readTiers(name string, since time.Time, t *tierTotals) error {
	return j.readRecords(name, tierMagic, func(b []byte) bool {
		r, ok := decodeTier(b)
		if ok && !r.Time.Before(since) {
			t.add(r)
		}
		return ok
	})
}

// tierTotals is what is being summed up.
type tierTotals struct{ sums map[tierKey]*tierSum }

type tierKey struct {
	tier string
	op   TierOp
}

type tierSum struct {
	TierRow
	took []time.Duration
}

func (t *tierTotals) add(r TierRecord) {
	if t.sums == nil {
		t.sums = map[tierKey]*tierSum{}
	}
	k := tierKey{r.Tier, r.Op}
	s := t.sums[k]
	if s == nil {
		s = &tierSum{TierRow: TierRow{Tier: r.Tier, Op: r.Op, Results: map[TierResult]int64{}}}
		t.sums[k] = s
	}
	s.Results[r.Result]++
	s.Bytes += r.Bytes
	if r.Result != TierBreaker {
		s.took = append(s.took, r.Took)
		s.Asked++
		s.Took += r.Took
	}
}

func (t *tierTotals) rows() []TierRow {
	var rows []TierRow
	for _, s := range t.sums {
		slices.Sort(s.took)
		s.P50, s.P95 = percentile(s.took, 50), percentile(s.took, 95)
		rows = append(rows, s.TierRow)
	}
	slices.SortFunc(rows, func(a, b TierRow) int {
		return cmp.Or(strings.Compare(a.Tier, b.Tier), slices.Index(tierOps[:], a.Op)-slices.Index(tierOps[:], b.Op))
	})
	return rows
}

// percentile is the smallest value that p hundredths of all do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*p+99)/100-1]
}
