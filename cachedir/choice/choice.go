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

// manyUses is to which power uses count. More favours what was used much and is not any more, as in CI, over what is
// new; less is worse where there are scans.
const manyUses = 0.4

// Worth is what it is worth to keep something: the seconds that one use of it saves, for each byte that it takes, and
// for each second until the next use as far as the past tells it. That is as long as there was between its uses so far,
// or as long as it has been idle if that is longer: what is used each day is no worse in the evening, and what has
// waited for longer than ever will wait for as long again. Many uses count on top of that, but less and less. A run of
// less than LeastSaved counts as that. What came from another machine may be old when it is stored; that it was not
// used here then says nothing.
func (c Candidate) Worth() float64 {
	idle := max(c.Idle, 0)
	times := float64(c.Uses) + 1
	between := min((max(c.Age-idle, 0)+unproven).Seconds()/times, unproven.Seconds())
	saved := max(c.Saved, LeastSaved).Seconds() * math.Pow(times, manyUses)
	return saved / (float64(max(c.Bytes, 1)) * max(between, idle.Seconds()))
}

// Weight is what is compared of two candidates.
type Weight struct {
	Expired bool // it is of no use any more
	Worth   float64
	Bytes   int64
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

// muchMore is how many times the worth of something new is much. How that will be used is not known yet, and
// what is used each hour is worth that much more.
const muchMore = 8

// Admits reports whether something new may be stored where so many bytes are missing: not if what is worth much more
// has to go for it. What there is comes in the order in which it goes. If all of that is not enough it may be stored:
// the rest was not looked at.
func Admits(fresh float64, missing int64, there []Weight) bool {
	for _, w := range there {
		if missing <= 0 {
			return true
		}
		if !w.Expired && w.Worth > muchMore*fresh {
			return false
		}
		missing -= w.Bytes
	}
	return true
}

// SecondChance is how long it is remembered that something was not stored or had to go for others: if it is run again
// meanwhile it is stored, whatever it is worth.
const SecondChance = 24 * time.Hour

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
