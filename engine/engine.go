// Package engine decides: replay a stored result, share a running one, or run.
//
// It is the Go library under the command line. It never prints, and reads no flag, no environment variable and no
// configuration: everything arrives in a Request, everything it has to say leaves in an Outcome. Unless a Request says
// that it owns the process, signals and the process's life are left alone.
//
// One call of Do walks through the house like this: capture the recipe; look in the store without a lock (fresh:
// replay); take the lock of the recipe, or wait for who holds it; look again; run the command into the caller's
// streams and a pending entry at once; capture the inputs again; commit or discard; leave a note for who waited.
// A cache that fails at any of these steps costs a warning, never the command's result.
package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/runner"
)

// Engine runs requests against one store. The store is opened at the first need, because a broken one must
// become a warning of the run and not a reason to refuse it.
type Engine struct {
	Open func() (*cachedir.Dir, error) // opens the store
	Now  func() time.Time              // the wall clock; nil: time.Now

	testOnlyExecute func(runner.Command) (runner.Result, error) // in place of runner.Run
	testOnlyWaits   func()                                      // is called before a call waits for another one's lock

	once sync.Once
	dir  *cachedir.Dir
	err  error
}

func (e *Engine) store() (*cachedir.Dir, error) {
	e.once.Do(func() { e.dir, e.err = e.Open() })
	return e.dir, e.err
}

// Close closes the store, if it was opened. Nothing may be asked of the engine then.
func (e *Engine) Close() {
	e.once.Do(func() { e.err = errClosed })
	if e.dir != nil {
		e.dir.Close()
	}
}

var errClosed = errors.New("the engine is closed")

// execute runs the command of a caller, together with those of others if it is their part.
func (e *Engine) execute(caller *caller, c runner.Command) (runner.Result, error) {
	if caller.Part != nil {
		return caller.Part.Make(c)
	}
	if e.testOnlyExecute != nil {
		return e.testOnlyExecute(c)
	}
	return runner.Run(c)
}

func (e *Engine) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}

// newCaller is one who comes now.
func (e *Engine) newCaller(ctx context.Context, req *Request, files *streams) *caller {
	return &caller{Request: req, ctx: ctx, io: files, now: e.now, arrival: bootNow(), startTime: e.now()}
}

// Do serves one request. An engine serves any number of them, also at the same time. The error is nil whenever the
// command's result was delivered. Otherwise it is, to be told by errors.As and errors.Is,
//
//   - *NotCachedError: CachedOnly, and there is nothing to replay
//   - ErrNothingYet: NoWait, and there is nothing to replay
//   - *TierError: TiersRequired, and a tier cannot be asked
//   - *hashing.NotFound, *hashing.NotExecutable, *hashing.PatternError or *runner.StartError: the command could not be
//     started
//   - *DeliveryError: the output was cut, because a stream of the caller failed
//   - *MixedError: part of another run's output was delivered, and that run has come to nothing
//   - context.Canceled or context.DeadlineExceeded: ctx ended first, and the command, if it ran already, was killed
//
// Only with the last three may a command have run.
func (e *Engine) Do(ctx context.Context, req Request) (out Outcome, err error) {
	if err := ctx.Err(); err != nil {
		return Outcome{Served: stats.Declined}, err
	}
	req.setDefaults()
	files, err := openStreams(&req)
	if err != nil {
		return Outcome{Served: stats.Declined}, &DeliveryError{Err: err}
	}
	defer func() {
		if failed := files.close(); failed != nil {
			err = &DeliveryError{Err: failed}
		}
	}()
	return newRun(e, e.newCaller(ctx, &req, files)).doAndLog()
}
