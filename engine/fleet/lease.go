package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/remote/contract"
)

// Among hosts, who leads has a lease of the first tier that can lend one. The others ask that tier now and then for the
// result. They take one that was made under the lease that they found held, or a later one, whatever its exit code: it
// ended after they arrived, as the order of leases shows without any clock being compared. A host that dies stops
// renewing, and when its lease ends another one leads. A host that was held up past its lease keeps its own output, but
// the tier refuses its result: somebody else may have led since.
//
// Whatever is wrong with leases costs a duplicate run and nothing else. So nobody waits for a lease of a server that
// damages what it keeps: who holds it would be told by damaged bytes, too.

const (
	leaseLife = 15 * time.Second
	pollLeast = 100 * time.Millisecond // between two questions for a result; twice that at the most
)

// held is a lease that the caller has.
type held struct {
	t     *tier
	from  contract.Leaser
	lease contract.Lease
	key   hashing.Key // of the recipe when it was taken
	ended bool        // with what was stored last
	stop  chan struct{}
	done  chan struct{}

	quieted sync.Once
}

// Why the caller leads although another host has the lease.
var (
	ErrWaited = errors.New("waited too long for another host")
	ErrStuck  = errors.New("the lease of another host is not renewed and does not end")
)

// Lead makes the caller the leader of all hosts, or says that the result of the host that leads has been found, as find
// does. It does neither where there are no leases, or with an error, where a wait has lasted too long: then the command
// is run in any case. A wait below 0 has no limit. When ctx ends, the wait does, with its error; a question under way
// is answered first, lest a lease is lent to nobody.
func (f *Fleet) Lead(ctx context.Context, q Query, wait time.Duration) (found bool, err error) {
	t := f.lender()
	if t == nil {
		return false, nil
	}
	began := time.Now()
	watch := leaseWatch{usual: f.c.Usual()}
	for waited := false; ; waited = true {
		if t.damages {
			return false, nil
		}
		found, by, err := t.acquire(q)
		switch {
		case found:
			f.lease.release(nil)
			return true, nil
		case err == nil && waited && !contract.LooksAgain(t.conn):
			// The one who led may have left its result just before.
			if _, found := f.Find(q); found {
				f.lease.release(nil)
				return true, nil
			}
			return false, nil
		case !errors.Is(err, contract.ErrHeld):
			return false, nil
		case wait >= 0 && time.Since(began) > wait:
			return false, ErrWaited
		case watch.stuck(time.Now(), by.Left):
			return false, ErrStuck
		case !waited && q.Waits != nil:
			q.Waits()
		}
		if err := pause(ctx, pollLeast+rand.N(pollLeast)); err != nil {
			return false, err
		}
		if _, found := f.Find(q); found {
			return true, nil
		}
		if f.resigned {
			return false, nil // the host that led has no result to share
		}
	}
}

// pause waits, or until ctx ends, and returns its error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Lends reports whether there is a tier that lends leases.
func (f *Fleet) Lends() bool { return f.lender() != nil }

// lender is the first tier that is written to and can lend leases.
func (f *Fleet) lender() *tier {
	for _, t := range f.tiers {
		if t.Write && t.leaser() != nil {
			return t
		}
	}
	return nil
}

func (t *tier) leaser() contract.Leaser {
	if t.connect() != nil {
		return nil
	}
	l, _ := t.conn.(contract.Leaser)
	return l
}

// leaseName goes with the name of the result that the lease guards.
func (t *tier) leaseName(key hashing.Key) string { return "l/" + t.Sealer.Names(key[:])[0] }

