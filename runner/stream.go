package runner

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/cachex-cli/cachex/late"
)

// growAfter is how much must have flowed through a pipe before a larger one is worth asking for.
// Pipes come out of an allowance of the user's, and 64 large ones would make everybody's small.
const growAfter = 1 << 20

// errOpen means that the command has ended, its pipe has not, and there was enough waiting.
var errOpen = errors.New("stream still open")

// errFull means that the user's side has no room at the moment.
var errFull = errors.New("no room")

// stream takes one output of the command to the user and, in the same order, to the queue.
//
// A stream has a goroutine of its own, so that a user who does not read stdout still gets stderr.
// They share a mutex, held around one write to the user and the note of it in the queue: hence the
// order of frames is the order of delivery. It is not held while waiting for a reader.
type stream struct {
	id   Stream
	from *os.File
	to   *delivery
	held *held // not nil: stands between this stream and the user
	sink *queue
	done chan struct{}

	before func() // to be called before the first byte is delivered

	flowed int64 // bytes read
	left   int   // bytes still to be taken after the deadline
	whole  bool  // the end was seen and everything before it delivered
	cut    error // why the user got no more

	terminal bool // not a pipe: whoever opened it closes it
	untimed  bool // the pipe knows no deadline
	gone     bool // nobody waits for this stream any more: deliver nothing (under sink.order)
}

func newStream(id Stream, from, to *os.File, sink *queue) *stream {
	return &stream{
		id: id, from: from, to: &delivery{output: newOutput(to)}, sink: sink, done: make(chan struct{}), left: slotSize,
	}
}

// pump runs until the stream ends, the user takes no more, or the time is up. It closes the pipe at
// once then: a command that writes on shall see that nobody reads.
//
// A terminal that came to its end stays open until the command has ended: ls, and others, close their
// outputs before they exit, and closing the terminal then would hang up on them.
func (s *stream) pump() {
	defer close(s.done)
	defer func() {
		if !s.terminal || s.cut != nil {
			s.from.Close()
		}
	}()
	size := firstSize
	for {
		buf := s.sink.take(size)
		n, err := s.read(buf.b)
		if n <= 0 {
			s.sink.give(buf)
			s.whole = err == io.EOF
			if s.held == nil {
				s.cut = s.to.end()
				s.whole = s.whole && s.cut == nil
			}
			return
		}
		s.before()
		if s.cut = s.deliver(buf, n); s.cut != nil {
			return
		}
		if s.flowed < growAfter && s.flowed+int64(n) >= growAfter {
			grow(s.from, slotSize)
			size = slotSize
			late.Processors() // to print, to record, and to sum up
		}
		s.flowed += int64(n)
	}
}

// deliver writes the first n bytes of buf to the user, or has them held, and gives buf to the queue.
func (s *stream) deliver(buf *slot, n int) error {
	for at := 0; at < n; {
		s.sink.room()
		wrote, err := s.write(buf, at, n)
		at += wrote
		if errors.Is(err, errFull) {
			err = s.to.wait()
		}
		if err != nil {
			// Parts of buf may be in the queue: an empty frame behind them sets it free.
			s.sink.push(frame{stream: s.id, slot: buf, from: at, to: at, last: true})
			return err
		}
	}
	return s.to.settle() // a stream with a filter is the only one: nobody waits for it under the mutex
}

// write is the one place where the two streams meet.
func (s *stream) write(buf *slot, at, n int) (int, error) {
	s.sink.order.Lock()
	defer s.sink.order.Unlock()
	if s.gone {
		return 0, errOpen
	}
	wrote, err := s.put(buf.b[at:n])
	if wrote > 0 {
		s.sink.push(frame{stream: s.id, slot: buf, from: at, to: at + wrote, last: at+wrote == n})
	}
	return wrote, err
}

// put gives some bytes to the user, or to what keeps them for the user.
func (s *stream) put(b []byte) (int, error) {
	if s.held != nil {
		return s.held.write(s.id, b)
	}
	return s.to.write(b)
}

// read returns the next bytes, io.EOF at the end, or errOpen when the time is up.
//
// When it is, what the command left in the pipe is still delivered, for a user who reads slowly
// (a pager) must not lose the end of it. That is one pipe full; somebody who still writes is not
// the command.
func (s *stream) read(b []byte) (int, error) {
	n, err := s.from.Read(b)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, endOfTerminal(err)
	}
	n, err = readNow(s.from, b)
	if n > 0 {
		if s.left <= 0 {
			return 0, errOpen
		}
		s.left -= n
	}
	return n, endOfTerminal(err)
}

// expire gives the stream until the deadline to end.
func (s *stream) expire(deadline time.Time) {
	err := s.from.SetReadDeadline(deadline)
	s.untimed = errors.Is(err, os.ErrNoDeadline)
}

// wait returns when the stream has ended, true, or need not be waited for any longer, false. The
// latter is for pipes that know no deadline: their goroutine stays behind in a read that nobody can
// end, and must not deliver what it finds there one day.
func (s *stream) wait(deadline time.Time) bool {
	if !s.untimed {
		<-s.done
		return true
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-s.done:
		return true
	case <-timer.C:
	}
	s.sink.order.Lock()
	defer s.sink.order.Unlock()
	s.gone = true
	return false
}
