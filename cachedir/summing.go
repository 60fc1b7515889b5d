package cachedir

import (
	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/late"
)

// summing takes the sums of a body. Those of a long one are taken beside the writing: SHA-256 needs three times as long
// as the page cache, so whoever writes goes on meanwhile.
type summing struct {
	sums format.Sums
	todo chan task     // what was put off; nil: nothing
	done chan struct{} // closed once all of it is done
}

// task is bytes to be summed, or a function to be called where it stands among them.
type task struct {
	b    []byte
	call func()
}

const (
	sumBeside = 1 << 20 // bytes of a body from which on its sums are taken beside the writing
	mostTasks = 64      // put off at a time, before who writes has to wait
)

// add takes the sums of b, and of all before it, before it returns.
func (s *summing) add(b []byte) { s.settled().Add(b) }

// addLater takes them beside what goes on, if another processor is there. b has to stay as it is until a function that
// was given to after is called.
func (s *summing) addLater(b []byte) {
	if late.Processors() < 2 {
		s.add(b)
		return
	}
	if s.todo == nil {
		s.todo, s.done = make(chan task, mostTasks), make(chan struct{})
		go s.work(s.todo, s.done)
	}
	s.todo <- task{b: b}
}

func (s *summing) work(todo <-chan task, done chan<- struct{}) {
	defer close(done)
	for t := range todo {
		if t.call != nil {
			t.call()
		} else {
			s.sums.Add(t.b)
		}
	}
}

// after calls f once the sums of all that was added are taken.
func (s *summing) after(f func()) {
	if s.todo == nil {
		f()
		return
	}
	s.todo <- task{call: f}
}

// settled waits until nothing is put off.
func (s *summing) settled() *format.Sums {
	if s.todo != nil {
		close(s.todo)
		<-s.done
		s.todo = nil
	}
	return &s.sums
}
