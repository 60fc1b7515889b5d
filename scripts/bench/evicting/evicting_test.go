package evicting

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	seeds    = flag.String("seeds", "", "`FIRST-LAST`: print a table of what these give")
	requests = flag.Int("requests", 60_000, "how many `N` of each trace")
)

// TestTable prints a table for scripts/bench/evict.
func TestTable(t *testing.T) {
	if *seeds == "" {
		t.Skip("no --seeds")
	}
	var first, last uint64
	_, err := fmt.Sscanf(*seeds, "%d-%d", &first, &last)
	require.NoError(t, err)
	fmt.Print("| |")
	for _, p := range Policies {
		fmt.Printf(" %s |", p.Name)
	}
	fmt.Print(" bound |\n| --- |")
	for range len(Policies) + 1 {
		fmt.Print(" --- |")
	}
	means := make([]float64, len(Policies)+1)
	for _, trace := range Traces {
		rows := make([][]float64, len(Policies)+1)
		for seed := first; seed <= last; seed++ {
			for i, v := range measure(trace, seed, *requests) {
				rows[i] = append(rows[i], v)
			}
		}
		fmt.Printf("\n| %s |", trace.Name)
		for i, values := range rows {
			mean, spread := meanAndSpread(values)
			means[i] += mean / float64(len(Traces))
			fmt.Printf(" %.1f ± %.1f |", mean, spread)
		}
	}
	fmt.Print("\n| mean |")
	for _, m := range means {
		fmt.Printf(" %.1f |", m)
	}
	fmt.Println()
}

// measure returns what each policy saves, and the bound.
func measure(t Trace, seed uint64, n int) []float64 {
	all := t.Requests(seed, n)
	limit := t.capacity(all)
	var out []float64
	for _, p := range Policies {
		out = append(out, saved(p.make(limit), all))
	}
	return append(out, bound(limit, all))
}

func meanAndSpread(values []float64) (mean, spread float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		spread += (v - mean) * (v - mean) / float64(max(len(values)-1, 1))
	}
	return mean, math.Sqrt(spread)
}

// The store saves more than one that removes what was not used for longest, also where it sees little in its time; and
// nothing passes the bound.
func TestBetterThanLRU(t *testing.T) {
	for _, trace := range Traces {
		all := measure(trace, 11, 10_000)
		store, slow, lru, bound := all[0], all[1], all[2], all[len(all)-1]
		require.Greater(t, store, lru, trace.Name)
		require.Greater(t, slow, lru, trace.Name)
		require.Equal(t, bound, slices.Max(all), trace.Name)
	}
}
