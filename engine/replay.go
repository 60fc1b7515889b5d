package engine

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/runner"
)

// atOnce is an output that fits into a pipe, so that replaying it hardly ever waits for a reader. Preparing for signals
// costs more than replaying it ([M] 0.3 ms).
const atOnce = 64 << 10

// replay hands a stored result to the caller. No lock is held meanwhile: a stopped pager must not stop others. An
// entry that turns out to be damaged before the first byte was written is a miss after all, and the command runs.
func (r *run) replay(e *cachedir.Entry, how cachedir.Served) (Outcome, error) {
	defer e.Close()
	if e.StdoutSize+e.StderrSize > atOnce {
		defer runner.DieOnSignals()()
	}
	err := e.Replay(r.req.Stdout, r.req.Stderr)
	var bad *cachedir.ReplayError
	switch {
	case err == nil:
	case isBrokenPipe(err):
		runner.Die(int(syscall.SIGPIPE)) // as the command would have
		return r.outcome(how), &DeliveryError{Err: err}
	case errors.As(err, &bad) && !bad.Written:
		r.reason, r.detail = cachedir.Corrupt, err.Error()
		return r.rerun()
	default:
		return r.outcome(how), &DeliveryError{Err: err}
	}
	e.Touch()
	out := r.outcome(how)
	out.Reason, out.Detail = "", ""
	out.Code, out.Signal = e.Code, e.Signal
	out.Took = e.Ended.Sub(e.Started)
	out.Age = max(r.e.now().Sub(e.Ended), 0)
	out.Bytes = e.StdoutSize + e.StderrSize
	out.Saved = out.Took
	if how == cachedir.Shared { // it waited for part of that time: only the rest was saved
		out.Saved = max(out.Took-r.e.now().Sub(r.began), 0)
	}
	return out, nil
}

// rerun answers an entry that its header promised and its body broke.
func (r *run) rerun() (Outcome, error) {
	if r.req.CachedOnly {
		return r.outcome(cachedir.Declined), &NotCachedError{Reason: r.reason, Detail: r.detail}
	}
	if r.req.ReadOnly {
		return r.plain(r.reason, "read-only is set")
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
