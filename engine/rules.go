package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// clockSlack is how far in the future a result may claim to have ended before it is disbelieved (P4): clocks of
// machines that share a home directory differ by a little.
const clockSlack = 60 * time.Second

// A verdict is why an entry may not be served; the zero value is that it may.
type verdict struct {
	reason stats.Reason
	detail string
}

func (v verdict) ok() bool { return v.reason == "" }

// reader is what the rules know of who wants a result: his limits, when he came, and what he has the time from.
type reader struct {
	*Request
	arrival  moment
	now      func() time.Time // the wall clock
	boot     func() moment
	merged   func() bool // both his streams are one file
	inherits func() bool // his command gets open files, which no process in the background has
	refused  time.Time   // the end of a result whose files cannot be put in place; zero: there is none
}

// reader is what the rules know of the caller. inherits says whether his command gets open files.
func (c *caller) reader(inherits func() bool) reader {
	return reader{
		Request: c.Request, arrival: c.arrival, now: c.now, boot: bootNow, merged: c.merged, inherits: inherits,
		refused: c.refused,
	}
}

// hasRefused reports whether a result is one whose files could not be put in place, or older than that.
func (r reader) hasRefused(e *cachedir.Entry) bool {
	return !r.refused.IsZero() && !e.Ended.After(r.refused)
}

// A judge decides whether a reader may be answered with an entry.
type judge func(r reader, e *cachedir.Entry) verdict

// The rules of life, in their order. The reader's own flags decide, not what the entry was written under, so that a
// shorter time to live takes effect at once; an end of life that the entry itself has holds for everybody besides.
//
//  1. an exit code that the reader does not admit, or purged: a miss
//  2. within its life, and not softly purged: a hit
//  3. within the time of grace after it, or softly purged: the old answer, and one refresh
//  4. within the time of grace for errors: a success is served if the command fails, or has failed since and would not
//     be run again
//  5. else a miss
//
// Refresh skips the second and the third. A result with files skips the third.

// fresh admits what is a hit (rules 1 and 2).
func fresh(r reader, e *cachedir.Entry) verdict {
	if r.hasRefused(e) {
		return verdict{stats.Uncacheable, "its files cannot be put in place"}
	}
	if r.Refresh {
		return verdict{stats.Forced, "--refresh"}
	}
	if v := r.admissible(e); !v.ok() {
		return v
	}
	if e.Soft {
		return verdict{stats.Purged, "purged softly"}
	}
	return r.within(e, 0)
}

// stale admits what may be served while it is refreshed (rule 3), and what is fresh.
func stale(r reader, e *cachedir.Entry) verdict {
	if e.Outputs != nil { // a refresh would write them when the caller has gone on
		return fresh(r, e)
	}
	if r.Refresh {
		return verdict{stats.Forced, "--refresh"}
	}
	if v := r.admissible(e); !v.ok() {
		return v
	}
	if r.StaleIfError != 0 && exitNumber(e) != 0 {
		// An older success is better than an old failure: a run decides whether there is a new one.
		return r.within(e, 0)
	}
	return r.within(e, longer(r.Stale, e.Stale))
}

// servable admits what is answered without waiting for a run. A warming run wants a fresh result, and so does a refresh
// of what it is nested in: made from something old, the new result would be over as soon as it is there.
func servable(r reader, e *cachedir.Entry) verdict {
	if r.Warm || r.FreshOnly || r.inherits() {
		return fresh(r, e)
	}
	return stale(r, e)
}

// ifError admits what may be served if the command fails (rule 4): only a success is better than that, and it is,
// whatever may be replayed.
func ifError(r reader, e *cachedir.Entry) verdict {
	if r.StaleIfError == 0 {
		return verdict{reason: stats.Expired}
	}
	if exitNumber(e) != 0 {
		return verdict{stats.Uncacheable, "the last run " + exitWords(e)}
	}
	if v := r.believable(e); !v.ok() {
		return v
	}
	return r.within(e, r.StaleIfError)
}

// admissible holds rule 1, and what every reader needs besides. Who was purged is not found.
func (r reader) admissible(e *cachedir.Entry) verdict {
	if hashing.IsLoose(e.Recipe) {
		return verdict{stats.Changed, "it was for those who waited for it"}
	}
	if !r.CacheExit(exitNumber(e)) {
		return verdict{stats.Uncacheable, "the last run " + exitWords(e) + ", which --cache-exit leaves out"}
	}
	return r.believable(e)
}

