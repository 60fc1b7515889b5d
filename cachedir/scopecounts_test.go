package cachedir

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func countsOf(t *testing.T, d *Dir, scope [32]byte) ScopeCounts {
	t.Helper()
	c, _, err := d.ScopeCounts(scope)
	require.NoError(t, err)
	return c
}

// Each answer counts once, however often the log is added up or begun anew, and of each scope apart.
func TestScopeCounts(t *testing.T) {
	d := openAt(t, t.TempDir(), Options{})
	a, b := [32]byte{1}, [32]byte{2}
	_, known, err := d.ScopeCounts(a)
	require.NoError(t, err)
	require.False(t, known)
	name := scopeName(a)
	hits := int64(0)
	for i := range 3*scopeLogFold + 5 {
		require.NoError(t, d.CountScope(a, true))
		hits++
		if i%1000 == 0 {
			require.NoError(t, d.foldScope(name, 32))
			require.Equal(t, ScopeCounts{Hits: hits, Most: 32}, countsOf(t, d, a))
		}
	}
	require.NoError(t, d.CountScope(a, false))
	require.NoError(t, d.CountScope(b, false))
	require.Equal(t, ScopeCounts{Hits: hits, Misses: 1, Most: 32}, countsOf(t, d, a))
	require.Equal(t, ScopeCounts{Misses: 1}, countsOf(t, d, b))

	// A log that is too large is begun anew by the next hit, though nobody stores.
	full := make([]byte, scopeLogLimit)
	for i := range full {
		full[i] = letterHit
	}
	f, _, err := d.v1.OpenInPlace(name+scopeLogSuffix, os.O_APPEND)
	require.NoError(t, err)
	require.NoError(t, f.WriteAll(full))
	f.Close()
	hits += int64(len(full))
	require.NoError(t, d.CountScope(a, true))
	hits++
	require.Equal(t, ScopeCounts{Hits: hits, Misses: 1, Most: 32}, countsOf(t, d, a))
	fi, err := d.v1.Stat(name + scopeLogSuffix)
	require.True(t, isUseless(err), fi.Size)
	begun, _, err := d.scopeTotals(name)
	require.NoError(t, err)
	require.Zero(t, begun.folded)
	require.NoError(t, d.CountScope(a, true))
	require.Equal(t, hits+1, countsOf(t, d, a).Hits)

	require.NoError(t, d.ForgetCounts(a))
	require.Equal(t, ScopeCounts{Most: 32}, countsOf(t, d, a))
	require.NoError(t, d.ForgetCounts([32]byte{3}))
}

// Counts that are damaged, in any byte, count as nothing, and counting goes on.
func TestScopeCountsDamaged(t *testing.T) {
	good := scopeTotals{hits: 5, misses: 6, most: 7, folded: 8}.encode()
	require.Equal(t, scopeTotals{5, 6, 7, 8}, decodeTotals(good))
	for i := range good {
		b := append([]byte{}, good...)
		b[i] ^= 0x40
		require.Equal(t, scopeTotals{}, decodeTotals(b), i)
		require.Equal(t, scopeTotals{}, decodeTotals(good[:i]), i)
	}
	// A log that was removed before the counts said so is read from its beginning.
	cut := scopeTotals{hits: 5, folded: 8}
	cut.add([]byte("hm"))
	require.Equal(t, scopeTotals{hits: 6, misses: 1, folded: 2}, cut)
}