// acquire takes the lease, and reads in the same question the counts at which a result of the caller will stand; and,
// where that is looking once more after the lease was taken, the result: who led until just now may have left one. It
// says whether that was found, and is in the local store. If another host has the lease, by says what is known of that,
// and the first one that was seen to have it is the one that is waited for.
func (t *tier) acquire(q Query) (found bool, by contract.Lease, err error) {
	counts := t.missing(q.Tags, true)
	ask := contract.Question{Counts: t.names(counts), Lease: t.leaseName(q.Run.Key), Life: leaseLife}
	var imports []*cachedir.Import
	if contract.LooksAgain(t.conn) && t.Read && !q.Refresh {
		slots := t.f.slots(q)
		begun, discard, err := t.f.beginImports(q, len(slots))
		defer discard()
		if err == nil {
			imports, ask.Values = begun, t.entryNames(q.Run.Key, slots)
		}
	}
	var a contract.Answer
	var records []answer
	err = t.ask(stats.TierLease, func(c contract.Tier) (read int64, _ error) {
		ctx, cancel := context.WithTimeout(context.Background(), t.f.budget())
		defer cancel()
		a = contract.Ask(ctx, c, ask)
		defer a.Close()
		if a.LeaseErr == nil {
			records, read = t.readRecords(ask.Values, a.Values)
		}
		return read, a.LeaseErr
	})
	switch {
	case err == nil:
		h := &held{t: t, from: t.leaser(), lease: a.Lease, key: q.Run.Key}
		h.stop, h.done = make(chan struct{}), make(chan struct{})
		t.f.lease = h
		go h.renew()
		t.takeCounts(&t.marks, counts, a)
		_, found = t.take(records, imports, q)
	case errors.Is(err, contract.ErrHeld) && t.f.awaited == 0:
		t.f.awaited = a.Lease.Fence
	}
	return found, a.Lease, err
}

// leaseWatch bounds the wait for a lease that a server says is held. A holder that lives renews it every third of its
// life, which shows in what is left of it; one that does not live loses it. A server that ends no lease, or damages
// what it is asked for, shows neither.
type leaseWatch struct {
	usual time.Duration // how long the command takes; 0: not known
	alive time.Time     // when the lease was seen to be renewed last, or at all
	least time.Duration // of what was left since then
}

// unseenLease is how long a lease is waited for at least where the server does not say how much of it is left.
const unseenLease = 10 * time.Minute

// stuck takes what is left of the lease now, and reports whether waiting for its end has become pointless.
func (w *leaseWatch) stuck(now time.Time, left time.Duration) bool {
	const renewed = leaseLife / 6
	if w.alive.IsZero() || left > renewed && left-renewed > w.least {
		w.alive, w.least = now, left
	}
	w.least = min(w.least, left)
	if left == 0 {
		return now.Sub(w.alive) > max(unseenLease, 4*w.usual)
	}
	return now.Sub(w.alive) > 2*leaseLife
}

// renew prolongs the lease every third of its life, until it is released or lost.
func (h *held) renew() {
	defer close(h.done)
	ticker := time.NewTicker(leaseLife / 3)
	defer ticker.Stop()
	for {
		select {
		case <-h.stop:
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), leaseLife/3)
		err := h.from.Renew(contract.Insist(ctx), h.lease, leaseLife)
		cancel()
		if errors.Is(err, contract.ErrFenced) {
			return
		}
	}
}

// quiet ends the renewing. It is time for that when the last value is being stored: bodies, which may take long, come
// before.
func (h *held) quiet() {
	h.quieted.Do(func() {
		close(h.stop)
		<-h.done
	})
}

// release ends the lease after last, which may store under it, and may have ended it with that.
func (h *held) release(last func()) {
	if last != nil {
		last()
	}
	h.quiet()
	h.t.f.lease = nil
	if h.ended {
		return
	}
	_ = h.t.ask(stats.TierLease, func(contract.Tier) (int64, error) {
		ctx, cancel := context.WithTimeout(context.Background(), leaseLife/3)
		defer cancel()
		return 0, h.from.Release(ctx, h.lease)
	})
}

// Drop gives back the lease of a run that has nothing to store.
func (f *Fleet) Drop() {
	if f.lease != nil {
		f.lease.release(nil)
	}
}
