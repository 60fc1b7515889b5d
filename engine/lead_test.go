package engine

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// TestLead is the truth table of what a leader stores: what happens while its command runs, and why the result is not
// kept; empty: it is.
func TestLead(t *testing.T) {
	old := time.Now().Add(-time.Minute)
	write := func(t *testing.T, h *house, name, text string, changed time.Time) {
		t.Helper()
		file := filepath.Join(h.dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(file, changed, changed))
	}
	tests := []struct {
		name string
		ask  func(q *Request)
		run  func(t *testing.T, h *house, c runner.Command, res *runner.Result)
		why  string
	}{
		{"nothing", nil, nil, ""},
		{"it fails", nil, func(_ *testing.T, _ *house, _ runner.Command, res *runner.Result) { res.Code = 3 }, ""},
		{"a process is left behind", nil, func(_ *testing.T, _ *house, _ runner.Command, res *runner.Result) {
			res.Complete = false
		}, "a process that the command left behind kept its output open"},
		{"it is interrupted", nil, func(_ *testing.T, _ *house, _ runner.Command, res *runner.Result) {
			res.Interrupted = true
		}, "interrupted"},
		{"the record of it breaks", nil, func(_ *testing.T, _ *house, _ runner.Command, res *runner.Result) {
			res.SinkErr = io.ErrShortWrite
		}, io.ErrShortWrite.Error()},
		{"it was too cheap", func(q *Request) { q.MinCost = time.Second }, nil, "it took 0ms, less than --min-cost"},
		{"it writes too much", func(q *Request) { q.MaxEntry = 6 }, nil, errTooMuch.Error()},
		{"it writes just as much as it may", func(q *Request) { q.MaxEntry = 7 }, nil, ""},
		{"an input changes", nil, func(t *testing.T, h *house, _ runner.Command, _ *runner.Result) {
			write(t, h, "input", "another", time.Now())
		}, "file input changed while the command ran"},
		{"it does not want to be stored", nil, func(t *testing.T, _ *house, c runner.Command, _ *runner.Result) {
			direct(t, c, "no-store")
		}, "the command said no-store"},
		{"it names an input that is older", nil, func(t *testing.T, h *house, c runner.Command, res *runner.Result) {
			write(t, h, "more", "old", old)
			direct(t, c, "vary-file=more")
			res.Started = res.Started.Add(time.Hour) // no file can be made old: what was changed last counts
			res.Ended = res.Started
		}, ""},
		{"it names one that is as new", nil, func(t *testing.T, h *house, c runner.Command, _ *runner.Result) {
			write(t, h, "more", "new", time.Now())
			direct(t, c, "vary-file=more")
		}, "it learned of more, which may have changed since it began"},
		{"a line means nothing", nil, func(t *testing.T, _ *house, c runner.Command, _ *runner.Result) {
			direct(t, c, "perhaps")
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h *house
			h = newHouse(t, func(_ int, c runner.Command) (runner.Result, error) {
				res := ended(c, 0)
				if tt.run != nil {
					tt.run(t, h, c, &res)
				}
				return res, nil
			})
			write(t, h, "input", "one", old)
			q := h.request(t, "x")
			q.Spec.Files = []string{"input"}
			if tt.ask != nil {
				tt.ask(&q)
			}
			out, err := h.Do(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, tt.why, out.NotStored)
			require.Equal(t, tt.why == "", out.Stored)
		})
	}
}

// What cannot be delivered is not stored, and what cannot be started is no run.
func TestLeadFails(t *testing.T) {
	h := newHouse(t, func(n int, c runner.Command) (runner.Result, error) {
		if n == 1 {
			return runner.Result{}, &runner.StartError{Path: c.Path, Err: os.ErrPermission}
		}
		res := ended(c, 0)
		res.Cut = io.ErrClosedPipe
		return res, nil
	})
	q := h.request(t, "x")
	var start *runner.StartError
	_, err := h.Do(t.Context(), q)
	require.ErrorAs(t, err, &start)
	var delivery *DeliveryError
	out, err := h.Do(t.Context(), q)
	require.ErrorAs(t, err, &delivery)
	require.False(t, out.Stored)
}

// TestPublish: what takes longer than publishAfter can be followed from then on, and not before.
func TestPublish(t *testing.T) {
	for name, tt := range map[string]struct {
		took      time.Duration
		published bool
	}{
		"a short run": {publishAfter - 1, false},
		"a long run":  {publishAfter, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var h *house
				var q Request
				published := false
				h = newHouse(t, func(_ int, c runner.Command) (runner.Result, error) {
					time.Sleep(tt.took)
					synctest.Wait() // until what was to happen by now has happened
					tail, ok := follow(t, h, q)
					if published = ok; ok {
						tail.Close()
					}
					return ended(c, 0), nil
				})
				q = h.request(t, "x")
				_, err := h.Do(t.Context(), q)
				require.NoError(t, err)
				require.Equal(t, tt.published, published)
			})
		})
	}
}

// follow opens what a run of a request publishes.
func follow(t *testing.T, h *house, q Request) (*cachedir.Tail, bool) {
	t.Helper()
	dir, err := h.Open()
	require.NoError(t, err)
	t.Cleanup(func() { dir.Close() })
	recipe, err := hashing.Capture(q.Spec, dir.Digests())
	require.NoError(t, err)
	return dir.Follow(recipe.Key)
}
