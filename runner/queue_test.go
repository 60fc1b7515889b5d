package runner

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// gatedSink lets one frame through for each token.
type gatedSink struct {
	gate chan struct{}
	got  bytes.Buffer
}

func (g *gatedSink) Append(_ Stream, b []byte) error {
	<-g.gate
	g.got.Write(b)
	return nil
}

// Delivery runs ahead of a slow sink by so many slots, no more, and nothing is overwritten.
func TestQueueIsBoundedAndKeepsTheOrder(t *testing.T) {
	sink := &gatedSink{gate: make(chan struct{})}
	q := newQueue(sink)
	const n = 10 * slotCount
	ahead := make(chan int, n)
	go func() {
		for i := range n {
			s := q.take(slotSize)
			s.b[0] = byte(i)
			q.push(frame{slot: s, from: 0, to: 1, last: true})
			ahead <- i
		}
		close(ahead)
	}()
	for range slotCount {
		<-ahead
	}
	require.Empty(t, ahead)
	require.Equal(t, slotCount, q.made)
	close(sink.gate)
	for range ahead {
	}
	q.close()
	require.NoError(t, q.err)
	for i, b := range sink.got.Bytes() {
		require.Equal(t, byte(i), b)
	}
	require.Equal(t, n, sink.got.Len())
}

// keepingSink reads what it was given when it is told to, and no sooner.
type keepingSink struct {
	countingSink
	kept []func()
}

func (k *keepingSink) Release(free func()) { k.kept = append(k.kept, free) }

// A slot is free when the sink has released it, also one of which it took nothing for an error.
func TestQueueWaitsForRelease(t *testing.T) {
	for _, err := range []error{nil, errors.New("disk full")} {
		sink := &keepingSink{countingSink: countingSink{err: err}}
		q := newQueue(sink)
		for range slotCount {
			q.push(frame{slot: q.take(slotSize), from: 0, to: 1, last: true})
		}
		q.close()
		require.Equal(t, err, q.err)
		require.Empty(t, q.free)
		require.Len(t, sink.kept, slotCount)
		for _, free := range sink.kept {
			free()
		}
		require.Len(t, q.free, slotCount)
	}
}

// A slot that was delivered in bites is one frame as long as the other stream stays out, and free
// only when the last bite was taken.
func TestQueueJoinsBites(t *testing.T) {
	q := newQueue(nil)
	q.begun = true // not before all is there
	a, b := q.take(slotSize), q.take(slotSize)
	q.push(frame{stream: Stdout, slot: a, from: 0, to: 3})
	q.push(frame{stream: Stdout, slot: a, from: 3, to: 5})
	require.Len(t, q.frames, 1)
	q.push(frame{stream: Stderr, slot: b, from: 0, to: 1, last: true})
	q.push(frame{stream: Stdout, slot: a, from: 5, to: 6})
	q.push(frame{stream: Stdout, slot: a, from: 6, to: 6, last: true})
	require.Len(t, q.frames, 3)
	require.Equal(t, frame{stream: Stdout, slot: a, from: 0, to: 5}, q.frames[0])
	require.Equal(t, frame{stream: Stdout, slot: a, from: 5, to: 6, last: true}, q.frames[2])
	require.Empty(t, q.free)
	go q.run()
	q.close()
	require.ElementsMatch(t, []*slot{a, b}, q.free)
}

type countingSink struct {
	calls int
	err   error
}

func (c *countingSink) Append(Stream, []byte) error {
	c.calls++
	return c.err
}

func TestQueueStopsAskingASinkThatFailed(t *testing.T) {
	sink := &countingSink{err: errors.New("disk full")}
	q := newQueue(sink)
	q.begun = true // not before all is there
	for range slotCount {
		q.push(frame{slot: q.take(slotSize), from: 0, to: 1, last: true})
	}
	go q.run()
	q.close()
	require.Equal(t, 1, sink.calls)
	require.ErrorIs(t, q.err, sink.err)
	require.Len(t, q.free, slotCount)
}

// A command that writes nothing needs nobody to take it.
func TestQueueThatIsNeverUsed(t *testing.T) {
	q := newQueue(nil)
	q.give(q.take(slotSize))
	q.close()
	require.False(t, q.begun)
}

// A slot that is used again has the size that is asked for then.
func TestSlotsGrow(t *testing.T) {
	q := newQueue(nil)
	small := q.take(firstSize)
	require.Len(t, small.b, firstSize)
	q.give(small)
	large := q.take(slotSize)
	require.Len(t, large.b, slotSize)
	require.Equal(t, 1, q.made)
	q.give(large)
	require.Len(t, q.take(firstSize).b, slotSize)
}
