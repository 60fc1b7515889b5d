package evicting

import (
	"math"
	"math/rand/v2"
	"sort"
	"time"
)

// A request is one run of a command: what it would take, and how large its result is on the disk.
type request struct {
	key   int
	at    time.Duration // since the trace began
	saved time.Duration
	bytes int64
}

// Trace is a kind of requests.
type Trace struct {
	Name  string
	share float64 // the cache holds this share of all results that there are
	make  func(g *generator, n int)
}

// Traces are those that are tried.
var Traces = []Trace{
	{"zipf, keys change", 0.10, changing},
	{"cheap and dear", 0.10, cheapAndDear},
	{"loop", 0.70, loop},
	{"scans", 0.05, scans},
	{"CI days", 0.10, ciDays},
	{"prompts", 0.10, prompts},
}

// generator makes the requests of one seed.
type generator struct {
	*rand.Rand
	requests []request
	now      time.Duration
	keys     int
}

// Requests returns n requests or a few more, which depend on nothing but the seed.
func (t Trace) Requests(seed uint64, n int) []request {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	t.make(g, n)
	return g.requests
}

// capacity is how many bytes the cache has.
func (t Trace) capacity(requests []request) int64 {
	sum, seen := int64(0), map[int]bool{}
	for _, r := range requests {
		if !seen[r.key] {
			seen[r.key] = true
			sum += r.bytes
		}
	}
	return int64(t.share * float64(sum))
}

// normal returns numbers of which half are below median, and two thirds within a factor of e to the power of spread.
func (g *generator) normal(median, spread float64) float64 {
	return median * math.Exp(spread*g.NormFloat64())
}

// command is a new command with its first key.
func (g *generator) command(seconds, bytes, spread float64) request {
	g.keys++
	return request{
		key:   g.keys,
		saved: time.Duration(min(g.normal(seconds, spread), 3600) * float64(time.Second)),
		bytes: (int64(min(g.normal(bytes, spread), 16<<20))+4095)&^4095 + 4096,
	}
}

func (g *generator) commands(n int, seconds, bytes, spread float64) []request {
	all := make([]request, n)
	for i := range all {
		all[i] = g.command(seconds, bytes, spread)
	}
	return all
}

// change gives a command another key: an input of it is another one.
func (g *generator) change(r *request) {
	g.keys++
	r.key = g.keys
}

// ask requests something, a while after the last.
func (g *generator) ask(r request, pause time.Duration) {
	g.now += time.Duration(g.ExpFloat64() * float64(pause))
	r.at = g.now
	g.requests = append(g.requests, r)
}

// zipf returns what draws one of n, the i-th of them in proportion to 1/i to the power of s.
func (g *generator) zipf(n int, s float64) func() int {
	sums, sum := make([]float64, n), 0.0
	for i := range sums {
		sum += math.Pow(float64(i+1), -s)
		sums[i] = sum
	}
	return func() int { return sort.SearchFloat64s(sums, g.Float64()*sum) }
}

// changing: few commands are used much and many seldom; one request in twenty gives one of them another key.
func changing(g *generator, n int) {
	all, draw := g.commands(4000, 1, 8<<10, 1), g.zipf(4000, 0.9)
	for range n {
		if g.IntN(20) == 0 {
			g.change(&all[draw()])
		}
		g.ask(all[draw()], 40*time.Second)
	}
}

// cheapAndDear: half of the commands take about 20 ms, the others half a minute, and their results are of all sizes.
func cheapAndDear(g *generator, n int) {
	all := append(g.commands(2500, 0.02, 32<<10, 1.5), g.commands(2500, 30, 32<<10, 1.5)...)
	g.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	draw := g.zipf(len(all), 0.8)
	for range n {
		if g.IntN(100) == 0 {
			g.change(&all[draw()])
		}
		g.ask(all[draw()], 40*time.Second)
	}
}

// loop: the same commands again and again, all of them, and they do not fit.
func loop(g *generator, n int) {
	all := g.commands(3000, 2, 16<<10, 0.5)
	for i := range n {
		g.ask(all[i%len(all)], 10*time.Second)
	}
}

// scans: commands that are used again, and each day a thousand that are not.
func scans(g *generator, n int) {
	all, draw := g.commands(3000, 1, 8<<10, 1), g.zipf(3000, 0.9)
	for len(g.requests) < n {
		for range 1500 {
			g.ask(all[draw()], time.Minute)
		}
		for range 1000 {
			g.ask(g.command(1, 8<<10, 1), time.Second)
		}
	}
}

// ciDays: jobs of 150 commands on branches that begin with what main has. Between two jobs of a branch 6 % of its files
// change, and 1 % go back; each tenth day all results are others. In the night nothing runs.
func ciDays(g *generator, n int) {
	trunk := g.commands(150, 5, 32<<10, 1)
	before := append([]request(nil), trunk...)
	var branches [][]request
	for day := 0; len(g.requests) < n; day++ {
		g.now = max(g.now, time.Duration(day)*24*time.Hour)
		if day%10 == 9 {
			for i := range trunk {
				g.change(&trunk[i])
			}
			branches = nil
		}
		for len(branches) < 6 {
			branches = append(branches, append([]request(nil), trunk...))
		}
		for range 24 {
			which := g.IntN(len(branches))
			b := branches[which]
			for i := range b {
				switch p := g.Float64(); {
				case p < 0.06:
					before[i] = b[i]
					g.change(&b[i])
				case p < 0.07:
					b[i] = before[i]
				}
				g.ask(b[i], 8*time.Second)
			}
			if g.IntN(8) == 0 { // it is merged
				trunk = b
				branches[which] = append([]request(nil), trunk...)
			}
		}
	}
}

// prompts: before each command a shell asks three cheap ones of its directory, whose keys change often. Now and then
// something dear runs.
func prompts(g *generator, n int) {
	const directories = 40
	cheap, dear := g.commands(3*directories, 0.02, 1<<10, 0.7), g.commands(15*directories, 20, 64<<10, 1)
	where, which, here := g.zipf(directories, 1), g.zipf(15, 0.8), 0
	for len(g.requests) < n {
		if g.IntN(20) == 0 {
			here = where()
		}
		for i := range 3 {
			c := &cheap[3*here+i]
			if g.IntN(3) == 0 {
				g.change(c)
			}
			g.ask(*c, 10*time.Second)
		}
		if g.IntN(6) == 0 {
			d := &dear[15*here+which()]
			if g.IntN(12) == 0 {
				g.change(d)
			}
			g.ask(*d, 30*time.Second)
		}
	}
}
