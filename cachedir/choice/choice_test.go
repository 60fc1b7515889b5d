package choice

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWorth(t *testing.T) {
	const h = time.Hour
	for name, c := range map[string]struct {
		of   Candidate
		want float64
	}{
		"something new":         {Candidate{Saved: 8 * h, Bytes: 1}, 1},
		"a longer run":          {Candidate{Saved: 16 * h, Bytes: 1}, 2},
		"a page":                {Candidate{Saved: 8 * h, Bytes: 4096}, 1.0 / 4096},
		"eight hours without":   {Candidate{Saved: 8 * h, Bytes: 1, Age: 8 * h, Idle: 8 * h}, 1},
		"a day without":         {Candidate{Saved: 8 * h, Bytes: 1, Age: 24 * h, Idle: 24 * h}, 1.0 / 3},
		"used each hour":        {Candidate{Saved: 8 * h, Bytes: 1, Age: 16 * h, Uses: 31}, 8 * 4 * 4.0 / 3},
		"the same, then idle":   {Candidate{Saved: 8 * h, Bytes: 1, Age: 24 * h, Uses: 31, Idle: 8 * h}, 4},
		"made elsewhere":        {Candidate{Saved: 8 * h, Bytes: 1, Age: 900 * h}, 1},
		"a run of no time":      {Candidate{Bytes: 1}, 0.001 / 28800},
		"a clock that was back": {Candidate{Saved: -h, Bytes: 1, Age: -h, Idle: -h}, 0.001 / 28800},
		"an empty result":       {Candidate{Saved: 8 * h}, 1},
	} {
		require.InEpsilon(t, c.want, c.of.Worth(), 1e-12, name)
	}
}

func TestCompare(t *testing.T) {
	expired, cheap, dear := Weight{Expired: true, Worth: 9}, Weight{Worth: 1}, Weight{Worth: 2}
	require.Negative(t, Compare(expired, cheap))
	require.Positive(t, Compare(dear, expired))
	require.Negative(t, Compare(cheap, dear))
	require.Zero(t, Compare(dear, dear))
}

// What goes for something new is expired, or not worth much more, as far as it is needed.
func TestAdmits(t *testing.T) {
	there := []Weight{{Expired: true, Worth: 9, Bytes: 10}, {Worth: 8, Bytes: 10}, {Worth: 24, Bytes: 10}}
	for _, c := range []struct {
		fresh   float64
		missing int64
		want    bool
	}{
		{0.5, 0, true},
		{0.5, 10, true},
		{0.5, 11, false},
		{1, 20, true},
		{1, 21, false},
		{2, 30, false},
		{3, 30, true},
		{3, 99, true},
	} {
		require.Equal(t, c.want, Admits(c.fresh, c.missing, there), "%v for %d", c.fresh, c.missing)
	}
	require.True(t, Admits(0.1, 10, nil), "nothing was looked at")
}

// Where it is not known what a shard holds it is looked at, last.
func TestFullest(t *testing.T) {
	var bytes [Shards]int64
	var known [Shards]bool
	for i := range known {
		known[i] = true
	}
	bytes[3], bytes[200], bytes[7], known[9] = 5, 7, 6, false
	require.Equal(t, []byte{200, 7, 3, 9}, Fullest(&bytes, &known))
}
