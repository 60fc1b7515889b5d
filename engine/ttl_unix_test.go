//go:build unix

package engine

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// TestLifeThroughTheHouse runs a command, and asks for it again at given ages: until its life ends it is a hit, and
// from that moment on a miss.
func TestLifeThroughTheHouse(t *testing.T) {
	const ttl = time.Hour
	until := func(d time.Duration) func(time.Time) time.Time {
		return func(started time.Time) time.Time { return started.Add(d) }
	}
	tests := []struct {
		name string
		req  Request
		age  time.Duration
		want stats.Served
	}{
		{"new", Request{TTL: ttl}, 0, stats.Hit},
		{"ttl - 1 ms", Request{TTL: ttl}, ttl - time.Millisecond, stats.Hit},
		{"ttl", Request{TTL: ttl}, ttl, stats.Missed},
		{"without an end", Request{TTL: Forever}, 1000 * ttl, stats.Hit},
		{"before the time that it lives until", Request{TTL: Forever, Until: until(ttl)}, ttl - time.Minute, stats.Hit},
		{"at the time that it lives until", Request{TTL: Forever, Until: until(ttl)}, ttl, stats.Missed},
		{
			"a time that it lives until makes no life longer",
			Request{TTL: ttl, Until: until(2 * ttl)},
			ttl, stats.Missed,
		},
		{"stale until the end", Request{TTL: ttl, Stale: ttl, CachedOnly: true}, 2*ttl - time.Millisecond, stats.Stale},
		{"stale for ever", Request{TTL: ttl, Stale: Forever, CachedOnly: true}, 1000 * ttl, stats.Stale},
		{"stale for too long", Request{TTL: ttl, Stale: ttl}, 2 * ttl, stats.Missed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, err := cachedir.Open(filepath.Join(t.TempDir(), "cache"), cachedir.Options{})
			require.NoError(t, err)
			defer dir.Close()
			tt.req.Spec = hashing.Spec{Argv: []string{"true"}, Dir: t.TempDir(), Environ: os.Environ()}
			tt.req.CacheExit, tt.req.Wait = exits(0), Forever
			tt.req.Stdin, err = os.Open(os.DevNull)
			require.NoError(t, err)
			defer tt.req.Stdin.Close()
			tt.req.Stdout, tt.req.Stderr = twoFiles(t)
			e := Engine{Open: func() (*cachedir.Dir, error) { return dir, nil }}
			first := tt.req
			first.CachedOnly = false
			out, err := e.Do(t.Context(), first)
			require.NoError(t, err)
			require.Equal(t, stats.Missed, out.Served)
			require.True(t, out.Stored, out.NotStored)
			stored, err := dir.Load(out.Key, cachedir.Good)
			require.NoError(t, err)
			stored.Close()

			e.Now = func() time.Time { return stored.Ended.Add(tt.age) }
			out, err = e.Do(t.Context(), tt.req)
			require.NoError(t, err)
			require.Equal(t, tt.want, out.Served, out.Detail)
			if tt.want == stats.Missed {
				require.Equal(t, stats.Expired, out.Reason)
			}
		})
	}
}

// TestJitter: 1000 entries that were stored together end over at least 8 % of the time to live, none of them after it,
// and each of them once and for all.
func TestJitter(t *testing.T) {
	const ttl = time.Hour
	source := rand.New(rand.NewPCG(1, 2))
	req := Request{TTL: ttl, TTLFail: 2 * ttl, Jitter: 0.1}
	r := reader{Request: &req}
	first, last := time.Duration(math.MaxInt64), time.Duration(0)
	for range 1000 {
		e := &cachedir.Entry{Meta: cachedir.Meta{Random: source.Uint64()}}
		life := r.life(e)
		require.Equal(t, life, r.life(e))
		first, last = min(first, life), max(last, life)
	}
	require.GreaterOrEqual(t, first, ttl*9/10)
	require.LessOrEqual(t, last, ttl)
	require.GreaterOrEqual(t, last-first, ttl*8/100)

	for random, want := range map[uint64]time.Duration{0: ttl, math.MaxUint64: ttl * 9 / 10, 1 << 63: ttl * 95 / 100} {
		require.Equal(t, want, r.life(&cachedir.Entry{Meta: cachedir.Meta{Random: random}}))
		require.Equal(t, 2*want, r.life(&cachedir.Entry{Meta: cachedir.Meta{Random: random, Code: 1}}), "of a failure")
	}
	req.TTL = Forever
	require.Equal(t, Forever, r.life(&cachedir.Entry{Meta: cachedir.Meta{Random: math.MaxUint64}}))
	req = Request{TTL: ttl}
	require.Equal(t, ttl, r.life(&cachedir.Entry{Meta: cachedir.Meta{Random: math.MaxUint64}}))
}

// TestEarly: the chance of an early refresh is e^(-remaining life / (BETA x time that the command took)).
func TestEarly(t *testing.T) {
	const ttl, took = time.Hour, 10 * time.Second
	ended := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	e := &cachedir.Entry{Meta: cachedir.Meta{Started: ended.Add(-took), Ended: ended}}
	share := func(remaining time.Duration, req Request) float64 {
		const tries = 20000
		req.TTL = ttl
		r := reader{Request: &req, now: func() time.Time { return ended.Add(ttl - remaining) }}
		n := 0
		for range tries {
			if r.early(e) {
				n++
			}
		}
		return float64(n) / tries
	}
	for _, beta := range []float64{0.5, 1, 4} {
		req, before := Request{Early: beta}, 0.0
		for _, k := range []float64{50, 5, 3, 2, 1, 0.5, 0.1} {
			got := share(time.Duration(k*beta*float64(took)), req)
			require.InDelta(t, math.Exp(-k), got, 0.02, "beta %v, %v run times before the end", beta, k)
			require.True(t, got > before || k == 50, "beta %v: likelier towards the end", beta)
			before = got
		}
		require.Zero(t, share(time.Duration(50*beta*float64(took)), req), "beta %v: far from the end", beta)
		require.Equal(t, 1.0, share(0, req), "beta %v: at the end", beta)
		require.Equal(t, 1.0, share(-time.Second, req), "beta %v: after it", beta)
	}
	for name, req := range map[string]Request{
		"not asked for": {}, "cached only": {Early: 1, CachedOnly: true}, "read only": {Early: 1, ReadOnly: true},
	} {
		require.Zero(t, share(0, req), name)
	}
	r := reader{Request: &Request{TTL: Forever, Early: 1}, now: func() time.Time { return ended.Add(ttl) }}
	require.False(t, r.early(e), "a life without an end")
}
