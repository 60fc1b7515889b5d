package values

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine/fleet"
)

// newStore opens values in a new directory, with a clock that the test sets.
func newStore(t *testing.T, now *time.Time) *Store {
	t.Helper()
	clock := func() time.Time { return *now }
	dir, err := cachedir.Open(t.TempDir(), cachedir.Options{Now: clock})
	require.NoError(t, err)
	t.Cleanup(dir.Close)
	return &Store{Dir: dir, Clock: fleet.Clock{Now: clock, Boot: func() ([16]byte, int64) { return [16]byte{1}, 1 }}}
}

func set(t *testing.T, s *Store, name, value string, o Options) {
	t.Helper()
	require.NoError(t, s.Set(name, strings.NewReader(value), o))
}

func get(t *testing.T, s *Store, name string) string {
	t.Helper()
	e, err := s.Get(name)
	if errors.Is(err, ErrMissing) {
		return "(missing)"
	}
	require.NoError(t, err)
	defer e.Close()
	var b strings.Builder
	require.NoError(t, e.Replay(&b, &b))
	return b.String()
}

func TestNumbers(t *testing.T) {
	now := time.Now()
	s := newStore(t, &now)
	for _, c := range []struct {
		value string
		by    int64
		want  string // empty: it is refused
		err   error
	}{
		{"0", 1, "1", nil},
		{"-7\n", 7, "0\n", nil},
		{"+5", -6, "-1", nil},
		{"0000000000000000000000000000000000000000000000000000000000012\n", 1, "13\n", nil},
		{"9223372036854775806", 1, "9223372036854775807", nil},
		{"-9223372036854775807", -1, "-9223372036854775808", nil},
		{"9223372036854775807", math.MinInt64, "-1", nil},
		{"9223372036854775807", 1, "", ErrOverflow},
		{"-9223372036854775808", -1, "", ErrOverflow},
		{"-1", math.MinInt64, "", ErrOverflow},
		{"9223372036854775808", -1, "", ErrNoNumber},
		{"", 1, "", ErrNoNumber},
		{"\n", 1, "", ErrNoNumber},
		{"1\n\n", 1, "", ErrNoNumber},
		{" 1", 1, "", ErrNoNumber},
		{"1\x00", 1, "", ErrNoNumber},
		{"0x1", 1, "", ErrNoNumber},
		{"1_0", 1, "", ErrNoNumber},
		{strings.Repeat("0", 65), 1, "", ErrNoNumber},
	} {
		set(t, s, "n", c.value, Options{Life: NoEnd})
		_, err := s.Add("n", c.by)
		require.ErrorIs(t, err, c.err, "%q", c.value)
		if c.err != nil {
			c.want = c.value
		}
		require.Equal(t, c.want, get(t, s, "n"), "%q", c.value)
	}
}

// A value is there until the last nanosecond of its life, and a count does not prolong it.
func TestLife(t *testing.T) {
	now := time.Now()
	s := newStore(t, &now)
	set(t, s, "n", "1", Options{Life: time.Minute})
	now = now.Add(time.Minute - 1)
	_, err := s.Add("n", 1)
	require.NoError(t, err)
	require.Equal(t, "2", get(t, s, "n"))
	now = now.Add(1)
	require.Equal(t, "(missing)", get(t, s, "n"))
	require.ErrorIs(t, s.Touch("n", time.Hour), ErrMissing)
	require.NoError(t, s.Set("n", strings.NewReader("3"), Options{Life: NoEnd, Add: true}), "what is over is not there")
	require.NoError(t, s.Touch("n", time.Hour))
	now = now.Add(time.Hour - 1)
	require.Equal(t, "3", get(t, s, "n"))
	now = now.Add(1)
	require.Equal(t, "(missing)", get(t, s, "n"))
}

// A purge that comes while a number is counted on is not lost: the count begins anew after it.
func TestCountAndPurge(t *testing.T) {
	now := time.Now()
	s := newStore(t, &now)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				_, err := s.Add("n", 1)
				require.NoError(t, err)
			}
		})
	}
	for range 10 {
		_, err := s.Dir.PurgeAll()
		require.NoError(t, err)
	}
	wg.Wait()
	_, err := s.Dir.PurgeAll()
	require.NoError(t, err)
	n, err := s.Add("n", 1)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}
