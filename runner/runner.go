// Package runner runs one command as if nothing stood between it and its caller, and copies what it
// writes into a Sink on the way.
//
// What a command can notice of its parent is what this package is about: descriptors, signals and
// their mask, limits, process group, terminal. What the caller can notice is the other half: bytes,
// their order and timing, the exit code, a death by signal. Linux keeps every promise; where another
// system cannot, the function concerned says so.
package runner

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"time"
)

// grace is how long Run waits for the end of the streams after the command itself has ended: long
// enough for a pipeline's last member to be scheduled, short enough that a daemon left behind in
// the background goes unnoticed.
const grace = 200 * time.Millisecond

// settling is less than a command needs to be loaded and to prepare itself for a signal: before that the rarer ones
// would have ended it, whoever got them.
const settling = time.Millisecond

// Stream says which of the command's outputs bytes came from.
type Stream uint8

// The two outputs of a command.
const (
	Stdout Stream = 0
	Stderr Stream = 1
)

// Sink receives what was delivered to the user, in the order of delivery, from one goroutine. It may
// keep nothing of b after it returns, but as a Keeper. Its first error ends the capture, never the delivery.
type Sink interface {
	Append(s Stream, b []byte) error
}

// Keeper is a Sink that goes on reading what it was given after Append has returned.
type Keeper interface {
	Sink
	// Release calls free once nothing is read any more of what was appended before, also where that failed.
	Release(free func())
}

// Filter changes what the user gets. Append appends to dst what there is to deliver of a piece, and may keep some
// of it back; End appends that when nothing more comes.
type Filter interface {
	Append(dst, piece []byte) []byte
	End(dst []byte) []byte
}

// Command is what to run and where its streams go.
type Command struct {
	Path string   // resolved file to execute
	Argv []string // argv[0] as typed
	Env  []string // nil: the environment of this process

	Stdin *os.File  // inherited as it is; nil: the null device
	Input io.Reader // if not nil: fed through a pipe, and Stdin is not used

	Stdout, Stderr *os.File // where the user wants the output; nil: the null device
	Merged         bool     // one pipe for both, delivered to Stdout as stream Stdout
	Pty            bool     // a pseudo-terminal for both, delivered to Stdout as stream Stdout
	Terminal       Size     // with Pty, its size as long as no stream is a terminal that has one
	NoKeys         bool     // with Pty, where Stdin is a terminal: the command finds the end of file there

	Dir         string          // where the command starts; empty: where this process is
	Canceled    <-chan struct{} // the command is killed when this is closed; nil: never
	KeepSignals bool            // signals that reach this process are its own: not caught, and not the command's
	Stage       *Stage          // what the command starts through; nil: nothing

	// Filter, if not nil, stands between a pseudo-terminal and Stdout; the Sink gets what the command wrote.
	Filter Filter

	// Sink gets a copy of what was delivered. If it is nil and nothing is held the command writes to
	// Stdout and Stderr itself (or through the pseudo-terminal).
	Sink Sink

	// Hold, if not nil, keeps the output from the user until the command has ended. A command that is
	// started without a capture for want of descriptors is not held.
	Hold *Hold
}

// Result is how the command ended and what became of its output.
type Result struct {
	Code   int // exit code; 0 if a signal ended it
	Signal int // the signal that ended the command; 0 if it exited

	Started, Ended time.Time // Ended: when the command itself ended, whatever its children do

	// Complete is set if the end of every stream was seen and everything before it was delivered, or
	// held and dropped.
	// Without a Sink nothing is looked at, and it stays false.
	Complete bool

	// Caught is set if INT, TERM, HUP or QUIT reached this process while the command ran; Interrupted also if the
	// command died of one of these, of KILL or of PIPE.
	Caught, Interrupted bool

	// Cut is why the user's stdout or stderr could not be written: EPIPE, ENOSPC, EFBIG, ... The pipe
	// of that stream was closed then, so that the command's next write failed as well.
	Cut error

	// Held is set if a Hold held the output to the end, and Dropped if it was not delivered then.
	// HoldErr is why it could not be held: it was delivered live.
	Held, Dropped bool
	HoldErr       error

	// SinkErr is why the capture failed, or was never begun for want of descriptors, or why Input
	// could not be read to its end. The delivery went on.
	SinkErr error
}

// StartError means that the command did not start.
type StartError struct {
	Path     string
	Err      error
	NotFound bool // there is no such file (or its interpreter); else it cannot be executed
}

func (e *StartError) Error() string { return fmt.Sprintf("start %q: %v", e.Path, e.Err) }

// Unwrap returns the cause, a syscall.Errno wherever the system gave one.
func (e *StartError) Unwrap() error { return e.Err }

// Run runs c and returns when the command has ended and its output was delivered. The error is a
// *StartError, and nil if the command started. Run may be called by several goroutines.
//
// While the command runs, signals that reach this process are the command's; after that, and until
// the end of the process, they have their default effect on this process again (see DieOnSignals).
// With KeepSignals nothing of that is so.
func Run(c Command) (Result, error) {
	pass := &passer{deaf: c.KeepSignals}
	catchAll := signals.lend(pass)
	defer signals.giveBack(pass)

	// The parent-death signal fires when the thread that forked ends, so this goroutine keeps its
	// thread until the command has ended. The signal mask set for the fork is the thread's, too.
	runtime.LockOSThread()
	p, child, sinkErr, err := launch(c)
	if err != nil {
		runtime.UnlockOSThread()
		return Result{}, err
	}
	pass.started(child, p.tty)
	defer p.catch(catchAll)()
	defer killWhen(c.Canceled, child)()
	p.begin(c)

	r := Result{Started: child.since, SinkErr: sinkErr}
	r.Code, r.Signal = child.wait()
	r.Ended = time.Now()
	runtime.UnlockOSThread() // every word with another goroutine would cost two switches of threads
	pass.ended()
	p.finish(&r)
	r.Caught = pass.wasInterrupted()
	r.Interrupted = r.Caught || deadly(r.Signal)
	if p.held != nil {
		p.held.finish(c.Hold, &r)
		r.Caught = r.Caught || pass.wasInterrupted()
		r.Interrupted = r.Interrupted || r.Caught
	}
	closeAll(&p.kept)
	return r, nil
}

// killWhen kills a command when canceled is closed, until stop is called.
func killWhen(canceled <-chan struct{}, child *process) (stop func()) {
	if canceled == nil {
		return func() {}
	}
	over := make(chan struct{})
	go func() {
		select {
		case <-canceled:
			child.kill()
		case <-over:
		}
	}()
	return func() { close(over) }
}

// launch opens the pipes and starts the command. With too few descriptors left it starts the command
// without a capture, and says so in sinkErr: the user asked for the command first of all.
func launch(c Command) (p *plumbing, child *process, sinkErr, err error) {
	p, child, err = launchWith(c)
	if err != nil && (c.Sink != nil || c.Pty || c.Hold != nil) && scarce(err) {
		sinkErr = fmt.Errorf("no descriptors for a capture: %w", err)
		c.Sink, c.Pty, c.Hold = nil, false, nil
		p, child, err = launchWith(c)
	}
	return p, child, sinkErr, err
}

func launchWith(c Command) (*plumbing, *process, error) {
	p, err := plumb(c)
	if err != nil {
		return nil, nil, &StartError{Path: c.Path, Err: err}
	}
	child, err := start(c, p.child, p.tty)
	if err != nil {
		p.abandon()
		return nil, nil, &StartError{Path: c.Path, Err: err, NotFound: errors.Is(err, fs.ErrNotExist)}
	}
	return p, child, nil
}

func scarce(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
