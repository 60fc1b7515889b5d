package evicting

import (
	"container/heap"
	"container/list"
)

// A policy decides what stays in a cache of so many bytes. It is asked for each request: was the result there? If it
// was not it is offered afterwards.
type policy interface {
	get(r request) bool
	put(r request)
}

// queue is a list of results with their size.
type queue struct {
	list.List
	bytes int64
}

// resident is a result that is in a queue.
type resident struct {
	request
	uses int
	in   *queue
}

func (q *queue) push(r *resident) *list.Element {
	q.bytes += r.bytes
	r.in = q
	return q.PushFront(r)
}

func (q *queue) take(e *list.Element) *resident {
	r := q.Remove(e).(*resident)
	q.bytes -= r.bytes
	return r
}

// lru removes what was not used for longest.
type lru struct {
	queue
	limit int64
	at    map[int]*list.Element
}

func newLRU(limit int64) policy { return &lru{limit: limit, at: map[int]*list.Element{}} }

func (c *lru) get(r request) bool {
	e, ok := c.at[r.key]
	if ok {
		c.MoveToFront(e)
	}
	return ok
}

func (c *lru) put(r request) {
	if r.bytes > c.limit {
		return
	}
	for c.bytes+r.bytes > c.limit {
		delete(c.at, c.take(c.Back()).key)
	}
	c.at[r.key] = c.push(&resident{request: r})
}

// sieve is SIEVE (NSDI 2024): a hand goes from the oldest on and takes what was not used since it passed.
type sieve struct {
	queue
	limit int64
	at    map[int]*list.Element
	hand  *list.Element
}

func newSieve(limit int64) policy { return &sieve{limit: limit, at: map[int]*list.Element{}} }

func (c *sieve) get(r request) bool {
	e, ok := c.at[r.key]
	if ok {
		e.Value.(*resident).uses = 1
	}
	return ok
}

func (c *sieve) put(r request) {
	if r.bytes > c.limit {
		return
	}
	for c.bytes+r.bytes > c.limit {
		c.evict()
	}
	c.at[r.key] = c.push(&resident{request: r})
}

func (c *sieve) evict() {
	for {
		if c.hand == nil {
			c.hand = c.Back()
		}
		e := c.hand
		c.hand = e.Prev()
		if r := e.Value.(*resident); r.uses == 0 {
			delete(c.at, c.take(e).key)
			return
		}
		e.Value.(*resident).uses = 0
	}
}

// s3fifo is S3-FIFO (SOSP 2023): a small queue for what is new, a main one for what was used twice in it or comes back
// soon after, and a list of what has left the small one.
type s3fifo struct {
	limit             int64
	small, main, gone queue
	at, ghosts        map[int]*list.Element
}

func newS3FIFO(limit int64) policy {
	return &s3fifo{limit: limit, at: map[int]*list.Element{}, ghosts: map[int]*list.Element{}}
}

func (c *s3fifo) get(r request) bool {
	e, ok := c.at[r.key]
	if ok {
		held := e.Value.(*resident)
		held.uses = min(held.uses+1, 3)
	}
	return ok
}

func (c *s3fifo) put(r request) {
	if r.bytes > c.limit {
		return
	}
	for c.small.bytes+c.main.bytes+r.bytes > c.limit {
		if c.small.bytes > c.limit/10 || c.main.Len() == 0 {
			c.evictSmall()
		} else {
			c.evictMain()
		}
	}
	to := &c.small
	if e, ok := c.ghosts[r.key]; ok {
		c.forget(e)
		to = &c.main
	}
	c.at[r.key] = to.push(&resident{request: r})
}

func (c *s3fifo) evictSmall() {
	r := c.small.take(c.small.Back())
	if r.uses > 1 {
		r.uses = 0
		c.at[r.key] = c.main.push(r)
		return
	}
	delete(c.at, r.key)
	c.ghosts[r.key] = c.gone.push(r)
	for c.gone.bytes > c.limit/10*9 {
		c.forget(c.gone.Back())
	}
}

func (c *s3fifo) evictMain() {
	r := c.main.take(c.main.Back())
	if r.uses > 0 {
		r.uses--
		c.at[r.key] = c.main.push(r)
		return
	}
	delete(c.at, r.key)
}

func (c *s3fifo) forget(e *list.Element) { delete(c.ghosts, c.gone.take(e).key) }

// gdsf is GreedyDual-Size-Frequency: uses times cost for each byte, on top of what was removed last.
type gdsf struct {
	limit, bytes int64
	floor        float64
	order        byValue
	at           map[int]*valued
}

type valued struct {
	request
	uses  int
	value float64
	index int
}

type byValue []*valued

func (h byValue) Len() int           { return len(h) }
func (h byValue) Less(i, j int) bool { return h[i].value < h[j].value }
func (h byValue) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *byValue) Push(x any) {
	v := x.(*valued)
	v.index = len(*h)
	*h = append(*h, v)
}

func (h *byValue) Pop() any {
	last := len(*h) - 1
	v := (*h)[last]
	*h = (*h)[:last]
	return v
}

func newGDSF(limit int64) policy { return &gdsf{limit: limit, at: map[int]*valued{}} }

func (c *gdsf) weigh(v *valued) {
	v.uses++
	v.value = c.floor + float64(v.uses)*v.saved.Seconds()/float64(v.bytes)
}

func (c *gdsf) get(r request) bool {
	v, ok := c.at[r.key]
	if ok {
		c.weigh(v)
		heap.Fix(&c.order, v.index)
	}
	return ok
}

func (c *gdsf) put(r request) {
	if r.bytes > c.limit {
		return
	}
	for c.bytes+r.bytes > c.limit {
		v := heap.Pop(&c.order).(*valued)
		c.floor = v.value
		c.bytes -= v.bytes
		delete(c.at, v.key)
	}
	v := &valued{request: r}
	c.weigh(v)
	heap.Push(&c.order, v)
	c.at[r.key] = v
	c.bytes += r.bytes
}
