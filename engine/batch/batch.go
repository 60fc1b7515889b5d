// Package batch answers many requests by few calls of one command: it is called with the words of all those that the
// cache has no result for, prints one record for each, and each record is stored as the result of its word.
//
// Each word is a request of its own to package engine, which looks, waits for others, and stores, as for any run. Only
// what would start the command waits here, until it is known of every other word whether it needs the command, too;
// then one call is made for all of them. So two batches of the same words share what they can, in whatever order they
// ask: neither waits for the other before it has called its own command for what it leads.
package batch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/late"
	"github.com/cachex-cli/cachex/runner"
)

// Request is a batch as the caller wants it.
type Request struct {
	Engine *engine.Engine

	// Each is what holds for every word: its Spec names the command without them. Streams, and what prints or goes on
	// in the background, are not looked at.
	Each engine.Request

	Words  []string
	Null   bool      // records end in NUL bytes, not in line feeds
	Most   int       // words of one call; 0: as many as the system takes
	Stdout io.Writer // takes the records, in the order of the words
	Stderr *os.File  // of the command
}

// Outcome is what happened.
type Outcome struct {
	Cached  int // words whose record was there, or was made by somebody else
	Made    int // words that the command was called with
	Calls   int
	Warning error // the first thing that went wrong with the cache
}

// CallError says that a call did not give what it has to. Nothing of it was stored.
type CallError struct {
	Code, Signal int    // how the command ended; both 0: it is what it printed
	Why          string // what is wrong with what it printed
}

func (e *CallError) Error() string {
	switch {
	case e.Signal != 0:
		return fmt.Sprintf("the command died of signal %d", e.Signal)
	case e.Code != 0:
		return fmt.Sprintf("the command exited %d", e.Code)
	}
	return e.Why
}

// errGivenUp is why words have no record after another call has failed.
var errGivenUp = errors.New("another call of the command failed")

// batch is one request under way.
type batch struct {
	Request
	ctx    context.Context
	cancel context.CancelFunc
	shared engine.Shared
	null   [2]*os.File   // the null device, to be read and written
	looks  chan struct{} // the places of words that look for a result
	waits  chan struct{} // and of those that wait for other processes

	mu      sync.Mutex
	changed *sync.Cond
	coming  int       // words that have not been looked at
	looking int       // words of which it is not known yet what they need
	open    int       // words that were looked at, and have no answer: most hold descriptors
	left    int       // words without an answer
	ready   []*job    // words that wait for the next call
	settled time.Time // when that may be made
	err     error     // why the batch ends
	order   []*job    // in the order of the words, repeats included
	printed int       // of order
	out     Outcome
}

// Run answers the request. What has an answer before the first word that has none is printed, whatever the error: a
// *CallError, or one of Engine.Do, or of Stdout.
func Run(ctx context.Context, req Request) (Outcome, error) {
	b := &batch{
		Request: req, looks: make(chan struct{}, 2*late.Processors()), waits: make(chan struct{}, mostWaits),
	}
	b.changed = sync.NewCond(&b.mu)
	b.ctx, b.cancel = context.WithCancel(ctx)
	defer b.cancel()
	for i, flag := range [2]int{os.O_RDONLY, os.O_WRONLY} {
		f, err := os.OpenFile(os.DevNull, flag, 0)
		if err != nil {
			return b.out, err
		}
		defer f.Close()
		b.null[i] = f
	}
	jobs := b.jobs()
	b.coming, b.left = len(jobs), len(jobs)
	go b.ask(jobs)
	err := b.answer()
	return b.out, err
}

// ask looks at the words, a few at a time, and has no more of them open than there are descriptors for.
func (b *batch) ask(jobs []*job) {
	for i, j := range jobs {
		b.looks <- struct{}{}
		j.placed = true
		b.mu.Lock()
		for b.open >= b.mostOpen() && b.err == nil {
			b.changed.Wait()
		}
		if b.err != nil {
			b.left -= len(jobs) - i
			b.changed.Broadcast()
			b.mu.Unlock()
			return
		}
		b.coming--
		b.looking++
		b.open++
		b.mu.Unlock()
		go j.do()
	}
}

