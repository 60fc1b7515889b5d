package contract

import (
	"context"
	"sync"
	"time"
)

// What a run wants to know of a tier at one moment is asked in one question, because what makes a tier slow is not its
// work but the way there and back. A tier that can send several commands at once answers in one round trip, or in one
// to each of its servers; the others are asked for each part at the same time.

// Question is what is asked at once. The parts do not depend on each other, and are answered as of several instants;
// see LooksAgain.
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
	Lease    Lease // under ErrHeld: nothing but Fence and Left of who holds it
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

// Asker is a tier that answers all of a question at once, for the lease first. So a value of the same tag that is not
// there then was not left by who had the lease before.
type Asker interface {
	// Ask answers a question that was checked.
	Ask(ctx context.Context, q Question) Answer
}

// Ask puts a question to a tier. A part that the tier cannot answer, because it does not count or lends no leases, is
// ErrUnsupported.
func Ask(ctx context.Context, t Tier, q Question) Answer {
	if err := q.Check(); err != nil {
		return q.Refused(err)
	}
	if a, ok := t.(Asker); ok {
		return a.Ask(ctx, q)
	}
	return askApart(ctx, t, q)
}

// LooksAgain reports whether a tier answers for the lease first.
func LooksAgain(t Tier) bool {
	_, ok := t.(Asker)
	return ok
}

// Check refuses a question about what is no name.
func (q Question) Check() error {
	for _, names := range [][]string{q.Values, q.Counts} {
		for _, name := range names {
			if err := CheckName(name); err != nil {
				return err
			}
		}
	}
	if q.Lease == "" {
		return nil
	}
	return CheckName(q.Lease)
}

// Refused is the answer of a tier that could not be asked anything.
func (q Question) Refused(err error) Answer {
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
	a := q.Refused(ErrUnsupported)
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
