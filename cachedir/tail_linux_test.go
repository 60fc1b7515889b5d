package cachedir

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// followed is a run that publishes what it writes, and who follows it.
func followed(t *testing.T) (d *Dir, p *Pending, l *Tail) {
	d = newDir(t, Options{})
	p, err := d.Begin(runOf("x"))
	require.NoError(t, err)
	t.Cleanup(p.Discard)
	p.PublishTail(false)
	return d, p, follow(t, d, runOf("x"))
}

// A follower that waits is woken by the run's next write, which it can read then, and uses no CPU meanwhile.
func TestWakeUp(t *testing.T) {
	_, p, l := followed(t)
	require.NotNil(t, l.watch.events, "no inotify here")
	require.Empty(t, readTail(t, l))
	for _, text := range []string{"one", "two"} {
		woken, got := make(chan bool), make(chan []part)
		go func() {
			woken <- l.Wait(nil, time.Hour)
			got <- readTail(t, l)
		}()
		require.NoError(t, p.Append(1, []byte(text)))
		require.True(t, <-woken)
		require.Equal(t, []part{{1, text}}, <-got)
		for l.Wait(nil, time.Millisecond) { // one write may be more than one event
		}
	}
	if testing.Short() {
		return // what it uses in a second
	}
	before := cpu(t)
	require.False(t, l.Wait(nil, time.Second))
	require.Less(t, cpu(t)-before, 300*time.Millisecond)
}

// A write between the last look and the wait is not missed.
func TestWakeUpBeforeTheWait(t *testing.T) {
	_, p, l := followed(t)
	require.Empty(t, readTail(t, l))
	require.NoError(t, p.Append(0, []byte("x")))
	require.True(t, l.Wait(nil, time.Hour))
	requireParts(t, []part{{0, "x"}}, readTail(t, l))
}

// Without inotify a follower polls.
func TestPolling(t *testing.T) {
	d, p, l := followed(t)
	l.watch.close()
	l.watch = newWatch(d.v1, "pending/absent")
	require.Nil(t, l.watch.events)
	require.Empty(t, readTail(t, l))
	require.NoError(t, p.Append(0, []byte("x")))
	require.False(t, l.Wait(nil, time.Hour))
	requireParts(t, []part{{0, "x"}}, readTail(t, l))
}

// Following takes three descriptors, and gives them back.
func TestFollowClosesItsDescriptors(t *testing.T) {
	d := newDir(t, Options{})
	p, err := d.Begin(runOf("x"))
	require.NoError(t, err)
	defer p.Discard()
	p.PublishTail(false)
	lowest := func() int {
		f, err := p.entry.Dup()
		require.NoError(t, err)
		defer func() { require.NoError(t, f.Close()) }()
		return int(f.Fd())
	}
	before := lowest()
	for range 10 {
		l, ok := d.Follow(runOf("x").Key)
		require.True(t, ok)
		l.Close()
	}
	require.Equal(t, before, lowest())
}

// cpu is the time that this process has computed.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var ru syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &ru))
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
