package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
)

// A word on a wait comes after its time, once, and never when the wait is over.
func TestWaitNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n waitNotice
		given := 0
		after := func(d time.Duration) {
			stop := n.after(patience, func() { given++ })
			time.Sleep(d)
			synctest.Wait()
			stop()
		}
		after(patience - 1)
		time.Sleep(patience)
		require.Zero(t, given)
		after(patience)
		require.Equal(t, 1, given)
		after(2 * patience)
		require.Equal(t, 1, given)
	})
}

// A follower that copies ends when it is told to. One whose reader has stopped is waited for only as long as is
// allowed, and then until it ends.
func TestFollowerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		f := startFollower(&output{}, func() (*cachedir.Tail, bool) {
			looks++
			return nil, false
		})
		time.Sleep(lookEvery)
		synctest.Wait()
		require.Equal(t, 2, looks)
		before := time.Now()
		require.True(t, f.stop(stuck))
		require.True(t, f.stop(0))
		require.Zero(t, time.Since(before))

		stopped := make(chan struct{})
		f = startFollower(&output{}, func() (*cachedir.Tail, bool) {
			<-stopped
			return nil, false
		})
		require.False(t, f.stop(stuck))
		require.Equal(t, stuck, time.Since(before))
		close(stopped)
		require.True(t, f.stop(0))
		require.Equal(t, stuck, time.Since(before))
	})
	require.True(t, (*follower)(nil).stop(0))
}
