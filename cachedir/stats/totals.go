package stats

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// journal/totals is a text: a line with the checksum of the rest, a line for each segment that is included, and a
// line for each row.

const (
	totalsName  = "journal/totals"
	totalsMagic = "cachex totals 2 "
	totalsOld   = "cachex totals 1 " // its rows have no commands
	totalsLimit = 64 << 20

	day        = 24 * time.Hour
	hourlyFor  = 2 * day   // rows of single hours are kept so long, then those of days
	dailyFor   = 35 * day  // then those of 30 days
	monthlyFor = 400 * day // then one for all that came before
	familyRows = 100       // names of commands that are kept apart, and commands

	otherFamily = "(other)"
)

// Row counts runs that have outcome, command and time in common.
type Row struct {
	From    time.Time // the beginning of the hour or day; zero: long ago
	Served  Served
	Reason  Reason
	Family  string
	Command CommandID // 0: rare ones, and those that ran before commands were kept apart
	Runs    int64
	Bytes   int64         // of output
	Spent   time.Duration // running commands
	Saved   time.Duration // not running them
	Same    int64         // runs that had the same result as the last one
	Other   int64         // runs that had another
	Regret  int64         // runs whose result was evicted within RegretWithin before
}

type rowKey struct {
	from    int64 // seconds
	served  Served
	reason  Reason
	family  string
	command CommandID
}

// totals is what has been folded.
type totals struct {
	rows     map[rowKey]Row
	included []string // segments that are in it and may still be there
}

func (t *totals) includes(segment string) bool { return slices.Contains(t.included, segment) }

func (t *totals) add(r Record) {
	row := Row{
		From: r.Time.Truncate(time.Hour), Served: r.Served, Reason: r.Reason, Family: r.Family, Command: r.Command,
		Runs: 1, Bytes: r.Bytes, Spent: r.Spent, Saved: r.Saved,
	}
	switch r.Compared {
	case SameResult:
		row.Same = 1
	case OtherResult:
		row.Other = 1
	}
	if r.Regret {
		row.Regret = 1
	}
	t.addRow(row)
}

func (t *totals) addRow(r Row) {
	if t.rows == nil {
		t.rows = map[rowKey]Row{}
	}
	k := rowKey{0, r.Served, r.Reason, r.Family, r.Command}
	if !r.From.IsZero() {
		k.from = r.From.Unix()
	}
	sum, ok := t.rows[k]
	if !ok {
		sum = Row{From: r.From, Served: r.Served, Reason: r.Reason, Family: r.Family, Command: r.Command}
	}
	sum.Runs += r.Runs
	sum.Bytes += r.Bytes
	sum.Spent += r.Spent
	sum.Saved += r.Saved
	sum.Same += r.Same
	sum.Other += r.Other
	sum.Regret += r.Regret
	t.rows[k] = sum
}

// compact joins rows that are old, and rare families, so that the totals stay small.
func (t *totals) compact(now time.Time) {
	kept := mostFrequent(t.rows, func(r Row) string { return r.Family })
	commands := mostFrequent(t.rows, func(r Row) CommandID { return r.Command })
	old := t.rows
	t.rows = nil
	for _, r := range old {
		switch age := now.Sub(r.From); {
		case age > monthlyFor:
			r.From = time.Time{}
		case age > dailyFor:
			r.From = r.From.Truncate(30 * day)
		case age > hourlyFor:
			r.From = r.From.Truncate(day)
		}
		if !kept[r.Family] {
			r.Family = otherFamily
		}
		if !commands[r.Command] {
			r.Command = 0
		}
		t.addRow(r)
	}
}

// mostFrequent returns of the names that rows have those with the most runs.
func mostFrequent[T cmp.Ordered](rows map[rowKey]Row, name func(Row) T) map[T]bool {
	runs := map[T]int64{}
	for _, r := range rows {
		runs[name(r)] += r.Runs
	}
	names := slices.SortedFunc(maps.Keys(runs), func(a, b T) int {
		return cmp.Or(cmp.Compare(runs[b], runs[a]), cmp.Compare(a, b))
	})
	kept := map[T]bool{}
	for _, n := range names[:min(len(names), familyRows)] {
		kept[n] = true
	}
	return kept
}

func (t *totals) encode() []byte {
	var b []byte
	for _, s := range t.included {
		b = fmt.Appendf(b, "segment %s\n", s)
	}
	for k, r := range t.rows {
		served, reason := slices.Index(servedCodes[:], r.Served), slices.Index(reasonCodes[:], r.Reason)
		b = append(b, "row"...)
		numbers := rowNumbers{
			k.from, int64(served), int64(reason), r.Runs, r.Bytes, int64(r.Spent), int64(r.Saved),
			int64(r.Command), r.Same, r.Other, r.Regret,
		}
		for _, n := range numbers {
			b = strconv.AppendInt(append(b, ' '), n, 10)
		}
		b = append(strconv.AppendQuote(append(b, ' '), r.Family), '\n')
	}
	return append(fmt.Appendf(nil, "%s%016x\n", totalsMagic, xxhash.Sum64(b)), b...)
}

