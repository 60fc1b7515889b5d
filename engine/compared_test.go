package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// A result is held against the last one of its recipe, whatever others of the command were since.
func TestCompare(t *testing.T) {
	a, b, c := hashing.Key{1}, hashing.Key{2}, hashing.Key{3}
	runs := func(runs ...cachedir.CommandRun) cachedir.CommandRecord { return cachedir.CommandRecord{Runs: runs} }
	both := runs(cachedir.CommandRun{Key: a, Result: 7}, cachedir.CommandRun{Key: b, Result: 8})
	for _, test := range []struct {
		record cachedir.CommandRecord
		key    hashing.Key
		result uint64
		want   stats.Compared
	}{
		{runs(), a, 7, stats.NotCompared},
		{both, a, 7, stats.SameResult},
		{both, a, 8, stats.OtherResult},
		{both, b, 8, stats.SameResult},
		{both, b, 7, stats.OtherResult},
		{both, c, 7, stats.SameResult},  // new inputs: the youngest of the others
		{both, c, 8, stats.OtherResult}, //
		{both, a, 0, stats.NotCompared},
		{runs(cachedir.CommandRun{Key: a}), a, 7, stats.NotCompared},
	} {
		require.Equal(t, test.want, compare(test.record, test.key, test.result), test)
	}
}
