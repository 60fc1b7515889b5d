package remote

import (
	"context"
	"fmt"
	"sync"
)

// memcachedPart is what one server is asked of a question: indices of values and counts, and whether for the lease.
type memcachedPart struct {
	values, counts []int
	lease          bool
}

// Ask is one round trip to each server that keeps a part of the question, all at the same time. A large value costs
// more.
func (t *memcachedTier) Ask(ctx context.Context, q Question) Answer {
	token, err := newMemcachedToken()
	if err != nil {
		return q.Refused(err)
	}
	a := q.Refused(ErrUnsupported)
	if len(q.Counts) > 0 {
		a.Counts, a.CountErr = make([]int64, len(q.Counts)), nil
	}
	failures := make(chan error, len(t.servers))
	var wg sync.WaitGroup
	for s, part := range t.parts(q) {
		wg.Go(func() { failures <- t.askPart(ctx, s, *part, q, token, &a) })
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		if err != nil && len(q.Counts) > 0 {
			a.Counts, a.CountErr = nil, err
		}
	}
	return a
}

func (t *memcachedTier) parts(q Question) map[*memcachedServer]*memcachedPart {
	parts := map[*memcachedServer]*memcachedPart{}
	at := func(name string) *memcachedPart {
		s := t.server(name)
		if parts[s] == nil {
			parts[s] = &memcachedPart{}
		}
		return parts[s]
	}
	for i, name := range q.Values {
		p := at(name)
		p.values = append(p.values, i)
	}
	for i, name := range q.Counts {
		p := at(name)
		p.counts = append(p.counts, i)
	}
	if q.Lease != "" {
		at(q.Lease).lease = true
	}
	return parts
}

// askPart fills one server's part of the answer. It returns what went wrong with its counts.
func (t *memcachedTier) askPart(
	ctx context.Context, s *memcachedServer, part memcachedPart, q Question, token string, a *Answer,
) error {
	u, err := s.begin(ctx)
	if err != nil {
		return part.failed(q, a, err)
	}
	t.writePart(u, part, q, token)
	items, generation, err := t.readPart(u, part, q, token, a)
	if err = u.end(err); err != nil {
		return part.failed(q, a, err)
	}
	for n, i := range part.values {
		a.Values[i].Value, a.Values[i].Err = t.value(ctx, s, items[n], generation)
	}
	return nil
}

// failed puts an error into one server's part of the answer.
func (part memcachedPart) failed(q Question, a *Answer, err error) error {
	for _, i := range part.values {
		a.Values[i].Err = err
	}
	if part.lease {
		a.LeaseErr = err
	}
	if len(part.counts) == 0 {
		return nil
	}
	return err
}

func (t *memcachedTier) writePart(u *memcachedUse, part memcachedPart, q Question, token string) {
	if len(part.values) > 0 {
		u.greet(false)
	} else {
		u.greetOnly()
	}
	if part.lease {
		t.askTurn(u.conn, q.Lease, token, q.Life)
	}
	for _, i := range part.values {
		u.conn.askGet(t.key("v", q.Values[i]))
	}
	for _, i := range part.counts {
		u.conn.askGet(t.key("n", q.Counts[i]))
	}
}

// readPart returns the items of values; counts and lease it puts into the answer.
func (t *memcachedTier) readPart(u *memcachedUse, part memcachedPart, q Question, token string, a *Answer) (
	items []memcachedItemData, generation string, err error,
) {
	if generation, err = u.greeted(); err != nil {
		return nil, "", err
	}
	if part.lease {
		now, err := u.conn.readTurn(q.Lease)
		switch {
		case err != nil:
			return nil, "", err
		case now.Token == token:
			now.Left = 0
			a.Lease, a.LeaseErr = now, nil
		default:
			a.Lease, a.LeaseErr = Lease{Fence: now.Fence, Left: now.Left}, fmt.Errorf("%s: %w", u.server.place, ErrHeld)
		}
	}
	for range part.values {
		it, err := u.conn.readGet()
		if err != nil {
			return nil, "", err
		}
		items = append(items, it)
	}
	for _, i := range part.counts {
		it, err := u.conn.readGet()
		if err == nil {
			a.Counts[i], err = it.number()
		}
		if err != nil {
			return nil, "", err
		}
	}
	return items, generation, nil
}
