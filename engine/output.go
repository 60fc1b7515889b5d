package engine

import (
	"io"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/runner"
)

// What a caller gets is the output of a command, or of a result that is stored. If he has followed another run
// meanwhile, he has seen the beginning of something else: it is held against what he is to get, and only the rest is
// printed.

// MixedError says that output of a run that has no result was printed already, and that another run has written
// something else.
type MixedError struct{}

func (*MixedError) Error() string {
	return "the run that was followed has no result, and another one has written something else"
}

// output is where the result goes, with account of what was printed of another run that this one waited for.
type output struct {
	caller  *caller
	screen  *screen
	printed [2]beginning // of each stream
	midLine bool         // what was printed last is not the end of a line
}

// any reports whether anything was printed.
func (o *output) any() bool { return o.printed[0].n+o.printed[1].n > 0 }

// add notes what was printed.
func (o *output) add(s runner.Stream, b []byte) {
	if len(b) > 0 {
		o.printed[s].add(b)
		o.midLine = b[len(b)-1] != '\n'
	}
}

// forget begins anew, for something else that is to be printed.
func (o *output) forget() {
	o.printed = [2]beginning{}
	o.screen.forget()
}

// print writes to the caller what another run has written, and keeps account of it.
func (o *output) print(stream uint8, b []byte) bool {
	if len(b) == 0 {
		return true
	}
	var to io.Writer = o.caller.io.stderr
	if runner.Stream(stream) == runner.Stdout {
		to, _ = o.screen.before(o.caller.io.stdout)
	}
	n, err := to.Write(b)
	o.add(o.streamOf(runner.Stream(stream)), b[:n])
	if isBrokenPipe(err) {
		o.caller.dieOfPipe()
	}
	return err == nil
}

// streamOf is where bytes of a stream are counted: where both go to one file, their common order is what must be right.
func (o *output) streamOf(s runner.Stream) runner.Stream {
	if o.caller.merged() {
		return runner.Stdout
	}
	return s
}

// restart tells a person that what was printed so far is no result, and reports whether something else may be printed
// now. It may not where a mixture could pass for a whole: where something of it went to a file or a pipe, or nobody
// sees the word.
func (o *output) restart() bool {
	if !o.any() {
		return true
	}
	stdout, stderr := o.caller.io.stdout, o.caller.io.stderr
	if o.caller.Restarted == nil || !runner.IsTerminal(stderr) || o.printed[0].n > 0 && !runner.IsTerminal(stdout) {
		return false
	}
	o.forget()
	o.caller.Restarted(o.midLine)
	return true
}

// replayRest replays an entry without what was printed of it already.
func (o *output) replayRest(e *cachedir.Entry) error {
	if !o.any() {
		return o.replay(e, o.caller.replayWriters)
	}
	seen := o.resume()
	if err := e.Replay(seen.writers(io.Discard, io.Discard)); err != nil {
		return err
	}
	if !seen.begins() && !o.restart() {
		return &MixedError{}
	}
	return o.replay(e, func() (stdout, stderr io.Writer) { return o.caller.io.stdout, o.caller.io.stderr })
}

// replay prints of an entry what was not printed before.
func (o *output) replay(e *cachedir.Entry, writers func() (stdout, stderr io.Writer)) error {
	stdout, stderr := writers()
	ends := [...]io.Writer{stdout, stderr}
	stdout, end := o.screen.before(stdout)
	if o.any() {
		stdout, stderr = o.resume().writers(stdout, stderr)
	}
	if o.caller.Replaying != nil {
		defer o.caller.Replaying()()
	}
	if err := e.Replay(stdout, stderr); err != nil {
		return err
	}
	for _, w := range ends {
		if m, ok := w.(*maskLines); ok {
			if err := m.end(); err != nil {
				return err
			}
		}
	}
	return end()
}

// holdRest holds the output of a run back until it is known whether it begins as what was printed of another one, and
// then only delivers the rest.
func (o *output) holdRest() *runner.Hold {
	var seen *resume
	return &runner.Hold{
		Deliver: func(runner.Result) bool { return seen.begins() },
		Rest: func() func(runner.Stream, []byte) []byte {
			rest := o.resume()
			if seen == nil {
				seen = rest
			}
			return rest.after
		},
	}
}

// mixed is the error of a run that has written something else than what was printed before. That it died of a signal
// says as much, and more.
func (o *output) mixed(res runner.Result) error {
	if o.any() && (res.Dropped || !res.Held) && res.Signal == 0 {
		return &MixedError{}
	}
	return nil
}

// resume compares the output of a run with what was printed so far.
func (o *output) resume() *resume { return &resume{printed: o.printed, streamOf: o.streamOf} }
