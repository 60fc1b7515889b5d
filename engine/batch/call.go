package batch

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// call runs the command for some words, and gives each its record.
func (b *batch) call(jobs []*job) {
	printed := &collector{end: b.end(), want: len(jobs)}
	c := b.command(jobs)
	c.Sink = printed
	var stop context.CancelFunc
	c.Canceled, stop = printed.stops(c.Canceled)
	res, err := runner.Run(c)
	stop()
	var records [][]byte
	if err == nil {
		records, err = b.recordsOf(printed, res, jobs)
	}
	if err != nil {
		b.stop(err)
		for _, j := range jobs {
			j.give(runner.Result{}, err)
		}
		return
	}
	said := b.shareDirectives(jobs)
	if took := res.Ended.Sub(res.Started); !said { // each word's part of the time
		res.Started = res.Ended.Add(-took / time.Duration(len(jobs)))
	}
	b.mu.Lock()
	b.out.Calls++
	b.out.Made += len(jobs)
	b.mu.Unlock()
	for i, j := range jobs {
		j.record = records[i]
		j.give(res, nil)
	}
}

// command is the process for all these words: what would be started for the first, with the words of all.
func (b *batch) command(jobs []*job) runner.Command {
	c := jobs[0].command
	c.Argv = slices.Clip(slices.Clone(b.Each.Spec.Argv))
	for _, j := range jobs {
		c.Argv = append(c.Argv, j.word)
	}
	c.Stdin, c.Input, c.Stdout, c.Stderr = nil, nil, nil, b.Stderr
	c.Merged, c.Hold, c.KeepSignals = false, nil, false
	return c
}

// collector keeps what the command writes to stdout, as long as it can be what is wanted: behind that it only counts.
type collector struct {
	end     byte // of each record
	want    int  // records
	text    []byte
	ends    int
	last    int  // bytes behind the last of ends
	endless bool // a record does not end: nothing is kept
	surplus int  // bytes that are not kept
	cancel  context.CancelFunc
}

// tooMuch is how many bytes behind the last record a command may write, before it is taken for one that never ends.
const tooMuch = 1 << 20

// longest is the size of the longest record, in bytes: a line is no place for more.
const longest = 64 << 20

// stops is closed when the command has written too much, or when done is.
func (c *collector) stops(done <-chan struct{}) (<-chan struct{}, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	if done != nil {
		go func() {
			select {
			case <-done:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return ctx.Done(), cancel
}

func (c *collector) Append(s runner.Stream, b []byte) error {
	if s != runner.Stdout || c.endless {
		return nil
	}
	if c.ends >= c.want {
		c.surplus += len(b)
	} else {
		c.text = append(c.text, b...)
	}
	c.ends += bytes.Count(b, []byte{c.end})
	if i := bytes.LastIndexByte(b, c.end); i >= 0 {
		c.last = len(b) - i - 1
	} else {
		c.last += len(b)
	}
	if c.ends < c.want && c.last > longest {
		c.endless, c.text = true, nil
	}
	if c.endless || c.surplus > tooMuch {
		c.cancel()
	}
	return nil
}

func (b *batch) end() byte {
	if b.Null {
		return 0
	}
	return '\n'
}

// recordsOf takes apart what a call has printed. The end of the last record may be missing.
func (b *batch) recordsOf(c *collector, res runner.Result, jobs []*job) ([][]byte, error) {
	unit := "line"
	if b.Null {
		unit = "record"
	}
	const why = "the command printed %s for %s: it must print one for each, in their order"
	switch {
	case c.endless:
		most := fmt.Sprintf("a %s of more than %d MiB", unit, longest>>20)
		return nil, &CallError{Why: fmt.Sprintf(why, most, hashing.Show(jobs[c.ends].word))}
	case c.surplus > tooMuch:
		return nil, &CallError{Why: fmt.Sprintf(why, "more than "+count(c.want, unit), count(c.want, "word"))}
	case res.Code != 0 || res.Signal != 0:
		return nil, &CallError{Code: res.Code, Signal: res.Signal}
	}
	printed, got := c.text, c.ends
	if c.last > 0 {
		printed = append(printed, c.end)
		got++
	}
	if got != c.want {
		return nil, &CallError{Why: fmt.Sprintf(why, count(got, unit), count(c.want, "word"))}
	}
	records := slices.Collect(bytes.Lines(printed))
	if b.Null {
		records = bytes.SplitAfter(printed, []byte{0})
	}
	return records[:c.want], nil
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// shareDirectives makes what the command has said of its results, in the control file of the first word, hold for all.
// If it may have said something that nobody can read any more, no result is stored.
func (b *batch) shareDirectives(jobs []*job) (said bool) {
	path := controlPath(jobs[0].command)
	if path == "" {
		return false
	}
	var text []byte
	control, err := cachedir.OpenControl(path)
	if err == nil {
		defer control.Close()
		text, err = control.Read(engine.ControlLimit)
	}
	switch {
	case err != nil || !control.IsLive():
		text = []byte("no-store\n")
	case len(text) == 0:
		return false
	}
	for _, j := range jobs[1:] {
		if path := controlPath(j.command); path != "" {
			_ = os.WriteFile(path, text, 0o600) // it lies beside the entry: where this fails, that does
		}
	}
	return true
}

// controlPath is the control file of a word; empty: it is not recorded.
func controlPath(c runner.Command) string {
	if c.Sink == nil {
		return ""
	}
	for _, kv := range slices.Backward(c.Env) {
		if path, ok := strings.CutPrefix(kv, engine.ControlVariable+"="); ok {
			return path
		}
	}
	return ""
}
