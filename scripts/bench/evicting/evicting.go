// Package evicting asks how much time a cache saves whose results do not all fit. It calls what the store calls to
// choose what goes (cachedir/choice), with what the store knows: a sample of some shards, and hours of use. It is no
// program, so that go install ./... installs cachex alone: scripts/bench/evict runs its test.
package evicting

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/choice"
)

// Policies are those that are compared; the first is that of the store, the second the same where in the time there is
// an eighth is read and removed.
var Policies = []struct {
	Name string
	make func(limit int64) policy
}{
	{"cachex", func(limit int64) policy { return newStore(limit, 1) }},
	{"cachex, slow disk", func(limit int64) policy { return newStore(limit, 8) }},
	{"LRU", newLRU},
	{"S3-FIFO", newS3FIFO},
	{"SIEVE", newSieve},
	{"GDSF", newGDSF},
}

const (
	fastReads   = 600 // entries that are opened in half of the time for cleaning, 9 ms: some 15 microseconds each
	fastRemoves = 90  // and removed in the other half: 100 microseconds each
)

// store is what package cachedir does, without files.
type store struct {
	rand           *rand.Rand
	limit, bytes   int64
	reads, removes int
	shards         [choice.Shards][]*kept
	sizes          [choice.Shards]int64
	known          [choice.Shards]bool
	at             map[int]*kept
	uses           uses
	gone           gone
	now            time.Duration
}

type kept struct {
	request
	noted time.Duration // a use, or the store itself
}

func newStore(limit int64, slow int) policy {
	s := &store{
		rand: rand.New(rand.NewPCG(uint64(limit), 2)), limit: limit,
		reads: fastReads / slow, removes: fastRemoves / slow,
		at: map[int]*kept{}, uses: uses{most: cachedir.MostUses(limit), of: map[int]int{}},
		gone: gone{most: cachedir.MostUses(limit), at: map[int]time.Duration{}},
	}
	for i := range s.known {
		s.known[i] = true
	}
	return s
}

// shardOf spreads keys as if they were digests.
func shardOf(key int) byte { return byte((uint64(key) * 0x9e3779b97f4a7c15) >> 56) }

func (s *store) get(r request) bool {
	s.now = r.at
	k, ok := s.at[r.key]
	if ok && s.now-k.noted >= choice.UseEvery {
		k.noted = s.now
		s.uses.count(r.key)
	}
	return ok
}

func (s *store) put(r request) {
	s.now = r.at
	if s.bytes+r.bytes > s.limit {
		s.clean(r)
	}
	if s.bytes+r.bytes > s.limit {
		return
	}
	sh := shardOf(r.key)
	k := &kept{r, r.at}
	s.at[r.key] = k
	s.shards[sh] = append(s.shards[sh], k)
	s.sizes[sh] += r.bytes
	s.bytes += r.bytes
}

// clean makes room for something new, unless that is worth much less than what would have to go.
func (s *store) clean(fresh request) {
	type weighed struct {
		choice.Weight
		*kept
	}
	var all []weighed
	for _, sh := range choice.Fullest(&s.sizes, &s.known) {
		if len(all) >= min(choice.Sample, s.reads) {
			break
		}
		in := s.shards[sh]
		s.rand.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
		for _, k := range in[:min(len(in), choice.Sample, s.reads-len(all))] {
			c := choice.Candidate{
				Saved: k.saved, Uses: uint64(s.uses.of[k.key]), Bytes: k.bytes,
				Age: s.now - k.at, Idle: s.now - k.noted,
			}
			all = append(all, weighed{choice.Weight{Worth: c.Worth(), Bytes: k.bytes}, k})
		}
	}
	slices.SortFunc(all, func(a, b weighed) int {
		return cmp.Or(choice.Compare(a.Weight, b.Weight), cmp.Compare(a.key, b.key))
	})
	there := make([]choice.Weight, len(all))
	for i, w := range all {
		there[i] = w.Weight
	}
	own := choice.Candidate{Saved: fresh.saved, Uses: uint64(s.uses.of[fresh.key]), Bytes: fresh.bytes}
	if !s.gone.isBack(fresh.key, s.now) && !choice.Admits(own.Worth(), s.bytes+fresh.bytes-s.limit, there) {
		s.gone.note(fresh.key, s.now)
		return
	}
	for i, w := range all {
		if i == s.removes || s.bytes+fresh.bytes <= choice.Goal(s.limit) {
			return
		}
		s.remove(w.kept)
	}
}

func (s *store) remove(k *kept) {
	sh := shardOf(k.key)
	i := slices.Index(s.shards[sh], k)
	s.shards[sh] = slices.Delete(s.shards[sh], i, i+1)
	s.sizes[sh] -= k.bytes
	s.bytes -= k.bytes
	delete(s.at, k.key)
	s.gone.note(k.key, s.now)
}

// gone is when something was removed or not stored, as far as the table has room.
type gone struct {
	most  int
	at    map[int]time.Duration
	order []int // as they were written, also twice
}

func (g *gone) note(key int, now time.Duration) {
	g.at[key] = now
	g.order = append(g.order, key)
	for len(g.at) > g.most {
		delete(g.at, g.order[0])
		g.order = g.order[1:]
	}
}

func (g *gone) isBack(key int, now time.Duration) bool {
	at, ok := g.at[key]
	return ok && now-at < choice.SecondChance
}

// uses are the hours in which something was used; also of what was removed, as far as the table has room.
type uses struct {
	most  int
	of    map[int]int
	order []int // as they were written, also twice
}

func (u *uses) count(key int) {
	u.of[key]++
	u.order = append(u.order, key)
	for len(u.of) > u.most {
		delete(u.of, u.order[0])
		u.order = u.order[1:]
	}
}

// saved is the share of the seconds of all requests that a policy saves, in percent.
func saved(p policy, requests []request) float64 {
	var all, hits float64
	for _, r := range requests {
		all += r.saved.Seconds()
		if p.get(r) {
			hits += r.saved.Seconds()
		} else {
			p.put(r)
		}
	}
	return 100 * hits / all
}

// bound is what no cache of a size can pass. To have a result when it is asked for again costs its size in all of the
// time since it was asked for before. What that saves is taken in the order of gain for this cost, as long as all of it
// together costs no more than the whole cache in the whole time, whether it fits at each moment or not. What the best
// cache would save is less, and not to be computed: with sizes and costs that is NP-hard.
func bound(limit int64, requests []request) float64 {
	type interval struct{ saved, cost float64 }
	var intervals []interval
	var all float64
	last := map[int]int{}
	for i, r := range requests {
		all += r.saved.Seconds()
		if before, ok := last[r.key]; ok && r.bytes <= limit {
			intervals = append(intervals, interval{r.saved.Seconds(), float64(r.bytes) * float64(i-before)})
		}
		last[r.key] = i
	}
	slices.SortFunc(intervals, func(a, b interval) int { return cmp.Compare(b.saved*a.cost, a.saved*b.cost) })
	room, sum := float64(limit)*float64(len(requests)), 0.0
	for _, v := range intervals {
		if v.cost > room {
			sum += v.saved * room / v.cost
			break
		}
		room -= v.cost
		sum += v.saved
	}
	return 100 * sum / all
}