func (b *batch) mostOpen() int { return wordsLimit(len(b.Each.Tiers) > 0) }

// mostWaits is how many words wait for other processes at the same time: each takes a thread.
const mostWaits = 16

// jobs makes a job of each word that is another one.
func (b *batch) jobs() (jobs []*job) {
	names := map[string]*job{}
	for _, word := range b.Words {
		j := names[word]
		if j == nil {
			j = &job{word: word, place: len(jobs), b: b, made: make(chan struct{})}
			names[word] = j
			jobs = append(jobs, j)
		}
		b.order = append(b.order, j)
	}
	return jobs
}

// fail ends the batch. What comes of that is not its reason.
func (b *batch) fail(err error) {
	if b.err == nil || errors.Is(b.err, errGivenUp) {
		b.err = err
	}
	b.cancel()
	b.changed.Broadcast()
}

// answer calls the command whenever it has to be, and prints what there is, until all words are answered.
func (b *batch) answer() error {
	for {
		words, err := b.next()
		if perr := b.print(); perr != nil && err == nil {
			err = perr
			b.stop(perr)
		}
		switch {
		case words != nil:
			b.call(words)
		case err != nil:
			return err
		case b.printed == len(b.order):
			return nil
		}
	}
}

// stop ends the batch from outside of its requests.
func (b *batch) stop(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail(err)
}

// next waits until there is something to do: words to call the command with, or records to print; or until nothing is
// under way any more, with the error of the batch.
func (b *batch) next() ([]*job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		switch {
		case b.err != nil && len(b.ready) > 0:
			for _, j := range b.ready {
				j.give(runner.Result{}, errGivenUp)
			}
			b.ready = nil
		case b.left == 0:
			return nil, b.err
		case b.callable():
			return b.take(), nil
		case b.printed < len(b.order) && b.order[b.printed].done:
			return nil, nil
		default:
			b.changed.Wait()
		}
	}
}

// callable reports whether the next call can be made: words are ready, and no others may be at once.
func (b *batch) callable() bool {
	return b.err == nil && len(b.ready) > 0 && b.looking == 0 && (b.coming == 0 || b.open >= b.mostOpen()) &&
		!time.Now().Before(b.settled)
}

// settle puts off the next call for a moment: where one word has waited in vain, others have, too.
func (b *batch) settle() {
	const moment = 20 * time.Millisecond
	b.settled = time.Now().Add(moment)
	time.AfterFunc(moment, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.changed.Broadcast()
	})
}

// take removes as many words from those that are ready as one call can have.
func (b *batch) take() []*job {
	slices.SortFunc(b.ready, func(x, y *job) int { return cmp.Compare(x.place, y.place) })
	n, room := 0, argumentsLimit()-argumentsSize(b.Each.Spec.Argv)-argumentsSize(b.Each.Spec.Environ)
	for n < len(b.ready) && n < b.limit() {
		if room -= argumentSize(b.ready[n].word); room < 0 && n > 0 {
			break
		}
		n++
	}
	words := b.ready[:n:n]
	b.ready = b.ready[n:]
	return words
}

// limit is how many words one call may have.
func (b *batch) limit() int {
	if b.Most > 0 {
		return b.Most
	}
	return b.mostOpen()
}

// print writes the records that are there, up to the first that is not.
func (b *batch) print() error {
	b.mu.Lock()
	var ready []*job
	for b.printed < len(b.order) && b.order[b.printed].done {
		ready = append(ready, b.order[b.printed])
		b.printed++
	}
	b.mu.Unlock()
	var text bytes.Buffer
	for _, j := range ready {
		text.Write(j.record)
	}
	if text.Len() == 0 {
		return nil
	}
	_, err := b.Stdout.Write(text.Bytes())
	return err
}
