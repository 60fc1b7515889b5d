package runner

import "sync"

const (
	slotSize  = 256 << 10 // the largest pipe that is asked for, so that one read can empty it
	firstSize = 64 << 10  // a pipe as it is made; most commands write less, and a larger slot costs them 2 % of a run
	slotCount = 8         // buffers between delivery and capture: the memory of a run, whatever it writes
	maxFrames = 1024      // deliveries waiting for the sink; more only if the user takes tiny bites
)

// slot is one buffer on its way: filled by a stream, written to the user, taken by the sink.
type slot struct{ b []byte }

// frame is a delivered part of a slot.
type frame struct {
	stream   Stream
	slot     *slot
	from, to int
	last     bool // the slot is free once this frame was taken
}

// queue is the ring between delivery and capture. Delivery runs ahead of a slow disk by slotCount
// buffers and then waits for it.
type queue struct {
	sink   Sink   // nil: the frames are dropped
	keeper Keeper // the same one, if it is such
	done   chan struct{}

	order sync.Mutex // held around a write to the user and the push that notes it

	mu     sync.Mutex
	change sync.Cond // something below changed
	frames []frame
	free   []*slot
	made   int
	begun  bool // run was started
	closed bool

	err error // of the sink; to be read after close
}

func newQueue(sink Sink) *queue {
	q := &queue{sink: sink, done: make(chan struct{})}
	q.keeper, _ = sink.(Keeper)
	q.change.L = &q.mu
	return q
}

// take returns a free slot of at least this size as soon as there is one. Slots are made on demand: most commands need
// two.
func (q *queue) take(size int) *slot {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.free) == 0 && q.made >= slotCount {
		q.change.Wait()
	}
	if n := len(q.free); n > 0 {
		s := q.free[n-1]
		q.free = q.free[:n-1]
		if len(s.b) < size {
			s.b = make([]byte, size)
		}
		return s
	}
	q.made++
	return &slot{b: make([]byte, size)}
}

// give returns a slot of which nothing is left to deliver or to capture.
func (q *queue) give(s *slot) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free = append(q.free, s)
	q.change.Broadcast()
}

// room waits until the sink has caught up enough for another frame.
func (q *queue) room() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.frames) >= maxFrames {
		q.change.Wait()
	}
}

// push hands a delivered frame to the sink. It never waits: its caller holds up both streams.
func (q *queue) push(f frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.begun {
		q.begun = true
		go q.run()
	}
	if n := len(q.frames); n > 0 && q.frames[n-1].slot == f.slot && q.frames[n-1].to == f.from {
		q.frames[n-1].to, q.frames[n-1].last = f.to, f.last
	} else {
		q.frames = append(q.frames, f)
	}
	q.change.Broadcast()
}

// run hands frames to the sink until the queue is closed and empty. The first frame starts it.
func (q *queue) run() {
	defer close(q.done)
	var batch []frame
	for {
		q.mu.Lock()
		for len(q.frames) == 0 && !q.closed {
			q.change.Wait()
		}
		if len(q.frames) == 0 {
			q.mu.Unlock()
			return
		}
		batch, q.frames = q.frames, batch[:0]
		q.change.Broadcast()
		q.mu.Unlock()

		for _, f := range batch {
			if q.sink != nil && q.err == nil && f.from < f.to {
				q.err = q.sink.Append(f.stream, f.slot.b[f.from:f.to])
			}
			if f.last {
				q.release(f.slot)
			}
		}
	}
}

// release gives a slot back as soon as the sink has no need of it.
func (q *queue) release(s *slot) {
	if q.keeper == nil {
		q.give(s)
		return
	}
	q.keeper.Release(func() { q.give(s) })
}

// close waits until the sink has got everything.
func (q *queue) close() {
	q.mu.Lock()
	begun := q.begun
	q.closed = true
	q.change.Broadcast()
	q.mu.Unlock()
	if begun {
		<-q.done
	}
}
