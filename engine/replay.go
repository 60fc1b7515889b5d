package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/runner"
)

// atOnce is an output that fits into a pipe, so that replaying it hardly ever waits for a reader. Preparing for signals
// costs more than replaying it ([M] 0.3 ms).
const atOnce = 64 << 10

// Replay says what is printed of a result that was not made now. The exit code is replayed always.
type Replay uint8

const (
	ReplayAll Replay = iota
	ReplayStdout
	ReplayStderr
	ReplayNone
)

// prints reports whether one stream is printed.
func (p Replay) prints(s runner.Stream) bool {
	return p == ReplayAll || p == ReplayStdout && s == runner.Stdout || p == ReplayStderr && s == runner.Stderr
}

// tellsApart reports whether a result is of use only if its two streams were recorded apart.
func (p Replay) tellsApart() bool { return p == ReplayStdout || p == ReplayStderr }

// replay hands a stored result to the caller. No lock is held meanwhile: a stopped pager must not stop others. An
// entry that turns out to be damaged before the first byte was written is a miss after all, and the command runs.
func (r *run) replay(e *cachedir.Entry, how stats.Served) (Outcome, error) {
	defer e.Close()
	if e.StdoutSize+e.StderrSize > atOnce || r.caller.makesFiles() {
		defer r.caller.dieOnSignals()()
	}
	if err := filesOf(r.inputs).restore(e, nil); err != nil {
		r.lookup.notRestored(e, err)
		return r.rerun()
	}
	r.reportUse(e, how) // first: whoever reads the output may go away, and this process with him
	err := r.output.replayRest(e)
	var bad *cachedir.ReplayError
	var mixed *MixedError
	switch {
	case err == nil:
	case isBrokenPipe(err):
		r.caller.dieOfPipe()
		return r.outcome(how), &DeliveryError{Err: err}
	case errors.As(err, &bad) && !bad.Written:
		r.lookup.miss = verdict{stats.Corrupt, err.Error()}
		return r.rerun()
	case errors.As(err, &mixed):
		return r.outcome(how), err
	default:
		return r.outcome(how), &DeliveryError{Err: err}
	}
	noteUse(e, r.caller.MaxEntries > 0)
	r.remarks.warn(r.caller.noteTouched(e.Key, e.Slot))
	out := r.outcome(how)
	out.Reason, out.Detail = "", ""
	out.Code, out.Signal = e.Code, e.Signal
	out.Took = e.Ended.Sub(e.Started)
	out.Age = max(r.caller.now().Sub(e.Ended), 0)
	out.Bytes = r.caller.printedSize(e)
	out.Saved = out.Took
	if how == stats.Stale {
		out.Reason, out.Detail = r.lookup.miss.reason, r.lookup.miss.detail
	}
	if how == stats.Hit {
		out.Conditions = r.lookup.conditions(e, out)
	}
	if how == stats.Shared { // it waited for part of that time: only the rest was saved
		out.Saved = max(out.Took-r.caller.now().Sub(r.caller.startTime), 0)
	}
	return out, nil
}

// noteUse keeps that an entry was used: now, where those used longest ago go.
func noteUse(e *cachedir.Entry, now bool) {
	if now {
		e.TouchNow()
	} else {
		e.Touch()
	}
}

// reportUse tells an enclosing run what an entry is made from. What is served stale makes the enclosing result stale
// from the beginning.
func (r *run) reportUse(e *cachedir.Entry, how stats.Served) {
	end, ends := r.lookup.reader().end(e)
	if how == stats.Stale || e.Soft {
		end, ends = r.caller.now().Add(-time.Nanosecond), true
	}
	r.encloser.reportUse(r.inputs, &e.Meta, end, ends)
}

// rerun answers an entry that its header promised and its body broke.
func (r *run) rerun() (Outcome, error) {
	switch {
	case r.caller.NoWait:
		return r.damagedAtOnce()
	case r.caller.CachedOnly:
		return r.outcome(stats.Declined), r.lookup.notCached()
	case r.caller.ReadOnly:
		return r.plain(r.lookup.miss.reason, "read-only is set")
	case r.lookup.retries():
		return r.share(newQueue(r))
	}
	return r.lead(nil)
}

// Short writes a duration as people say it: 3m, 12.4s, 85ms.
func Short(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Short(-d)
	case d < time.Millisecond:
		return "0ms"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Truncate(100*time.Millisecond).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
