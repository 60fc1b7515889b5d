package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// house is an engine whose commands are no processes. Locks and store are real.
type house struct {
	*Engine
	dir   string
	runs  atomic.Int32
	waits chan struct{} // one for each call that begins to wait for another one's lock
}

// newHouse makes one. run is told of how many commands it is, and what a process would have been told.
func newHouse(t *testing.T, run func(n int, c runner.Command) (runner.Result, error)) *house {
	t.Helper()
	h := &house{dir: t.TempDir(), waits: make(chan struct{}, 100)}
	h.Engine = &Engine{
		Open: func() (*cachedir.Dir, error) {
			return cachedir.Open(filepath.Join(h.dir, "cache"), cachedir.Options{})
		},
		testOnlyExecute: func(c runner.Command) (runner.Result, error) { return run(int(h.runs.Add(1)), c) },
		testOnlyWaits:   func() { h.waits <- struct{}{} },
	}
	t.Cleanup(h.Close)
	return h
}

// request asks for a result of a recipe that a word tells from others. It is for those who wait alone.
func (h *house) request(t *testing.T, word string) Request {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	return Request{
		Spec: hashing.Spec{Argv: []string{exe, word}, Dir: h.dir, Environ: []string{}, IgnoreWords: true},
		Wait: Forever,
	}
}

// all makes so many calls at once, and counts how they were served.
func (h *house) all(t *testing.T, calls int, q Request) map[stats.Served]int {
	t.Helper()
	served := make(chan stats.Served, calls)
	for range calls {
		go func() {
			out, err := h.Do(t.Context(), q)
			if err != nil {
				t.Error(err)
			}
			served <- out.Served
		}()
	}
	counts := map[stats.Served]int{}
	for range calls {
		counts[<-served]++
	}
	return counts
}

// ended is a command that has ended well, after it has written something.
func ended(c runner.Command, code int) runner.Result {
	now := time.Now()
	res := runner.Result{Code: code, Started: now, Ended: now, Complete: true}
	if c.Sink != nil {
		res.SinkErr = c.Sink.Append(runner.Stdout, []byte("result\n"))
	}
	return res
}

// direct writes a line into the control file of a command.
func direct(t *testing.T, c runner.Command, line string) {
	t.Helper()
	const prefix = ControlVariable + "="
	i := slices.IndexFunc(c.Env, func(kv string) bool { return strings.HasPrefix(kv, prefix) })
	require.NotEqual(t, -1, i)
	require.NoError(t, os.WriteFile(strings.TrimPrefix(c.Env[i], prefix), []byte(line+"\n"), 0o600))
}

// TestShare is the truth table of sharing: how the leader of many callers of one recipe has ended, how often the
// command runs then, and how many of them get the result of another one.
//
//	leader        then
//	exits 0       everybody takes that
//	fails         everybody takes that, too, though no later caller would
//	no-store      everybody runs: the next result could not be stored either
//	interrupted   one of those who wait takes over, and the others take his
func TestShare(t *testing.T) {
	const callers = 6
	tests := []struct {
		name         string
		end          func(t *testing.T, n int, c runner.Command) runner.Result
		runs, shared int
	}{
		{"exits 0", func(_ *testing.T, _ int, c runner.Command) runner.Result { return ended(c, 0) }, 1, callers - 1},
		{"fails", func(_ *testing.T, _ int, c runner.Command) runner.Result { return ended(c, 7) }, 1, callers - 1},
		{"no-store", func(t *testing.T, _ int, c runner.Command) runner.Result {
			direct(t, c, "no-store")
			return ended(c, 0)
		}, callers, 0},
		{"interrupted", func(_ *testing.T, n int, c runner.Command) runner.Result {
			res := ended(c, 0)
			res.Interrupted = n == 1
			return res
		}, 2, callers - 2},
		{"interrupted twice", func(_ *testing.T, n int, c runner.Command) runner.Result {
			res := ended(c, 0)
			res.Interrupted = n <= 2
			return res
		}, 3, callers - 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h *house
			h = newHouse(t, func(n int, c runner.Command) (runner.Result, error) {
				if n == 1 { // the leader ends when everybody else waits for it
					for range callers - 1 {
						<-h.waits
					}
				}
				return tt.end(t, n, c), nil
			})
			counts := h.all(t, callers, h.request(t, "x"))
			require.Equal(t, tt.runs, int(h.runs.Load()))
			require.Equal(t, tt.shared, counts[stats.Shared])
			require.Equal(t, callers-tt.shared, counts[stats.Missed])
		})
	}
}

// What was for those who waited is for nobody who comes later, and what is kept for longer is a hit then.
func TestShareThenCome(t *testing.T) {
	h := newHouse(t, func(_ int, c runner.Command) (runner.Result, error) { return ended(c, 0), nil })
	q := h.request(t, "x")
	require.Equal(t, map[stats.Served]int{stats.Missed: 1}, h.all(t, 1, q))
	require.Equal(t, map[stats.Served]int{stats.Missed: 1}, h.all(t, 1, q))
	q.TTL = time.Hour
	require.Equal(t, map[stats.Served]int{stats.Hit: 1}, h.all(t, 1, q))
	require.EqualValues(t, 2, h.runs.Load())
}

// Runs of different recipes do not wait for one another: each of these ends when the other has begun.
func TestShareNothing(t *testing.T) {
	begun := make(chan struct{})
	h := newHouse(t, func(n int, c runner.Command) (runner.Result, error) {
		if n == 1 {
			<-begun
		} else {
			close(begun)
		}
		return ended(c, 0), nil
	})
	done := make(chan map[stats.Served]int)
	go func() { done <- h.all(t, 1, h.request(t, "x")) }()
	require.Equal(t, map[stats.Served]int{stats.Missed: 1}, h.all(t, 1, h.request(t, "y")))
	require.Equal(t, map[stats.Served]int{stats.Missed: 1}, <-done)
	require.Empty(t, h.waits)
}

// Who does not want to wait runs beside the leader, which ends after him.
func TestShareWithoutPatience(t *testing.T) {
	leads, ends := make(chan struct{}), make(chan struct{})
	h := newHouse(t, func(n int, c runner.Command) (runner.Result, error) {
		if n == 1 {
			close(leads)
			<-ends
		}
		return ended(c, 0), nil
	})
	q := h.request(t, "x")
	done := make(chan map[stats.Served]int)
	go func() { done <- h.all(t, 1, q) }()
	<-leads
	q.Wait = 0
	out, err := h.Do(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, stats.Missed, out.Served)
	require.Equal(t, stats.LockTimeout, out.Reason)
	close(ends)
	require.Equal(t, map[stats.Served]int{stats.Missed: 1}, <-done)
}
