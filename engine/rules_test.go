package engine

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
)

// exits makes a set of exit codes.
func exits(codes ...int) func(int) bool {
	return func(code int) bool {
		for _, c := range codes {
			if c == code {
				return true
			}
		}
		return false
	}
}

func anyExit(int) bool { return true }

// TestFresh is the truth table of freshness: exit code, then age against the reader's time to live.
func TestFresh(t *testing.T) {
	ended := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	const h = time.Hour
	anHourLater := func(started time.Time) time.Time { return started.Add(h) }
	tests := []struct {
		name   string
		age    time.Duration // of the entry at the time of the look
		code   int
		signal int
		req    Request
		reason stats.Reason // empty: a hit
	}{
		{"new", 0, 0, 0, Request{TTL: h}, ""},
		{"one tick before the end", h - time.Nanosecond, 0, 0, Request{TTL: h}, ""},
		{"at the end", h, 0, 0, Request{TTL: h}, stats.Expired},
		{"without an end", 1000 * h, 0, 0, Request{TTL: Forever}, ""},
		{"ttl 0 is never fresh", 0, 0, 0, Request{TTL: 0}, stats.Expired},
		{"a clock that went back a little", -clockSlack, 0, 0, Request{TTL: h}, ""},
		{"too far in the future", -clockSlack - time.Nanosecond, 0, 0, Request{TTL: h}, stats.Expired},
		{"too far in the future, without an end", -h, 0, 0, Request{TTL: Forever}, stats.Expired},
		{"a code that is not admitted", 0, 1, 0, Request{TTL: h, TTLFail: h}, stats.Uncacheable},
		{"a code that is admitted", 0, 1, 0, Request{TTL: h, TTLFail: h, CacheExit: exits(0, 1)}, ""},
		{"success that is not admitted", 0, 0, 0, Request{TTL: h, CacheExit: exits(1)}, stats.Uncacheable},
		{
			"a failure has its own life", time.Minute, 1, 0,
			Request{TTL: h, TTLFail: time.Second, CacheExit: anyExit},
			stats.Expired,
		},
		{"and success its own", time.Minute, 0, 0, Request{TTL: h, TTLFail: time.Second, CacheExit: anyExit}, ""},
		{
			"a death by signal counts as 128 and the signal", 0, 0, 11,
			Request{TTL: h, TTLFail: h, CacheExit: exits(139)},
			"",
		},
		{
			"and lives as a failure", time.Minute, 0, 11,
			Request{TTL: h, TTLFail: time.Second, CacheExit: anyExit},
			stats.Expired,
		},
		{"a reader's end of life, before it", h - time.Nanosecond, 0, 0, Request{TTL: Forever, Until: anHourLater}, ""},
		{
			"and at it, though it was stored without one", h, 0, 0,
			Request{TTL: Forever, Until: anHourLater},
			stats.Expired,
		},
		{"without a tag that is wanted", 0, 0, 0, Request{TTL: h, Tags: []string{"a", "b"}}, stats.Changed},
		{"with the tags that are wanted", 0, 0, 0, Request{TTL: h, Tags: []string{"a"}}, ""},
		{"refresh", 0, 0, 0, Request{TTL: h, Refresh: true}, stats.Forced},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.req.CacheExit == nil {
				tt.req.CacheExit = exits(0)
			}
			r := reader{Request: &tt.req, now: func() time.Time { return ended.Add(tt.age) }}
			e := &cachedir.Entry{Meta: cachedir.Meta{
				Started: ended, Ended: ended, Code: tt.code, Signal: tt.signal, Tags: []cachedir.Tag{{Name: "a"}},
			}}
			require.Equal(t, tt.reason, fresh(r, e).reason)
		})
	}
}

// TestConcurrent is the truth table of sharing: who waited takes a run that ended after it arrived, whatever its exit
// code; under --refresh only one that started after.
func TestConcurrent(t *testing.T) {
	clock, other := clockID(), [16]byte{2}
	now := bootNow()
	arrived, before, after := now-2e9, now-3e9, now-1e9
	tests := []struct {
		name           string
		clock          [16]byte
		started, ended moment
		set            time.Duration // how far the wall clock was set since
		refresh        bool
		shared         bool
	}{
		{"ended before", clock, 1, before, 0, false, false},
		{"ended after", clock, 1, arrived, 0, false, true},
		{"refresh: started before", clock, before, after, 0, true, false},
		{"refresh: started after", clock, arrived, after, 0, true, true},
		{"another clock", other, 1, after, 0, false, false},
		{"a clock without a name", [16]byte{}, 1, after, 0, false, false},
		{"ended later than now", clock, 1, now + 1e12, 0, false, false},
		{"a wall clock that was set a little", clock, 1, after, clockStep / 2, false, true},
		{"a boot clock that was set back", clock, 1, after, 2 * clockStep, false, false},
		{"or a wall clock that was", clock, 1, after, -2 * clockStep, false, false},
		{"from another host, which was waited for", clock, 0, after, time.Hour, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := Request{Refresh: tt.refresh, CacheExit: exits(0)}
			r := reader{Request: &req, arrival: arrived, now: time.Now, boot: bootNow}
			e := &cachedir.Entry{Meta: cachedir.Meta{
				BootID: tt.clock, StartedBoot: int64(tt.started), EndedBoot: int64(tt.ended), Code: 7,
				Ended: time.Now().Add(time.Duration(tt.ended - bootNow())).Add(-tt.set),
			}}
			require.Equal(t, tt.shared, concurrent(r, e).ok())
		})
	}
}

