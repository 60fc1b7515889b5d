// Package advice tells from the counts of a cache which commands are worth caching, and which flag would make it worth
// more. It reads nothing and prints nothing. A verdict needs a number of cases that it can name: without them it is
// to keep things as they are.
package advice

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cachex-cli/cachex/cachedir/stats"
)

// HitCost is about what a hit costs on a busy machine. What runs in less is not worth caching.
const HitCost = 5 * time.Millisecond

const (
	fewRuns    = 5   // of less nothing is said
	manyRuns   = 10  // that were never answered from the cache
	cases      = 5   // what is to be said of a command has happened at least so often
	nearlyAll  = 0.8 // of these cases
	waitShare  = 0.5 // of the time that was saved: so much waiting for renewals is worth a flag
	noticeable = 500 * time.Millisecond
)

// Verdict says what to do about a command.
type Verdict string

const (
	Keep       Verdict = "keep"
	Drop       Verdict = "drop"
	LongerTTL  Verdict = "longer ttl"
	ShorterTTL Verdict = "shorter ttl"
	Stale      Verdict = "stale"
	NameInput  Verdict = "name input"
	MaxSize    Verdict = "max-size"
)

// Again counts runs for which there had been a result.
type Again struct {
	Runs, Same, Other int64 // in all; with the same result as the last one; with another one
}

func (a *Again) add(r stats.Row) {
	a.Runs += r.Runs
	a.Same += r.Same
	a.Other += r.Other
}

// mostly says that there are enough cases, and that nearly all of those that could be compared are such.
func (a Again) mostly(n int64) bool {
	return a.Same+a.Other >= cases && float64(n) >= nearlyAll*float64(a.Same+a.Other)
}

// Command is what was counted of a command, or of all rare ones with a name in common.
type Command struct {
	ID     stats.CommandID // 0: of several commands
	Family string

	Runs     int64 // without those that are not in the cache's hands
	Answered int64 // from the cache: hits, stale and shared ones
	Ran      int64 // the command itself, also in the background
	Bytes    int64 // of output, of what ran
	Spent    time.Duration
	Saved    time.Duration

	Expired  Again         // its life was over
	Forced   Again         // somebody asked for a new run
	Changed  Again         // its inputs changed
	Verified Again         // it was run to compare the two
	Unstored int64         // runs whose result was not stored
	Regret   int64         // runs whose result was evicted shortly before
	Waited   time.Duration // running commands whose result had expired, while somebody waited
}

// Took is how long a run takes, as far as that is known.
func (c *Command) Took() time.Duration { return took(c.Ran, c.Spent, c.Answered, c.Saved) }

// took is how long a run takes: what ran tells that, or else what was answered without a run.
func took(ran int64, spent time.Duration, answered int64, saved time.Duration) time.Duration {
	switch {
	case ran > 0:
		return spent / time.Duration(ran)
	case answered > 0:
		return saved / time.Duration(answered)
	}
	return 0
}

func (c *Command) add(r stats.Row) {
	switch r.Served {
	case stats.Hit, stats.Stale, stats.Shared:
		c.Runs += r.Runs
		c.Answered += r.Runs
		c.Saved += r.Saved
		return
	case stats.Missed:
		c.Runs += r.Runs
	case stats.Renewed, stats.Unfresh:
	default:
		return
	}
	c.Ran += r.Runs
	c.Bytes += r.Bytes
	c.Spent += r.Spent
	c.Regret += r.Regret
	switch r.Reason {
	case stats.Expired:
		c.Expired.add(r)
		if r.Served == stats.Missed {
			c.Waited += r.Spent
		}
	case stats.Forced:
		c.Forced.add(r)
	case stats.Changed:
		c.Changed.add(r)
	case stats.Verified:
		c.Verified.add(r)
	case stats.Uncacheable:
		c.Unstored += r.Runs
	}
}

// name is what rows of one command have in common.
type name struct {
	id     stats.CommandID
	family string
}

// sums counts rows by the names that they get; without a name they do not count.
func sums(rows []stats.Row, named func(name) (name, bool)) map[name]*Command {
	all := map[name]*Command{}
	for _, r := range rows {
		n, ok := named(name{r.Command, r.Family})
		if !ok {
			continue
		}
		if all[n] == nil {
			all[n] = &Command{ID: n.id, Family: n.family}
		}
		all[n].add(r)
	}
	return all
}

