package cachedir

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
)

// journal/totals is a text: a line with the checksum of the rest, a line for each segment that is included, and a
// line for each row.

const (
	totalsName  = "journal/totals"
	totalsMagic = "cachex totals 1 "
	totalsLimit = 64 << 20

	hourlyFor  = 8 * 24 * time.Hour   // rows of single hours are kept so long, then those of days
	dailyFor   = 400 * 24 * time.Hour // and so long, then one for all that came before
	familyRows = 200                  // names of commands that are kept apart in what is older than an hour

	otherFamily = "(other)"
)

// Row counts runs that have outcome, family and time in common.
type Row struct {
	From   time.Time // the beginning of the hour or day; zero: long ago
	Served Served
	Reason Reason
	Family string
	Runs   int64
	Bytes  int64         // of output
	Spent  time.Duration // running commands
	Saved  time.Duration // not running them
}

type rowKey struct {
	from   int64 // seconds
	served Served
	reason Reason
	family string
}

// totals is what has been folded.
type totals struct {
	rows     map[rowKey]Row
	included []string // segments that are in it and may still be there
}

func (t *totals) includes(segment string) bool { return slices.Contains(t.included, segment) }

func (t *totals) add(r Record) {
	t.addRow(Row{
		From: r.Time.Truncate(time.Hour), Served: r.Served, Reason: r.Reason, Family: r.Family,
		Runs: 1, Bytes: r.Bytes, Spent: r.Spent, Saved: r.Saved,
	})
}

func (t *totals) addRow(r Row) {
	if t.rows == nil {
		t.rows = map[rowKey]Row{}
	}
	k := rowKey{0, r.Served, r.Reason, r.Family}
	if !r.From.IsZero() {
		k.from = r.From.Unix()
	}
	sum, ok := t.rows[k]
	if !ok {
		sum = Row{From: r.From, Served: r.Served, Reason: r.Reason, Family: r.Family}
	}
	sum.Runs += r.Runs
	sum.Bytes += r.Bytes
	sum.Spent += r.Spent
	sum.Saved += r.Saved
	t.rows[k] = sum
}

// compact joins rows that are old, and rare families, so that the totals stay small.
func (t *totals) compact(now time.Time) {
	kept := t.families()
	old := t.rows
	t.rows = nil
	for _, r := range old {
		switch age := now.Sub(r.From); {
		case age > dailyFor:
			r.From = time.Time{}
		case age > hourlyFor:
			r.From = r.From.Truncate(24 * time.Hour)
		}
		if !kept[r.Family] {
			r.Family = otherFamily
		}
		t.addRow(r)
	}
}

// families returns the most frequent ones.
func (t *totals) families() map[string]bool {
	runs := map[string]int64{}
	for k, r := range t.rows {
		runs[k.family] += r.Runs
	}
	names := slices.SortedFunc(maps.Keys(runs), func(a, b string) int {
		if runs[a] != runs[b] {
			return int(min(max(runs[b]-runs[a], -1), 1))
		}
		return strings.Compare(a, b)
	})
	kept := map[string]bool{}
	for _, n := range names[:min(len(names), familyRows)] {
		kept[n] = true
	}
	return kept
}

func (t *totals) encode() []byte {
	var b bytes.Buffer
	for _, s := range t.included {
		fmt.Fprintf(&b, "segment %s\n", s)
	}
	for k, r := range t.rows {
		fmt.Fprintf(&b, "row %d %q %q %q %d %d %d %d\n", k.from, r.Served, r.Reason, r.Family, r.Runs, r.Bytes, int64(r.Spent), int64(r.Saved))
	}
	return append(fmt.Appendf(nil, "%s%016x\n", totalsMagic, xxhash.Sum64(b.Bytes())), b.Bytes()...)
}

func decodeTotals(b []byte) (totals, error) {
	head, rest, _ := bytes.Cut(b, []byte("\n"))
	sum, err := strconv.ParseUint(strings.TrimPrefix(string(head), totalsMagic), 16, 64)
	if err != nil || !bytes.HasPrefix(head, []byte(totalsMagic)) || sum != xxhash.Sum64(rest) {
		return totals{}, fmt.Errorf("totals: %w", errSpoiled)
	}
	var t totals
	lines := bufio.NewScanner(bytes.NewReader(rest))
	for lines.Scan() {
		if s, ok := strings.CutPrefix(lines.Text(), "segment "); ok {
			t.included = append(t.included, s)
			continue
		}
		var r Row
		var from, spent, saved int64
		_, err := fmt.Sscanf(lines.Text(), "row %d %q %q %q %d %d %d %d", &from, &r.Served, &r.Reason, &r.Family, &r.Runs, &r.Bytes, &spent, &saved)
		if err != nil {
			return totals{}, fmt.Errorf("totals: %w", err)
		}
		if from != 0 {
			r.From = time.Unix(from, 0)
		}
		r.Spent, r.Saved = time.Duration(spent), time.Duration(saved)
		t.addRow(r)
	}
	return t, lines.Err()
}

// readTotals returns what has been folded; nothing if that is damaged.
func (d *Dir) readTotals() (totals, error) {
	b, _, err := d.v1.readSmall(totalsName, totalsLimit)
	if isUseless(err) {
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

// Stats returns what the journal counted since a time; a zero time is from the beginning. What was folded is known by
// the hour, and after a week by the day: a row counts if any of its time is later. Rows are ordered by time.
func (d *Dir) Stats(since time.Time) ([]Row, error) {
	for range 8 {
		rows, stable, err := d.statsOnce(since)
		if err != nil {
			return nil, fmt.Errorf("statistics: %w", err)
		}
		if stable {
			return rows, nil
		}
	}
	return nil, errors.New("statistics: the journal is being folded all the time")
}

// statsOnce reports stable if no segment was folded between reading it and reading the totals.
func (d *Dir) statsOnce(since time.Time) (rows []Row, stable bool, err error) {
	before, _ := d.v1.stat(totalsName)
	t, err := d.readTotals()
	if err != nil {
		return nil, false, err
	}
	segments, err := d.segments()
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
		err := d.readJournal("journal/"+name, func(r Record) {
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
		return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Family, b.Family),
			strings.Compare(string(a.Served), string(b.Served)), strings.Compare(string(a.Reason), string(b.Reason)))
	})
	after, _ := d.v1.stat(totalsName)
	return rows, before.id == after.id && before.mtime.Equal(after.mtime), nil
}
