package engine

import (
	"errors"
	"io"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/runner"
)

// Who waits at a terminal for another run of the same recipe sees what it writes, from its first byte and as it comes.
// The bytes are copied from what that run records. They are not believed to be a result: when the wait is over, what
// was printed is held against what was stored, and only the rest is printed. If it is something else, because that run
// was killed or its result may not be stored, a person is told that a new run begins; elsewhere, where a mixture could
// pass for a whole, it is an error.
//
// Before the first run of a command has ended nobody knows which inputs it may still learn, so another caller's output
// could be seen; that first run is followed only on request.

const (
	publishAfter = 200 * time.Millisecond // runs that take longer can be followed
	lookEvery    = 50 * time.Millisecond  // for a run that is not published yet
	lookMost     = time.Second            // the same when that has taken long, and for the end of one that is
	stuck        = 200 * time.Millisecond // how long a follower may take to end
)

// follower copies what another run writes until it is stopped.
type follower struct {
	output     *output
	open       func() (*cachedir.Tail, bool) // what the other run publishes, if there is something
	quit, done chan struct{}
}

// startFollower starts copying to the output. What is to be copied is opened as soon as it is there.
func startFollower(o *output, open func() (*cachedir.Tail, bool)) *follower {
	f := &follower{output: o, open: open, quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for tail := f.awaitTail(); tail != nil; tail = f.awaitTail() {
			again := f.copyTail(tail)
			tail.Close()
			if !again {
				return
			}
		}
	}()
	return f
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

// awaitTail opens what the other run records, as soon as there is something.
func (f *follower) awaitTail() *cachedir.Tail {
	for wait := lookEvery; ; wait = min(2*wait, lookMost) {
		if tail, ok := f.open(); ok {
			if tail.Merged && !f.output.caller.merged() { // nobody can tell its streams apart
				tail.Close()
				return nil
			}
			return tail
		}
		timer := time.NewTimer(wait)
		select {
		case <-f.quit:
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// copyTail prints what a run writes beyond what was printed already, until it ends; then there may be another one to
// follow. If it turns out to write something else, a person is told and sees it from its beginning.
func (f *follower) copyTail(tail *cachedir.Tail) (again bool) {
	buf := make([]byte, 64<<10)
	rest := f.output.resume()
	for over := false; ; {
		select {
		case <-f.quit:
			return false // the rest of it is in the store, or is no result
		default:
		}
		stream, n, err := tail.Next(buf)
		switch {
		case errors.Is(err, io.EOF) && over:
			return true
		case errors.Is(err, io.EOF):
			over = !tail.Wait(f.quit, lookMost) && tail.Over()
			continue
		case err != nil:
			return false
		}
		over = false
		b := rest.after(runner.Stream(stream), buf[:n])
		if rest.differs() {
			if !f.output.restart() {
				return false
			}
			tail.Rewind()
			rest = f.output.resume()
			continue
		}
		if !f.output.print(stream, b) {
			return false
		}
	}
}
