package batch

import (
	"bytes"

	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// job is one word. It looks for a result at first; then it has one, waits for another process, or is ready for a call.
// What is not its batch's to read belongs to the goroutine of do.
type job struct {
	word    string
	place   int // among the words that are asked for
	b       *batch
	looked  bool // it is known what it needs
	placed  bool // it has a place among those that look, or that store
	waiting bool // it has a place among those that wait
	waited  bool // it has come to that

	command runner.Command // as it would be started for this word alone: set when it is ready
	made    chan struct{}  // closed when the call is over
	res     runner.Result
	err     error

	record []byte // for print, when done is set
	done   bool
}

// do is the life of a word.
func (j *job) do() {
	var found bytes.Buffer
	q := j.b.Each
	q.Spec.Item = &hashing.Item{Word: j.word, Null: j.b.Null}
	q.Stdin, q.Stdout, q.Stderr = j.b.null[0], j.b.null[1], j.b.null[1]
	q.OwnsProcess, q.Self = false, engine.Self{}
	q.Part = &engine.Part{Shared: &j.b.shared, Output: &found, Make: j.make, Waits: j.wait}
	out, err := j.b.Engine.Do(j.b.ctx, q)
	j.leaveQueue()
	j.move(func() { j.b.answered(j, out, found.Bytes(), err) })
}

// move changes what a word is about: from looking at the first time. It gives its place to another one.
func (j *job) move(change func()) {
	j.b.mu.Lock()
	defer j.b.mu.Unlock()
	if !j.looked {
		j.looked = true
		j.b.looking--
	}
	change()
	j.b.changed.Broadcast()
	if j.placed {
		j.placed = false
		<-j.b.looks
	}
}

// answered takes the answer to a word.
func (b *batch) answered(j *job, out engine.Outcome, found []byte, err error) {
	b.left--
	b.open--
	if err != nil {
		b.fail(err)
		return
	}
	if j.record == nil {
		j.record = found
		b.out.Cached++
	}
	j.done = true
	if b.out.Warning == nil {
		b.out.Warning = out.Warning
	}
}

// wait comes before a word waits for another process: no more than some do at the same time, for each takes a thread.
func (j *job) wait() {
	j.move(func() {})
	j.leaveQueue()
	j.waited = true
	select {
	case j.b.waits <- struct{}{}:
		j.waiting = true
	case <-j.b.ctx.Done():
	}
}

// leaveQueue comes after it has waited.
func (j *job) leaveQueue() {
	if j.waiting {
		j.waiting = false
		<-j.b.waits
	}
}

// make waits for the call that this word is part of, and records what that has printed for it.
func (j *job) make(c runner.Command) (runner.Result, error) {
	j.leaveQueue()
	j.command = c
	j.move(func() {
		j.b.ready = append(j.b.ready, j)
		if j.waited {
			j.b.settle()
		}
	})
	<-j.made
	j.b.looks <- struct{}{} // for storing it
	j.placed = true
	if j.err == nil && c.Sink != nil {
		j.res.SinkErr = c.Sink.Append(runner.Stdout, j.record)
	}
	return j.res, j.err
}

// give ends the wait for the call.
func (j *job) give(res runner.Result, err error) {
	j.res, j.err = res, err
	close(j.made)
}
