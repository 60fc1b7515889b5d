package lock

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A parent that holds a lock is told by the lock's own record, if that lock is held and the parent is the one that the
// record means.
func TestWithParents(t *testing.T) {
	_, pid, ok := thisProcess()
	require.True(t, ok)
	parent, _, ok := processAt(pid)
	require.True(t, ok)
	require.True(t, IsParent(os.Getppid()))
	require.False(t, IsParent(os.Getpid()))
	for name, c := range map[string]struct {
		holder processID
		free   bool
		want   bool
	}{
		"parent":                {holder: parent, want: true},
		"parent, long ago":      {holder: parent, free: true},
		"another of its number": {holder: processID{parent.pid, "another time"}},
		"itself":                {holder: self()},
		"not said":              {},
	} {
		t.Run(name, func(t *testing.T) {
			p := tempFile(t)
			l := mustTry(t, p)
			text := firstWords + l.Nonce() + " 1 \"\"\n" + processLine(l.Nonce(), c.holder)
			require.NoError(t, os.WriteFile(p.Path(), []byte(text), 0o600))
			if c.free {
				require.NoError(t, l.Abandon())
			}
			held := Held{}.WithParents(slices.Values([]File{tempFile(t), p}))
			require.Equal(t, c.want, held.Holds(p))
			require.Equal(t, held, held.WithParents(slices.Values([]File{p})), "once")
		})
	}
}

// The record of a lock names this process as its children see it.
func TestRecordNamesItsHolder(t *testing.T) {
	p := tempFile(t)
	mustTry(t, p)
	require.Equal(t, self(), contentOf(t, p).holder)
	require.NotZero(t, self())
}
