package remote

import (
	"context"
	"sync"
	"time"
)

// What a run wants to know of a tier at one moment is asked in one question, because what makes a tier slow is not its
// work but the way there and back. A tier that can send several commands at once answers in one round trip, or in one to
// each of its servers; the others are asked for each part at the same time.

// Question is what is asked at once. The parts do not depend on each other, and are answered as of several instants; see
// LooksAgain.
type Question struct {
	Values []string      // names of values to open
	Counts []string      // names of counts, of a tier that is a Counter
	Lease  string        // name of a lease to take, of a tier that is a Leaser; empty: none
	Life   time.Duration // of the lease
}

// Answer has its parts in the order of the question. Each has an error of its own, of the kinds of this package.
type Answer struct {
	Values   []Found // to be closed
	Counts   []int64 // nil if CountErr is not
	CountErr error
	Lease    Lease // under ErrHeld: nothing but the Fence of who holds it
	LeaseErr error
}

// Found is a value that was asked for, or why there is none.
type Found struct {
	*Value
	Err error
}

// Close closes the values.
func (a Answer) Close() {
	for _, v := range a.Values {
		if v.Err == nil {
			_ = v.Close()
		}
	}
}

// asker is a tier that answers all of a question at once.
type asker interface {
	ask(ctx context.Context, q Question) Answer
}

// Ask puts a question to a tier. A part that the tier cannot answer, because it does not count or lends no leases, is
// ErrUnsupported.
func Ask(ctx context.Context, t Tier, q Question) Answer {
	if err := q.check(); err != nil {
		return q.refused(err)
	}
	if a, ok := t.(asker); ok {
		return a.ask(ctx, q)
	}
	return askApart(ctx, t, q)
}

// LooksAgain reports whether a tier answers for the lease first, and for values of the same tag after it: one that is not
// there then was not left by who had the lease before.
func LooksAgain(t Tier) bool {
	switch t.(type) {
	case *redisTier, *memcachedTier:
		return true
	}
	return false
}

func (q Question) check() error {
	for _, names := range [][]string{q.Values, q.Counts} {
		for _, name := range names {
			if err := checkName(name); err != nil {
				return err
			}
		}
	}
	if q.Lease == "" {
		return nil
	}
	return checkName(q.Lease)
}

// refused is the answer of a tier that could not be asked anything.
func (q Question) refused(err error) Answer {
	a := Answer{Values: make([]Found, len(q.Values))}
	for i := range a.Values {
		a.Values[i].Err = err
	}
	if len(q.Counts) > 0 {
		a.CountErr = err
	}
	if q.Lease != "" {
		a.LeaseErr = err
	}
	return a
}

// askApart asks for all parts side by side.
func askApart(ctx context.Context, t Tier, q Question) Answer {
	a := q.refused(ErrUnsupported)
	var wg sync.WaitGroup
	for i, name := range q.Values {
		wg.Go(func() { a.Values[i].Value, a.Values[i].Err = t.Get(ctx, name) })
	}
	if c, ok := t.(Counter); ok && len(q.Counts) > 0 {
		wg.Go(func() { a.Counts, a.CountErr = c.Counts(ctx, q.Counts...) })
	}
	if l, ok := t.(Leaser); ok && q.Lease != "" {
		wg.Go(func() { a.Lease, a.LeaseErr = l.Acquire(ctx, q.Lease, q.Life) })
	}
	wg.Wait()
	return a
}

// getOne, countAll and acquireOne are calls of a tier that answers questions.

func getOne(ctx context.Context, t asker, name string) (*Value, error) {
	q := Question{Values: []string{name}}
	if err := q.check(); err != nil {
		return nil, err
	}
	a := t.ask(ctx, q)
	return a.Values[0].Value, a.Values[0].Err
}

func countAll(ctx context.Context, t asker, names []string) ([]int64, error) {
	q := Question{Counts: names}
	if err := q.check(); err != nil || len(names) == 0 {
		return nil, err
	}
	a := t.ask(ctx, q)
	return a.Counts, a.CountErr
}

func acquireOne(ctx context.Context, t asker, name string, life time.Duration) (Lease, error) {
	if err := checkName(name); err != nil {
		return Lease{}, err
	}
	a := t.ask(ctx, Question{Lease: name, Life: life})
	return a.Lease, a.LeaseErr
}