// Commands sums up what was counted by command: those that ran a few times at least, and of all others those that have
// the name of their program in common. Those that cost and save the most come first.
func Commands(rows []stats.Row) []Command {
	each := sums(rows, func(n name) (name, bool) { return n, true })
	rare := map[string]int{}
	for n, c := range each {
		if c.Runs > 0 && (n.id == 0 || c.Runs < fewRuns) {
			rare[n.family]++
		}
	}
	var all []Command
	for _, c := range sums(rows, func(n name) (name, bool) {
		runs := each[n].Runs
		if runs < fewRuns && rare[n.family] > 1 {
			n.id = 0
		}
		return n, runs > 0
	}) {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b Command) int {
		return cmp.Or(cmp.Compare(b.Spent+b.Saved, a.Spent+a.Saved),
			cmp.Compare(a.Family, b.Family), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Known is what the store knows of a command besides its counts.
type Known struct {
	TTL       time.Duration // that of its youngest entry; negative: without end
	HasTTL    bool          // it has an entry
	NotStored string        // why its last result was not stored; empty: it was
	ByWish    bool          // and that is as its caller wished
	Code      int           // exit code of its last run
	MaxSize   string        // the flag that would have spared evictions; empty: not known
}

// Advice is a verdict, the numbers that it rests on, and the flag that follows; empty: there is none to give.
type Advice struct {
	Verdict Verdict
	Why     string
	Flag    string
}

// Judge says what to do about a command.
func (c *Command) Judge(k Known) Advice {
	for _, judge := range [...]func(Known) (Advice, bool){
		c.few, c.verified, c.cheap, c.unstored, c.evicted, c.refreshed, c.sameInputs, c.unused, c.unchanged, c.waits,
	} {
		if a, ok := judge(k); ok {
			return a
		}
	}
	return Advice{Keep, fmt.Sprintf("%d of %d runs answered from the cache", c.Answered, c.Runs), ""}
}

func (c *Command) few(Known) (Advice, bool) {
	switch {
	case c.ID != 0 && c.Runs >= fewRuns:
		return Advice{}, false
	case c.ID == 0 && c.Runs >= manyRuns && c.Answered == 0:
		return Advice{
			Drop, fmt.Sprintf("%d runs of commands that ran less than %d times each, none answered from the cache",
				c.Runs, fewRuns), "",
		}, true
	case c.ID == 0:
		return Advice{
			Keep, fmt.Sprintf("commands that ran less than %d times each, too few to tell", fewRuns), "",
		}, true
	}
	return Advice{Keep, fmt.Sprintf("%d runs, too few to tell", c.Runs), ""}, true
}

// verified is a command of which hits were run all the same, and printed something else.
func (c *Command) verified(Known) (Advice, bool) {
	return Advice{
		Drop, fmt.Sprintf("not deterministic: %d hits verified, %d times another output",
			c.Verified.Runs, c.Verified.Other),
		"or name what it depends on: cachex inputs -- COMMAND",
	}, c.Verified.Other >= 2 && 5*c.Verified.Other >= c.Verified.Runs
}

// cheap is a command that takes no longer than a hit.
func (c *Command) cheap(Known) (Advice, bool) {
	took := c.Took()
	return Advice{
		Drop, fmt.Sprintf("a run takes %s, a hit is not faster than that", took.Round(100*time.Microsecond)),
		"--min-cost " + fmt.Sprint(HitCost),
	}, took < HitCost
}

// unstored is a command whose results are kept by something from being stored.
func (c *Command) unstored(k Known) (Advice, bool) {
	if c.Answered > 0 || c.Unstored < cases || c.Unstored < c.Ran {
		return Advice{}, false
	}
	if k.ByWish {
		return Advice{Keep, fmt.Sprintf("%d runs, not stored as wished: %s", c.Ran, k.NotStored), ""}, true
	}
	why := fmt.Sprintf("none of %d results could be stored", c.Unstored)
	if k.NotStored != "" {
		why += "; the last: " + k.NotStored
	}
	return Advice{Drop, why, ""}, true
}

// evicted is a command whose results had to go shortly before they were asked for.
func (c *Command) evicted(k Known) (Advice, bool) {
	return Advice{
		MaxSize, fmt.Sprintf("%d of %d misses had been evicted less than %s before", c.Regret, c.Runs-c.Answered,
			short(stats.RegretWithin)), k.MaxSize,
	}, c.Regret >= cases && 5*c.Regret >= c.Runs-c.Answered
}

// refreshed is a command that somebody keeps running anew, and rightly so: something that matters is in no key.
func (c *Command) refreshed(k Known) (Advice, bool) {
	if !c.Forced.mostly(c.Forced.Other) {
		return Advice{}, false
	}
	why := fmt.Sprintf("refreshed by hand %d times, %d times with another output", c.Forced.Runs, c.Forced.Other)
	if k.HasTTL && k.TTL > 0 {
		return Advice{ShorterTTL, why, "--ttl " + short(k.TTL/2) + " instead of " + short(k.TTL)}, true
	}
	return Advice{NameInput, why, "--trace, or --file and --env for what cachex inputs -- COMMAND finds"}, true
}

// sameInputs is a command whose inputs change and whose output does not, or that never prints the same twice.
func (c *Command) sameInputs(Known) (Advice, bool) {
	switch {
	case c.Changed.mostly(c.Changed.Same) && 2*c.Changed.Runs >= c.Runs:
		return Advice{
			NameInput, fmt.Sprintf("inputs changed %d times, %d times without another output",
				c.Changed.Runs, c.Changed.Same),
			"leave out what cachex why -- COMMAND says has changed (--file '!PATTERN', --arg-files=false, less --env)",
		}, true
	case c.Answered == 0 && c.Expired.Other+c.Forced.Other >= cases && c.Expired.Same+c.Forced.Same == 0:
		return Advice{
			Drop, fmt.Sprintf("not deterministic: %d runs with the same inputs, %d times another output",
				c.Expired.Runs+c.Forced.Runs, c.Expired.Other+c.Forced.Other), "",
		}, true
	}
	return Advice{}, false
}

// unused is a command that was never answered from the cache.
func (c *Command) unused(k Known) (Advice, bool) {
	if c.Answered > 0 || c.Runs < manyRuns || c.Expired.mostly(c.Expired.Same) {
		return Advice{}, false
	}
	why := fmt.Sprintf("never answered from the cache in %d runs", c.Runs)
	if k.Code != 0 {
		why += fmt.Sprintf("; the last exit code was %d", k.Code)
		return Advice{Drop, why, fmt.Sprintf("or cache that, too, by --cache-exit 0,%d", k.Code)}, true
	}
	if c.Changed.Runs > 0 {
		why += fmt.Sprintf("; inputs changed %d times", c.Changed.Runs)
	}
	return Advice{Drop, why, ""}, true
}

// unchanged is a command that is as it was when its life is over.
func (c *Command) unchanged(k Known) (Advice, bool) {
	if !c.Expired.mostly(c.Expired.Same) {
		return Advice{}, false
	}
	flag := "a longer --ttl"
	if k.HasTTL && k.TTL > 0 {
		lives := (c.Expired.Same + c.Expired.Other) / (c.Expired.Other + 1)
		flag = "--ttl " + short(k.TTL*time.Duration(min(max(lives/2, 2), 24))) + " instead of " + short(k.TTL)
	}
	return Advice{
		LongerTTL, fmt.Sprintf("expired %d times, %d times the same output", c.Expired.Runs, c.Expired.Same), flag,
	}, true
}

// waits is a command for which its callers wait too often when its life is over.
func (c *Command) waits(k Known) (Advice, bool) {
	if c.Expired.Runs < cases || c.Took() < noticeable || c.Waited.Seconds() < waitShare*c.Saved.Seconds() {
		return Advice{}, false
	}
	grace := "1h"
	if k.HasTTL && k.TTL > 0 {
		grace = short(k.TTL)
	}
	return Advice{
		Stale, fmt.Sprintf("callers waited %s for %d renewals", c.Waited.Round(time.Second/10), c.Expired.Runs),
		"--stale " + grace,
	}, true
}

// short writes a time as flags take it, without parts that are nothing.
func short(d time.Duration) string {
	for _, unit := range [...]struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if d >= 2*unit.of || d >= unit.of && d%unit.of == 0 {
			return fmt.Sprint(int64(d/unit.of)) + unit.name
		}
	}
	return d.String()
}