// TestMergedEntries: what was recorded through one pipe serves only callers whose two streams are one file (P1).
func TestMergedEntries(t *testing.T) {
	out, err := twoFiles(t)
	for _, tt := range []struct {
		name             string
		recorded, caller bool
		size             int64
		ok               bool
	}{
		{"apart for apart", false, false, 1, true},
		{"apart for merged", false, true, 1, true},
		{"merged for merged", true, true, 1, true},
		{"merged for apart", true, false, 1, false},
		{"nothing, merged for apart", true, false, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &caller{
				Request: &Request{TTL: Forever, CacheExit: exits(0)},
				io:      &streams{stdout: out, stderr: err}, now: time.Now,
			}
			if tt.caller {
				c.io.stderr = out
			}
			e := &cachedir.Entry{Meta: cachedir.Meta{Merged: tt.recorded, Ended: time.Now()}, StdoutSize: tt.size}
			require.Equal(t, tt.ok, fresh(c.reader(nil), e).ok())
		})
	}
}

// TestGrace is the truth table of what is served after its life: the age of the entry against the reader's times of
// grace. Each rule admits what the one before does, but for an old failure where an older success would be preferred.
func TestGrace(t *testing.T) {
	const h = time.Hour
	ended := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name                            string
		age                             time.Duration
		code                            int
		entryStale                      time.Duration // that the command itself allows
		soft                            bool
		req                             Request
		fresh, servable, stale, ifError bool
	}{
		{"within its life", 0, 0, 0, false, Request{TTL: h}, true, true, true, false},
		{"after it", h, 0, 0, false, Request{TTL: h}, false, false, false, false},
		{"within the grace", 2*h - 1, 0, 0, false, Request{TTL: h, Stale: h}, false, true, true, false},
		{"at its end", 2 * h, 0, 0, false, Request{TTL: h, Stale: h}, false, false, false, false},
		{"of the command", 2*h - 1, 0, h, false, Request{TTL: h}, false, true, true, false},
		{"without an end", 999 * h, 0, h, false, Request{TTL: h, Stale: Forever}, false, true, true, false},
		{"purged softly", 0, 0, 0, true, Request{TTL: h}, false, true, true, false},
		{"a refresh", 0, 0, 0, false, Request{TTL: h, Stale: h, Refresh: true}, false, false, false, false},
		{"to warm", h, 0, 0, false, Request{TTL: h, Stale: h, Warm: true}, false, false, true, false},
		{"within a refresh", h, 0, 0, false, Request{TTL: h, Stale: h, FreshOnly: true}, false, false, true, false},
		{"if the command fails", h, 0, 0, false, Request{TTL: h, StaleIfError: h + 1}, false, false, false, true},
		{"but not for too long", 2 * h, 0, 0, false, Request{TTL: h, StaleIfError: h}, false, false, false, false},
		{"a failure, within its life", 0, 1, 0, false, Request{TTLFail: h, StaleIfError: h}, true, true, true, false},
		{"and after it", h, 1, 0, false, Request{TTLFail: h, Stale: h, StaleIfError: h}, false, false, false, false},
		{"where none is preferred", h, 1, 0, false, Request{TTLFail: h, Stale: h}, false, true, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.req.CacheExit = anyExit
			r := reader{
				Request: &tt.req, now: func() time.Time { return ended.Add(tt.age) },
				inherits: func() bool { return false },
			}
			e := &cachedir.Entry{Soft: tt.soft, Meta: cachedir.Meta{
				Started: ended, Ended: ended, Code: tt.code, Stale: tt.entryStale,
			}}
			require.Equal(t, tt.fresh, fresh(r, e).ok(), "fresh")
			require.Equal(t, tt.servable, servable(r, e).ok(), "servable")
			require.Equal(t, tt.stale, stale(r, e).ok(), "stale")
			require.Equal(t, tt.ifError, ifError(r, e).ok(), "if error")
		})
	}
}

func TestShort(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0ms": 999 * time.Microsecond, "85ms": 85 * time.Millisecond, "12.4s": 12400 * time.Millisecond,
		"3m": 3*time.Minute + 59*time.Second, "25h": 25 * time.Hour, "3d": 80 * time.Hour, "-2.0s": -2 * time.Second,
	} {
		require.Equal(t, want, Short(d))
	}
}

func twoFiles(t *testing.T) (out, err *os.File) {
	t.Helper()
	open := func(name string) *os.File {
		f, err := os.Create(filepath.Join(t.TempDir(), name))
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	return open("out"), open("err")
}