func decodeTotals(b []byte) (totals, error) {
	spoiled := errors.New("totals: damaged")
	head, rest, _ := strings.Cut(string(b), "\n")
	fields := len(rowNumbers{})
	hex, ok := strings.CutPrefix(head, totalsMagic)
	if !ok {
		hex, ok = strings.CutPrefix(head, totalsOld)
		fields = 7
	}
	sum, err := strconv.ParseUint(hex, 16, 64)
	if err != nil || !ok || sum != xxhash.Sum64String(rest) {
		return totals{}, spoiled
	}
	var t totals
	for line := range strings.Lines(rest) {
		line = strings.TrimSuffix(line, "\n")
		if s, ok := strings.CutPrefix(line, "segment "); ok {
			t.included = append(t.included, s)
			continue
		}
		row, ok := decodeRow(line, fields)
		if !ok {
			return totals{}, spoiled
		}
		t.addRow(row)
	}
	return t, nil
}

// rowNumbers are those of a row, in the order in which they are written.
type rowNumbers [11]int64

func decodeRow(line string, fields int) (Row, bool) {
	var n rowNumbers
	line, ok := strings.CutPrefix(line, "row ")
	for i := range fields {
		var field string
		field, line, _ = strings.Cut(line, " ")
		v, err := strconv.ParseInt(field, 10, 64)
		n[i], ok = v, ok && err == nil
	}
	family, err := strconv.Unquote(line)
	if !ok || err != nil || n[1] < 0 || n[1] >= int64(len(servedCodes)) || n[2] < 0 || n[2] >= int64(len(reasonCodes)) {
		return Row{}, false
	}
	r := Row{
		Served: servedCodes[n[1]], Reason: reasonCodes[n[2]], Family: family,
		Runs: n[3], Bytes: n[4], Spent: time.Duration(n[5]), Saved: time.Duration(n[6]),
		Command: CommandID(n[7]), Same: n[8], Other: n[9], Regret: n[10],
	}
	if n[0] != 0 {
		r.From = time.Unix(n[0], 0)
	}
	return r, true
}

// readTotals returns what has been folded; nothing if that is damaged.
func (j *Journal) readTotals() (totals, error) {
	b, _, err := j.tree.ReadSmall(totalsName, totalsLimit)
	if tree.IsAbsent(err) {
		return totals{}, nil
	}
	if err != nil {
		return totals{}, err
	}
	t, err := decodeTotals(b)
	if err != nil {
		return totals{}, nil // counting starts anew
	}
	return t, nil
}

// Rows returns what the journal counted since a time; a zero time is from the beginning. What was folded is known by
// the hour, after two days by the day, after five weeks by 30 days: a row counts if its first hour is later. Rows are
// ordered by time.
func (j *Journal) Rows(since time.Time) ([]Row, error) {
	for range 8 {
		rows, stable, err := j.rowsOnce(since)
		if err != nil {
			return nil, fmt.Errorf("statistics: %w", err)
		}
		if stable {
			return rows, nil
		}
	}
	return nil, errors.New("statistics: the journal is being folded all the time")
}

// rowsOnce reports stable if no segment was folded between reading it and reading the totals.
func (j *Journal) rowsOnce(since time.Time) (rows []Row, stable bool, err error) {
	before, _ := j.tree.Stat(totalsName)
	t, err := j.readTotals()
	if err != nil {
		return nil, false, err
	}
	segments, err := j.segments()
	if err != nil {
		return nil, false, err
	}
	names := []string{"current"}
	for _, s := range segments {
		if !t.includes(s.name) {
			names = append(names, s.name)
		}
	}
	for _, name := range names {
		err := j.readJournal("journal/"+name, func(r Record) {
			if !r.Time.Before(since) {
				t.add(r)
			}
		})
		if err != nil {
			return nil, false, err
		}
	}
	for _, r := range t.rows {
		if since.IsZero() || r.From.Add(time.Hour).After(since) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Family, b.Family), cmp.Compare(a.Command, b.Command),
			strings.Compare(string(a.Served), string(b.Served)), strings.Compare(string(a.Reason), string(b.Reason)))
	})
	after, _ := j.tree.Stat(totalsName)
	return rows, before.ID == after.ID && before.ModTime.Equal(after.ModTime), nil
}

// Reset makes counting start anew, also of what tiers did.
//
// What can die between its steps: the totals name the segments that are over before these are removed, so nobody counts
// them again. A record that is just being written may go with them.
func (j *Journal) Reset() error {
	if j.readOnly {
		return ErrReadOnly
	}
	f, _, err := j.tree.OpenInPlace(journalLock, 0)
	if err != nil {
		return fmt.Errorf("statistics: %w", err)
	}
	defer f.Close()
	if err := f.TryLock(); errors.Is(err, tree.ErrLocked) {
		return errors.New("statistics: the journal is being folded; try again")
	}
	if _, err := j.tree.Stat(journalNow); err == nil {
		if err := j.tree.MoveOver(journalNow, "journal/"+strconv.FormatInt(j.now().UnixNano(), 10)); err != nil {
			return fmt.Errorf("statistics: %w", err)
		}
	}
	segments, err := j.segments()
	if err != nil {
		return fmt.Errorf("statistics: %w", err)
	}
	var t totals
	for _, s := range segments {
		t.included = append(t.included, s.name)
	}
	if err := j.tree.Replace(totalsName, t.encode()); err != nil {
		return fmt.Errorf("statistics: %w", err)
	}
	for _, name := range t.included {
		_ = j.tree.Remove("journal/" + name)
	}
	_ = j.tree.Remove(tierLog)
	_ = j.tree.Remove(tierLogOld)
	return nil
}
