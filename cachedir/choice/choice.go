// Package choice says what goes first where there is no room for all. It knows numbers alone, and no files:
// scripts/bench/evict tries it on generated requests.
package choice

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// LeastSaved is what the shortest run saves, and the record of a command.
	LeastSaved = time.Millisecond
	// UseEvery is how often at most a use is noted.
	UseEvery = time.Hour
	// Sample is how many entries are weighed against each other, if there is time for so many.
	Sample = 512
	// Shards is how many parts a store has.
	Shards = 256
)

// Candidate is what is known of something that may have to go.
type Candidate struct {
	Saved time.Duration // how long it took to make it
	Uses  uint64        // hours in which it was used; the store itself is not among them
	Bytes int64
	Age   time.Duration // since it was stored
	Idle  time.Duration // since a use was noted, or since it was stored
}

// unproven is how long something is expected to wait for its next use as long as no use of it was sooner. What comes
// back once a day must not look dead at night, and what changed ten times a day must not stay for long.
const unproven = 8 * time.Hour

// Worth is what it is worth to keep something: the seconds that one use of it saves, for each byte that it takes, and
// for each second until the next use as far as the past tells it. That is as long as there was between its uses so far,
// and as long as it has been idle. Many uses count on top of that, but less and less. A run of less than LeastSaved
// counts as that. What came from another machine may be old when it is stored; that it was not used here then says
// nothing.
func (c Candidate) Worth() float64 {
	idle := max(c.Idle, 0)
	times := float64(c.Uses) + 1
	between := min((max(c.Age-idle, 0)+unproven).Seconds()/times, unproven.Seconds())
	saved := max(c.Saved, LeastSaved).Seconds() * math.Sqrt(times)
	return saved / (float64(max(c.Bytes, 1)) * (between + idle.Seconds()))
}

// Weight is what is compared of two candidates.
type Weight struct {
	Expired bool // it is of no use any more
	Worth   float64
}

// Compare orders candidates: what is expired goes first, then what is worth the least.
func Compare(a, b Weight) int {
	switch {
	case a.Expired && !b.Expired:
		return -1
	case b.Expired && !a.Expired:
		return 1
	}
	return cmp.Compare(a.Worth, b.Worth)
}

// Goal is how much stays of what a cache may hold, once something has to go.
func Goal(limit int64) int64 { return limit / 10 * 9 }

// Fullest is the order in which shards are looked at. Those that are known to be empty are left out.
func Fullest(bytes *[Shards]int64, known *[Shards]bool) []byte {
	var order []byte
	for i := range bytes {
		if bytes[i] > 0 || !known[i] {
			order = append(order, byte(i))
		}
	}
	slices.SortFunc(order, func(a, b byte) int { return cmp.Compare(bytes[b], bytes[a]) })
	return order
}
