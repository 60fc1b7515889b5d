package fleet

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
)

// waiting is a host that waits for another one that leads.
func waiting(h *host, wait time.Duration) (done func() (found bool, err error)) {
	return waitingUnder(h.t.Context(), h, wait)
}

// waitingUnder is one whose caller may give up.
func waitingUnder(ctx context.Context, h *host, wait time.Duration) (done func() (found bool, err error)) {
	type outcome struct {
		found bool
		err   error
	}
	c := make(chan outcome, 1)
	go func() {
		found, err := h.Lead(ctx, question(), wait)
		c <- outcome{found, err}
	}()
	time.Sleep(time.Second) // it has asked, and sleeps
	synctest.Wait()
	return func() (bool, error) {
		o := <-c
		return o.found, o.err
	}
}

func TestLead(t *testing.T) {
	bubble(t, "who waits gets the result of who leads, also a failure", func(t *testing.T, m *memory) {
		for code, slot := range map[int]cachedir.Slot{0: cachedir.Good, 1: cachedir.Failed} {
			a, b := newHost(t, m), newHost(t, m)
			a.leads()
			done := waiting(b, time.Hour)
			time.Sleep(4 * leaseLife) // it is renewed
			a.Publish(a.store("1\n", code), "")
			found, err := done()
			require.NoError(t, err)
			require.True(t, found)
			require.Nil(t, b.lease)
			require.Equal(t, "1\n", b.has(slot))
			e, err := b.dir.Lookup(run().Key, recipe, slot)
			require.NoError(t, err)
			require.True(t, e.Imported(), "it is for those who wait on that host, too")
			e.Close()
			clear(m.values)
		}
	})
	bubble(t, "a failure that was there before is no answer", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		a.Publish(a.store("1\n", 1), "")
		b.leads()
		require.Empty(t, b.has(cachedir.Failed))
		b.Drop()
	})
	bubble(t, "who left nothing says so, and those who wait run at once", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		done := waiting(b, time.Hour)
		a.Publish(Result{}, "it is not to be stored")
		began := time.Now()
		found, err := done()
		require.NoError(t, err)
		require.False(t, found)
		require.Nil(t, b.lease)
		require.Less(t, time.Since(began), time.Second)
		require.Empty(t, m.leases)
	})
	bubble(t, "who is interrupted gives the lease back, and another leads", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		done := waiting(b, time.Hour)
		a.Drop()
		found, err := done()
		require.NoError(t, err)
		require.False(t, found)
		require.NotNil(t, b.lease)
		b.Drop()
		require.Empty(t, m.leases)
	})
	bubble(t, "a killed host is waited for until its lease ends", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		a.lease.quiet()
		began := time.Now()
		b.leads()
		require.InDelta(t, leaseLife, time.Since(began), float64(leaseLife/10))
		b.Drop()
	})
	bubble(t, "what who lost its lease stores is refused", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		a.lease.quiet() // it sleeps past its lease
		b.leads()
		a.Publish(a.store("old\n", 0), "")
		require.Equal(t, 1, m.refused)
		require.Empty(t, m.values)
		require.Empty(t, a.warned, "that is no fault of the server")
		b.Publish(b.store("new\n", 0), "")
		c := newHost(t, m)
		_, found := c.Find(question())
		require.True(t, found)
		require.Equal(t, "new\n", c.has(cachedir.Good))
	})
	bubble(t, "nor is a large one found, whose body was stored before that showed", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		m.mu.Lock()
		m.deaf = true // its renewals are lost
		m.mu.Unlock()
		time.Sleep(2 * leaseLife)
		require.False(t, a.Publish(a.store(large, 0), ""))
		require.Equal(t, 1, m.refused)
		require.Len(t, m.values, 1, "a body that no record names")
		_, found := b.Find(question())
		require.False(t, found)
	})
	bubble(t, "a lease is renewed every third of its life, until it is given back", func(t *testing.T, m *memory) {
		a := newHost(t, m)
		a.leads()
		m.askedSince()
		time.Sleep(10*leaseLife + time.Second)
		require.Equal(t, 30, m.askedSince())
		require.NoError(t, m.Renew(t.Context(), a.lease.lease, leaseLife), "it is still held")
		a.Drop()
		m.askedSince()
		time.Sleep(10 * leaseLife)
		require.Zero(t, m.askedSince())
		require.Empty(t, m.leases)
	})
	bubble(t, "a lease that is fenced is not renewed any more", func(t *testing.T, m *memory) {
		a := newHost(t, m)
		a.leads()
		m.mu.Lock()
		clear(m.leases)
		m.mu.Unlock()
		<-a.lease.done
		a.Drop()
	})
	bubble(t, "no longer than the caller waits", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		found, err := b.Lead(t.Context(), question(), 3*time.Second)
		require.False(t, found)
		require.ErrorIs(t, err, ErrWaited)
		a.Drop()
	})
	bubble(t, "without a limit", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		done := waiting(b, -1)
		time.Sleep(time.Minute)
		a.Publish(a.store("1\n", 0), "")
		found, err := done()
		require.NoError(t, err)
		require.True(t, found)
	})
	bubble(t, "nor for a lease that neither ends nor is renewed", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		a.lease.quiet()
		for name, l := range m.leases {
			l.until = l.until.Add(1000 * time.Hour)
			m.leases[name] = l
		}
		found, err := b.Lead(t.Context(), question(), -1)
		require.False(t, found)
		require.ErrorIs(t, err, ErrStuck)
	})
	bubble(t, "a caller who gives up stops waiting at once, and takes no lease", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		ctx, giveUp := context.WithCancel(t.Context())
		done := waitingUnder(ctx, b, time.Hour)
		giveUp()
		began := time.Now()
		m.askedSince()
		found, err := done()
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, found)
		require.Nil(t, b.lease)
		require.Equal(t, began, time.Now(), "no time has passed in the bubble")
		require.Zero(t, m.askedSince())
		a.Publish(a.store("1\n", 0), "")
		require.Zero(t, m.refused, "who leads is not concerned")
	})
	bubble(t, "a server that is down lends none", func(t *testing.T, m *memory) {
		a := newHost(t, m)
		m.down = true
		found, err := a.Lead(t.Context(), question(), time.Minute)
		require.NoError(t, err)
		require.False(t, found)
		require.Nil(t, a.lease)
	})
}
