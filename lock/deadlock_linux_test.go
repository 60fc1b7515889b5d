package lock

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two inside the same outer run want the same lock: no circle, one waits for the other.
func TestSiblingsWait(t *testing.T) {
	a, _, inside := outer(t)
	p := tempFile(t)
	l, _, err := Wait(guarded(t), p, inside, "")
	require.NoError(t, err)
	ended := waitInBackground(guarded(t), p, inside)
	untilBlocked(t, p.Path(), 1)
	require.Len(t, contentOf(t, a).waits, 1)
	require.NoError(t, l.Finish([]byte("n")))
	require.Equal(t, outcome{note: []byte("n")}, <-ended)
	require.Empty(t, contentOf(t, a).waits, "a wait that is over is struck out")
}

// Seen to fail when every line is believed for ever.
func TestKilledWaiterIsInNobodysWay(t *testing.T) {
	a, la, insideA := outer(t)
	b, lb, insideB := outer(t)
	w := start(t, "wait", insideA.value, b.Path())
	untilBlocked(t, b.Path(), 1)

	_, _, err := Wait(guarded(t), a, insideB, "")
	require.ErrorIs(t, err, ErrDeadlock, "a waits for b, through w")

	w.kill()
	ended := waitInBackground(guarded(t), a, insideB)
	untilBlocked(t, a.Path(), 1)
	require.NoError(t, la.Finish([]byte("n")))
	require.Equal(t, outcome{note: []byte("n")}, <-ended)
	require.NoError(t, lb.Finish(nil))
}

// The same for one that gave up, and told so.
func TestCancelledWaiterIsInNobodysWay(t *testing.T) {
	a, la, insideA := outer(t)
	b, _, insideB := outer(t)
	ctx, cancel := context.WithCancel(guarded(t))
	gaveUp := waitInBackground(ctx, b, insideA)
	untilBlocked(t, b.Path(), 1)
	cancel()
	require.Error(t, (<-gaveUp).err)
	require.Empty(t, contentOf(t, a).waits)

	ended := waitInBackground(guarded(t), a, insideB)
	untilBlocked(t, a.Path(), 1)
	require.NoError(t, la.Finish(nil))
	require.NoError(t, (<-ended).err)
}

// A claim that is not true any more keeps nobody from waiting.
func TestStaleClaimWaits(t *testing.T) {
	a, la, inside := outer(t)
	require.NoError(t, la.Finish(nil))
	other := mustTry(t, a)
	ended := waitInBackground(guarded(t), a, inside)
	untilBlocked(t, a.Path(), 1)
	require.NoError(t, other.Finish([]byte("n")))
	require.Equal(t, outcome{note: []byte("n")}, <-ended)
}

// A line that arrives after a take-over was written for the holding before. Seen to fail when the nonce of the holder
// is not compared.
func TestLateLineMeansNothing(t *testing.T) {
	a, la, _ := outer(t)
	b, lb, insideB := outer(t)
	require.NoError(t, la.Abandon())
	next := mustTry(t, a)
	f, err := openRegular(a.Path(), appendOnly)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString(waitLine(la.Nonce(), wait{nonce: nonceA, path: b.Path()}))
	require.NoError(t, err)

	ended := waitInBackground(guarded(t), a, insideB)
	untilBlocked(t, a.Path(), 1)
	require.NoError(t, next.Finish([]byte("n")))
	require.Equal(t, outcome{note: []byte("n")}, <-ended)
	require.NoError(t, lb.Finish(nil))
}
