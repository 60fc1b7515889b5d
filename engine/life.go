package engine

import (
	"fmt"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
)

// clockSlack is how far in the future a result may claim to have ended before it is disbelieved (P4): clocks of
// machines that share a home directory differ by a little.
const clockSlack = 60 * time.Second

// A verdict is why an entry may not be served; the zero value is that it may.
type verdict struct {
	reason cachedir.Reason
	detail string
}

func (v verdict) ok() bool { return v.reason == "" }

// A judge decides whether this run may be answered with an entry.
type judge func(r *run, e *cachedir.Entry) verdict

// fresh admits what the reader's own flags still call fresh, in the order of the rules: exit code, purges, age. The
// reader's time to live decides, not the one the entry was written under, so that a shorter one takes effect at once.
func fresh(r *run, e *cachedir.Entry) verdict {
	if r.req.Refresh {
		return verdict{cachedir.Forced, "--refresh"}
	}
	if !r.req.CacheExit(exitNumber(e)) {
		return verdict{cachedir.Uncacheable, "the last run " + exitWords(e) + ", which --cache-exit leaves out"}
	}
	if v := r.deliverable(e); !v.ok() {
		return v
	}
	age := r.e.now().Sub(e.Ended)
	if age < -clockSlack {
		return verdict{cachedir.Expired, "recorded " + Short(-age) + " in the future"}
	}
	if life := r.life(e); life != Forever && max(age, 0) >= life {
		return verdict{cachedir.Expired, "expired " + Short(age-life) + " ago"}
	}
	return verdict{}
}

// concurrent admits the result of a run that was under way while this one waited for it, whatever its exit code (P9).
// Under Refresh only a run that started after this one arrived is new enough. Boot times are compared, never wall
// clocks, and only within one boot.
func concurrent(r *run, e *cachedir.Entry) verdict {
	since := moment(e.EndedBoot)
	if r.req.Refresh {
		since = moment(e.StartedBoot)
	}
	if since < r.arrived || e.BootID != bootID() || e.BootID == [16]byte{} {
		return verdict{cachedir.Expired, "recorded before this run began"}
	}
	return r.deliverable(e)
}

// either admits what fresh or concurrent admits: the question after every lock.
func either(r *run, e *cachedir.Entry) verdict {
	if v := concurrent(r, e); v.ok() {
		return v
	}
	return fresh(r, e)
}

// deliverable holds what every reader needs: that the streams were recorded in a way this caller can be given (P1).
func (r *run) deliverable(e *cachedir.Entry) verdict {
	if e.Merged && !r.merged() {
		return verdict{cachedir.Changed, "recorded where stdout and stderr were one file"}
	}
	return verdict{}
}

// life is how long an entry is fresh for this reader.
func (r *run) life(e *cachedir.Entry) time.Duration {
	if e.Code != 0 || e.Signal != 0 {
		return r.req.TTLFail
	}
	return r.req.TTL
}

// exitNumber is the exit code as a shell would name it: 128 plus the signal for a death by signal.
func exitNumber(e *cachedir.Entry) int {
	if e.Signal != 0 {
		return 128 + e.Signal
	}
	return e.Code
}

func exitWords(e *cachedir.Entry) string {
	if e.Signal != 0 {
		return fmt.Sprintf("died of signal %d", e.Signal)
	}
	return fmt.Sprintf("exited %d", e.Code)
}
