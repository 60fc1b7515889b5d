package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/hashing/cmdline"
	"github.com/cachex-cli/cachex/runner"
)

// caller is who wants a result: his request, his streams, when he came, and when he gives up. Of the cache it knows
// nothing.
type caller struct {
	*Request
	ctx       context.Context // ends when he gives up
	io        *streams
	now       func() time.Time // the wall clock
	startTime time.Time        // by it, for the journal
	arrival   moment           // P9: results that ended after this were made for him too
	recorded  bool             // he is a command of a run that is being recorded itself
	refused   time.Time        // when a result ended whose files cannot be put in place; zero: there is none
	passStdin bool             // he wants no caching of this: the command gets stdin as it is
}

// merged says that the command gets one pipe for both streams: the caller's two are one file (P1), or it has a
// pseudo-terminal. Who wants only one of them replayed needs them apart.
func (c *caller) merged() bool {
	if c.Refresher != nil {
		return c.Refresher.Merged
	}
	if c.Spec.Pty { // a terminal has one stream, whatever becomes of it
		return true
	}
	return !c.replays().tellsApart() && runner.SameFile(c.io.stdout, c.io.stderr)
}

// replays is what this run prints of stored results. As part of a run that is being recorded it prints everything: what
// that one stores must not depend on what was in the cache while it ran.
func (c *caller) replays() Replay {
	if c.recorded {
		return ReplayAll
	}
	return c.Replay
}

// replayWriters are where the streams of a stored result go.
func (c *caller) replayWriters() (stdout, stderr io.Writer) {
	if c.Part != nil {
		return c.Part.Output, io.Discard
	}
	stdout, stderr = c.io.stdout, c.io.stderr
	if !c.replays().prints(runner.Stdout) {
		stdout = c.leftOut()
	}
	if !c.replays().prints(runner.Stderr) {
		stderr = c.leftOut()
	}
	return stdout, stderr
}

// leftOut is where a stream goes that is not printed.
func (c *caller) leftOut() io.Writer {
	if c.KeepMasks {
		return &maskLines{to: c.io.stderr}
	}
	return io.Discard
}

// printedSize is how much of a stored result is printed, in bytes.
func (c *caller) printedSize(e *cachedir.Entry) (n int64) {
	if c.replays().prints(runner.Stdout) {
		n += e.StdoutSize
	}
	if c.replays().prints(runner.Stderr) {
		n += e.StderrSize
	}
	return n
}

// terminal is the size that a pseudo-terminal of this run has.
func (c *caller) terminal() hashing.Size {
	if c.Refresher != nil {
		return c.Refresher.Terminal
	}
	return hashing.Size(runner.TerminalSize(c.io.stdout, c.io.stderr, c.io.stdin))
}

// atTerminal reports whether a pseudo-terminal of this run has the size of another terminal.
func (c *caller) atTerminal() bool {
	return slices.ContainsFunc([]*os.File{c.io.stdout, c.io.stderr, c.io.stdin}, runner.IsTerminal)
}

// interactive reports whether the command is one that somebody at this terminal wants to talk to. What is typed is an
// input that no key holds.
func (c *caller) interactive() bool {
	return !c.FeedStdin && runner.IsTerminal(c.io.stdin) && Converses(c.Spec.Argv)
}

func (c *caller) admitsFailures() bool {
	for code := 1; code <= 255; code++ {
		if c.CacheExit(code) {
			return true
		}
	}
	return false
}

// family is the name under which a command is counted: the last element of its first word, or, of a shell text, of the
// first program in it.
func (c *caller) family() string {
	if c.Spec.Name != "" && len(c.Spec.Argv) == 0 {
		return c.Spec.Name
	}
	name := path.Base(strings.ReplaceAll(cmdline.FirstProgram(c.Spec.Argv), `\`, "/"))
	return hashing.Redact(name)
}

// delivered turns a cut delivery into the caller's error. A reader that went away is not one for a process that is
// there for this run alone: the command was told by SIGPIPE, and its own end is the answer.
func (c *caller) delivered(res runner.Result) error {
	if res.Cut == nil || c.OwnsProcess && isBrokenPipe(res.Cut) {
		return nil
	}
	return &DeliveryError{Err: res.Cut}
}

// dieOnSignals makes this process die of signals until stop, if it is there for this run alone: see
// runner.DieOnSignals.
func (c *caller) dieOnSignals() (stop func()) {
	if !c.OwnsProcess {
		return func() {}
	}
	return runner.DieOnSignals()
}

// dieOfPipe ends this process as the command would have ended of a pipe that nobody reads, if it is there for this run
// alone.
func (c *caller) dieOfPipe() {
	if c.OwnsProcess {
		runner.Die(int(syscall.SIGPIPE))
	}
}

func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

// about is what the lock's record tells people and waiters about this run.
func (c *caller) about() string {
	boot := clockID()
	return hex.EncodeToString(boot[:]) + " " + strconv.FormatInt(int64(c.arrival), 10) + " " + c.family()
}
