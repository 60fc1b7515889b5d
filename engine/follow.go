package engine

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/runner"
)

// Who waits at a terminal for another run of the same recipe sees what it writes, from its first byte and as it comes. The
// bytes are copied from what that run records. They are not believed to be a result: when the wait is over, what was
// printed is held against what was stored, and only the rest is printed. If it is something else, because that run was
// killed or its result may not be stored, a person is told that a new run begins; elsewhere, where a mixture could pass for
// a whole, it is an error.
//
// Before the first run of a command has ended nobody knows which inputs it may still learn, so another caller's output
// could be seen; that first run is followed only on request.

// MixedError says that output of a run that has no result was printed already, and that another run has written something
// else.
type MixedError struct{}

func (*MixedError) Error() string {
	return "the run that was followed has no result, and another one has written something else"
}

const (
	publishAfter = 200 * time.Millisecond // runs that take longer can be followed
	lookEvery    = 50 * time.Millisecond  // for a run that is not published yet
	lookMost     = time.Second            // the same when that has taken long, and for the end of one that is
	stuck        = 200 * time.Millisecond // how long a follower may take to end
)

// follower copies what another run writes until it is stopped.
type follower struct {
	quit, done chan struct{}
}

// stop ends the copying, and reports whether it has ended; it waits at most so long, or, with 0, as long as it takes.
func (f *follower) stop(wait time.Duration) bool {
	if f == nil {
		return true
	}
	select {
	case <-f.quit:
	default:
		close(f.quit)
	}
	if wait == 0 {
		<-f.done
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-f.done:
		return true
	case <-timer.C:
		return false
	}
}

// follow starts copying if this caller is to see the runs that it waits for.
func (r *run) follow() *follower {
	if !r.follows() {
		return nil
	}
	f := &follower{make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(f.done)
		for tail := r.awaitTail(f.quit); tail != nil; tail = r.awaitTail(f.quit) {
			again := r.copyTail(tail, f.quit)
			tail.Close()
			if !again {
				return
			}
		}
	}()
	return f
}

// follows reports whether what is under way now is for this caller to see. Unless it asked, it has to be the run of a command
// that is known.
func (r *run) follows() bool {
	if !r.wantsToFollow() || r.caller.Follow {
		return r.wantsToFollow()
	}
	_, known := r.dir.Command(r.recipe.Command)
	return known
}

// wantsToFollow reports whether what another run writes is of use to this caller. What --refresh waits for is not what it will
// get, where something older would be preferred to a failure nobody knows yet, and who does not want all of a stored
// result printed does not want it sooner.
func (r *run) wantsToFollow() bool {
	if r.caller.Refresh || r.fallback != nil || r.caller.replays() != ReplayAll {
		return false
	}
	return r.caller.Follow || runner.IsTerminal(r.caller.io.stdout)
}

// awaitTail opens what the other run records, as soon as there is something.
func (r *run) awaitTail(quit <-chan struct{}) *cachedir.Tail {
	for wait := lookEvery; ; wait = min(2*wait, lookMost) {
		if tail, ok := r.dir.Follow(r.recipe.Key); ok {
			if tail.Merged && !r.caller.merged() { // nobody can tell its streams apart
				tail.Close()
				return nil
			}
			return tail
		}
		timer := time.NewTimer(wait)
		select {
		case <-quit:
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// copyTail prints what a run writes beyond what was printed already, until it ends; then there may be another one to follow.
// If it turns out to write something else, a person is told and sees it from its beginning.
func (r *run) copyTail(tail *cachedir.Tail, quit <-chan struct{}) (again bool) {
	buf := make([]byte, 64<<10)
	rest := r.resume()
	for over := false; ; {
		select {
		case <-quit:
			return false // the rest of it is in the store, or is no result
		default:
		}
		stream, n, err := tail.Next(buf)
		switch {
		case errors.Is(err, io.EOF) && over:
			return true
		case errors.Is(err, io.EOF):
			over = !tail.Wait(quit, lookMost) && tail.Over()
			continue
		case err != nil:
			return false
		}
		over = false
		b := rest.after(runner.Stream(stream), buf[:n])
		if rest.differs() {
			if !r.restart() {
				return false
			}
			tail.Rewind()
			rest = r.resume()
			continue
		}
		if !r.print(stream, b) {
			return false
		}
	}
}

// print writes to the caller what another run has written, and keeps account of it.
func (r *run) print(stream uint8, b []byte) bool {
	if len(b) == 0 {
		return true
	}
	n, err := [...]*os.File{r.caller.io.stdout, r.caller.io.stderr}[stream].Write(b)
	r.followed.add(r.streamOf(runner.Stream(stream)), b[:n])

	if isBrokenPipe(err) {
		r.caller.dieOfPipe()
	}
	return err == nil
}

// streamOf is where bytes of a stream are counted: where both go to one file, their common order is what must be right.
func (r *run) streamOf(s runner.Stream) runner.Stream {
	if r.caller.merged() {
		return runner.Stdout
	}
	return s
}

// restart tells a person that what was printed so far is no result, and reports whether something else may be printed now.
// It may not where a mixture could pass for a whole: where something of it went to a file or a pipe, or nobody sees the word.
func (r *run) restart() bool {
	if !r.followed.any() {
		return true
	}
	if r.caller.Restarted == nil || !runner.IsTerminal(r.caller.io.stderr) || r.followed.printed[0].n > 0 && !runner.IsTerminal(r.caller.io.stdout) {
		return false
	}
	r.followed.forget()
	r.caller.Restarted(r.followed.midLine)
	return true
}

// replayRest replays an entry without what was printed of it already.
func (r *run) replayRest(e *cachedir.Entry) error {
	if !r.followed.any() {
		return e.Replay(r.caller.replayWriters())
	}
	seen := r.resume()
	if err := e.Replay(&resumeWriter{seen, runner.Stdout, io.Discard}, &resumeWriter{seen, runner.Stderr, io.Discard}); err != nil {
		return err
	}
	if !seen.begins() && !r.restart() {
		return &MixedError{}
	}
	rest := r.resume()
	return e.Replay(&resumeWriter{rest, runner.Stdout, r.caller.io.stdout}, &resumeWriter{rest, runner.Stderr, r.caller.io.stderr})
}

// holdRest holds the output of a run back until it is known whether it begins as what was printed of another one, and then
// only delivers the rest.
func (r *run) holdRest() *runner.Hold {
	var seen *resume
	return &runner.Hold{
		Deliver: func(runner.Result) bool { return seen.begins() },
		Rest: func() func(runner.Stream, []byte) []byte {
			rest := r.resume()
			if seen == nil {
				seen = rest
			}
			return rest.after
		},
	}
}

// mixed is the error of a run that has written something else than what was printed before. That it died of a signal says
// as much, and more.
func (r *run) mixed(res runner.Result) error {
	if r.followed.any() && (res.Dropped || !res.Held) && res.Signal == 0 {
		return &MixedError{}
	}
	return nil
}