// believable admits what this caller can be given, if it was not recorded in the future.
func (r reader) believable(e *cachedir.Entry) verdict {
	if v := r.deliverable(e); !v.ok() {
		return v
	}
	if age := r.now().Sub(e.Ended); age < -clockSlack {
		return verdict{stats.Expired, "recorded " + Short(-age) + " in the future"}
	}
	return verdict{}
}

// within admits an entry until some time after its life; the detail counts from the end of its life.
func (r reader) within(e *cachedir.Entry, grace time.Duration) verdict {
	end, ends := r.end(e)
	if !ends || grace == Forever {
		return verdict{}
	}
	now := r.now()
	if now.Before(e.Ended) {
		now = e.Ended // a clock that went back a little
	}
	if past := now.Sub(end); past >= grace {
		return verdict{stats.Expired, "expired " + Short(past) + " ago"}
	}
	return verdict{}
}

// end is when the life of an entry ends for this reader; not ends: never.
func (r reader) end(e *cachedir.Entry) (end time.Time, ends bool) {
	if life := r.life(e); life != Forever {
		end, ends = e.Ended.Add(life), true
	}
	until := e.Until
	if r.Until != nil {
		until = earlier(until, r.Until(e.Started))
	}
	if !until.IsZero() && (!ends || until.Before(end)) {
		end, ends = until, true
	}
	return end, ends
}

// early decides by chance whether a result is refreshed before its life ends: the sooner the end and the longer the
// command runs, the likelier (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB
// 2015). So of many callers one is likely to refresh in time, and none waits.
func (r reader) early(e *cachedir.Entry) bool {
	end, ends := r.end(e)
	if r.Early == 0 || !ends || r.CachedOnly || r.ReadOnly || e.Outputs != nil {
		return false
	}
	ahead := float64(e.Ended.Sub(e.Started)) * r.Early * rand.ExpFloat64()
	return float64(end.Sub(r.now())) <= ahead
}

func longer(a, b time.Duration) time.Duration {
	if a == Forever || b == Forever {
		return Forever
	}
	return max(a, b)
}

// concurrent admits the result of a run that was under way while this one waited for it, whatever its exit code (P9).
// Under Refresh only a run that started after this one arrived is new enough. Boot times are compared, never wall
// clocks, and only on one clock.
func concurrent(r reader, e *cachedir.Entry) verdict {
	since := moment(e.EndedBoot)
	if r.Refresh {
		since = moment(e.StartedBoot)
	}
	if since < r.arrival || !r.sameClock(e) || r.hasRefused(e) {
		return verdict{stats.Expired, "recorded before this run began"}
	}
	return r.deliverable(e)
}

// either admits what fresh or concurrent admits: the question after every lock.
func either(r reader, e *cachedir.Entry) verdict {
	if v := concurrent(r, e); v.ok() {
		return v
	}
	return fresh(r, e)
}

// deliverable holds what every reader needs: that the streams were recorded in a way this caller can be given (P1),
// that what is private is his, and that a purge of his tags would have reached it.
func (r reader) deliverable(e *cachedir.Entry) verdict {
	if tag, missing := lacking(e.Tags, r.Tags); missing {
		return verdict{stats.Changed, "stored without the tag " + hashing.Show(tag)}
	}
	if e.Private && e.UID != userID() {
		return verdict{stats.Changed, "private to user " + strconv.FormatInt(e.UID, 10)}
	}
	if e.Merged && e.StdoutSize+e.StderrSize > 0 && !r.merged() {
		return verdict{stats.Changed, "recorded where stdout and stderr were one file"}
	}
	return verdict{}
}

func userID() int64 { return int64(os.Geteuid()) }

// life is how long an entry is fresh for this reader: shortened by jitter, which is drawn once for each entry.
func (r reader) life(e *cachedir.Entry) time.Duration {
	life := r.TTL
	if e.Code != 0 || e.Signal != 0 {
		life = r.TTLFail
	}
	if life == Forever || r.Jitter == 0 {
		return life
	}
	return life - time.Duration(float64(life)*r.Jitter*float64(e.Random)/math.MaxUint64)
}

// exitNumber is the exit code as a shell would name it: 128 plus the signal for a death by signal.
func exitNumber(e *cachedir.Entry) int { return exitNumberOf(e.Code, e.Signal) }

func exitNumberOf(code, signal int) int {
	if signal != 0 {
		return 128 + signal
	}
	return code
}

func exitWords(e *cachedir.Entry) string { return exitWordsOf(e.Code, e.Signal) }

func exitWordsOf(code, signal int) string {
	if signal != 0 {
		return fmt.Sprintf("died of signal %d", signal)
	}
	return fmt.Sprintf("exited %d", code)
}
