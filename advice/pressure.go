package advice

import (
	"time"

	"github.com/cachex-cli/cachex/cachedir/stats"
)

// What is said of a cache as a whole: that results go before they are asked for again, and that most of what is stored
// nobody ever asks for. Either takes room from the other, so each is only said where there is pressure.

const (
	regretShare = 0.05    // of the misses: less is no thrashing
	unreadShare = 0.5     // of what was stored: less is no over-caching
	unreadLeft  = 0.1     // of it may be stored still, under a flag that is worth giving
	savedKept   = 0.95    // of what was saved has to stay
	overhead    = 2 << 10 // of an entry: its recipe and times
	block       = 4 << 10
	unreadRuns  = 20
)

// Thrashing says that results were evicted shortly before they were asked for again.
type Thrashing struct {
	Regrets int64 `json:"misses"`         // that were evicted within stats.RegretWithin before
	Misses  int64 `json:"of_misses"`      // in all
	MaxSize int64 `json:"max_size_bytes"` // would have kept them, about
}

// FindThrashing looks for it in the counts of a cache of this size; nil: there is none.
func FindThrashing(rows []stats.Row, maxSize int64) *Thrashing {
	t := Thrashing{}
	each := map[stats.CommandID]*load{}
	for _, r := range rows {
		if r.Served == stats.Missed {
			t.Misses += r.Runs
			t.Regrets += r.Regret
		}
		loadOf(each, r).add(r)
	}
	if t.Regrets < cases || float64(t.Regrets) < regretShare*float64(t.Misses) {
		return nil
	}
	var used, missing int64
	for id, l := range each {
		used += l.onDisk()
		if l.regret > 0 {
			missing += l.onDisk()
		}
		if id == 0 && l.regret > 0 {
			missing = max(missing, maxSize/4) // of commands that are not known apart
		}
	}
	need := maxSize + missing
	if each[0] == nil && used > maxSize { // all that was used at all is enough
		need = min(need, used)
	}
	t.MaxSize = roundUp(need / 9 * 10) // a cache is cleaned until it is a tenth below its limit
	return &t
}

// OverCaching says that most of what was stored was never read.
type OverCaching struct {
	Stored  int64         `json:"stored_bytes"`
	Unread  int64         `json:"unread_bytes"`
	MinCost time.Duration `json:"-"`                    // would keep it out; 0: none would without the rest
	Cost    float64       `json:"min_cost_seconds"`     // the same
	Left    int64         `json:"unread_bytes_with_it"` // what of the unread would still be stored
}

// FindOverCaching looks for it in the counts of a cache of this size; nil: there is none.
func FindOverCaching(rows []stats.Row, maxSize int64) *OverCaching {
	each := map[stats.CommandID]*load{}
	for _, r := range rows {
		loadOf(each, r).add(r)
	}
	o, runs := OverCaching{}, int64(0)
	for id, l := range each {
		o.Stored += l.storedBytes
		unread := l.unread(id)
		o.Unread += unread
		if unread > 0 {
			runs += l.stored
		}
	}
	if o.Stored < maxSize/2 || runs < unreadRuns || float64(o.Unread) < unreadShare*float64(o.Stored) {
		return nil
	}
	for _, cost := range [...]time.Duration{10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000} {
		cost *= time.Millisecond
		left, saved, kept := int64(0), time.Duration(0), time.Duration(0)
		for id, l := range each {
			saved += l.saved
			if l.took() >= cost {
				left += l.unread(id)
				kept += l.saved
			}
		}
		if kept.Seconds() < savedKept*saved.Seconds() {
			break
		}
		if float64(left) <= unreadLeft*float64(o.Unread) {
			o.MinCost, o.Cost, o.Left = cost, cost.Seconds(), left
			break
		}
	}
	return &o
}

// load is what a command does to a cache.
type load struct {
	runs, bytes         int64
	stored, storedBytes int64
	read                int64
	ran                 int64
	spent, saved        time.Duration
	regret              int64
}

func loadOf(each map[stats.CommandID]*load, r stats.Row) *load {
	if each[r.Command] == nil {
		each[r.Command] = &load{}
	}
	return each[r.Command]
}

func (l *load) add(r stats.Row) {
	switch r.Served {
	case stats.Hit, stats.Stale, stats.Shared:
		l.read += r.Runs
		l.saved += r.Saved
	case stats.Missed, stats.Renewed:
		l.ran += r.Runs
		l.spent += r.Spent
		if r.Reason != stats.Uncacheable {
			l.stored += r.Runs
			l.storedBytes += r.Bytes + overhead*r.Runs
		}
	default:
		return
	}
	l.runs += r.Runs
	l.bytes += r.Bytes
	l.regret += r.Regret
}

// onDisk is about what one result takes, with the record of its command.
func (l *load) onDisk() int64 {
	if l.runs == 0 {
		return 0
	}
	return (l.bytes/l.runs+overhead+block-1)/block*block + block
}

// unread is how many of the stored bytes were never read. Of several commands together (0) each hit counts as one of
// another result.
func (l *load) unread(id stats.CommandID) int64 {
	switch {
	case l.read == 0:
		return l.storedBytes
	case id == 0 && l.read < l.stored:
		return int64(float64(l.storedBytes) * (1 - float64(l.read)/float64(l.stored)))
	}
	return 0
}

func (l *load) took() time.Duration { return took(l.ran, l.spent, l.read, l.saved) }

// roundUp rounds a size up to two digits of a unit, as a person would write it.
func roundUp(n int64) int64 {
	unit := int64(1 << 10)
	for n >= 10<<10*unit {
		unit <<= 10
	}
	step := unit
	for n >= 100*step {
		step *= 10
	}
	return (n + step - 1) / step * step
}
