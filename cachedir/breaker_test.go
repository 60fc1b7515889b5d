package cachedir

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func requireAllows(t testing.TB, b *Breaker, ok, probing bool) {
	t.Helper()
	gotOK, gotProbing := b.Allow()
	require.Equal(t, [2]bool{ok, probing}, [2]bool{gotOK, gotProbing})
}

func TestBreaker(t *testing.T) {
	now := time.Unix(1<<31, 0)
	d := newDir(t, Options{Now: func() time.Time { return now }})
	server := func() *Breaker { return d.Breaker("redis://host") }
	first := server()
	requireAllows(t, first, true, false)
	require.Equal(t, BreakerState{}, first.State())
	first.Succeeded()
	_, err := d.v1.Stat(first.name)
	require.Error(t, err, "a server that answers leaves nothing")

	// The nth failure in a row keeps everybody off for min(2^(n-1), 60) seconds.
	for n, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		pause *= time.Second
		b := server()
		requireAllows(t, b, true, n > 0)
		b.Failed()
		require.Equal(t,
			BreakerState{n + 1, time.Unix(0, now.UnixNano()), true, time.Unix(0, now.Add(pause).UnixNano())}, b.State())
		requireAllows(t, server(), false, false)
		if _, err := d.v1.Stat(b.name + ".lock"); n == 0 {
			require.Error(t, err, "who is told no takes no lock")
		}
		now = now.Add(pause - 1)
		requireAllows(t, server(), false, false)
		requireAllows(t, d.Breaker("redis://other"), true, false)
		now = now.Add(1)
		require.False(t, b.State().Open)
	}
	prober, other := server(), server()
	requireAllows(t, prober, true, true)
	requireAllows(t, prober, true, true) // it may ask again
	requireAllows(t, other, false, false)
	prober.Succeeded()
	requireAllows(t, other, true, false)
	require.Equal(t, BreakerState{}, other.State())
	other.Failed()
	require.Equal(t, 1, other.State().Failures, "it begins anew")
}

// TestBreakerOfManyCallers: those who were asking already when the first failed are one failure together.
func TestBreakerOfManyCallers(t *testing.T) {
	now := time.Unix(1<<31, 0)
	d := newDir(t, Options{Now: func() time.Time { return now }})
	var callers []*Breaker
	for range 50 {
		callers = append(callers, d.Breaker("x"))
		requireAllows(t, callers[len(callers)-1], true, false)
	}
	for _, b := range callers {
		b.Failed()
		now = now.Add(10 * time.Millisecond)
	}
	s := callers[0].State()
	require.Equal(t, 1, s.Failures)
	require.WithinDuration(t, now.Add(breakerFirst-10*time.Millisecond), s.Until, 0, "from the last of them")
}

// TestBreakerBetweenTwoLooks: who finds that its time is over may come when another has just probed.
func TestBreakerBetweenTwoLooks(t *testing.T) {
	now := time.Unix(1<<31, 0)
	var atSecond func()
	late := newDir(t, Options{Now: func() time.Time {
		if atSecond != nil {
			f := atSecond
			atSecond = nil
			defer f()
		}
		return now
	}})
	d := openAt(t, late.Path(), Options{Now: func() time.Time { return now }})
	d.Breaker("x").Failed()
	now = now.Add(time.Second)
	prober := d.Breaker("x")
	requireAllows(t, prober, true, true)
	b := late.Breaker("x")
	atSecond = prober.Failed // after the first look has read the record
	requireAllows(t, b, false, false)
	now = now.Add(2 * time.Second)
	requireAllows(t, prober, true, true) // nobody holds the lock
	atSecond = prober.Succeeded
	requireAllows(t, b, true, false)
	d.Breaker("x").Failed()
	now = now.Add(time.Second)
	requireAllows(t, prober, true, true)
}

func TestBreakerWithoutVerdict(t *testing.T) {
	now := time.Unix(1<<31, 0)
	d := newDir(t, Options{Now: func() time.Time { return now }})
	d.Breaker("x").Failed()
	now = now.Add(time.Hour)
	b := d.Breaker("x")
	requireAllows(t, b, true, true)
	b.Close()
	requireAllows(t, d.Breaker("x"), true, true)
}

func TestBreakerAndTheClock(t *testing.T) {
	now := time.Unix(1<<31, 0)
	d := newDir(t, Options{Now: func() time.Time { return now }})
	for range 20 {
		d.Breaker("x").Failed()
		now = now.Add(breakerMost)
	}
	set := func(to time.Duration) {
		t.Helper()
		now = d.Breaker("x").State().Last.Add(to)
	}
	set(0)
	requireAllows(t, d.Breaker("x"), false, false)
	const day = 24 * time.Hour
	for _, back := range []time.Duration{-1, -time.Second, -time.Hour, -50 * 365 * day, 50 * 365 * day} {
		set(back)
		b := d.Breaker("x")
		requireAllows(t, b, true, true)
		b.Close()
	}
}

func TestBreakerReadOnly(t *testing.T) {
	now := time.Unix(1<<31, 0)
	clock := func() time.Time { return now }
	d := newDir(t, Options{Now: clock})
	ro := openAt(t, d.Path(), Options{Now: clock, ReadOnly: true})
	b := ro.Breaker("x")
	b.Failed()
	requireAllows(t, b, true, false)
	d.Breaker("x").Failed()
	requireAllows(t, b, false, false)
	now = now.Add(time.Second)
	requireAllows(t, b, true, true)
	b.Succeeded()
	require.Equal(t, 1, b.State().Failures)
}

func TestDamagedBreakerIsClosed(t *testing.T) {
	d := newDir(t, Options{})
	b := d.Breaker("x")
	b.Failed()
	path := filepath.Join(d.Path(), "v1", b.name)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, b.State().Open)
	for at := range whole {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 0x41
		for _, content := range [][]byte{flipped, whole[:at]} {
			require.NoError(t, os.WriteFile(path, content, 0o600))
			requireAllows(t, d.Breaker("x"), true, false)
		}
	}
	require.NoError(t, os.WriteFile(path, append(whole, 0), 0o600))
	requireAllows(t, b, true, false)
	b.Failed()
	require.Equal(t, 1, b.State().Failures)
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	require.True(t, b.State().Open)
}
