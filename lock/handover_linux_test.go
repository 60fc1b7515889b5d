package lock

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// handOver hands l over to a process.
func handOver(t *testing.T, l *Lock, nonce string) *process {
	t.Helper()
	var heir *process
	require.NoError(t, l.HandOver(func(f *os.File) error {
		heir = startWith(t, []*os.File{f}, "adopt", "", l.Path(), nonce)
		return nil
	}))
	return heir
}

// Seen to fail with an unlock in HandOver.
func TestHandedOver(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	held := ParseHeld(Held{}.With(l))
	heir := handOver(t, l, l.Nonce())
	require.NoError(t, l.Abandon())
	require.NoError(t, l.Finish([]byte("not from here")))
	_, err := Try(p, "")
	require.ErrorIs(t, err, ErrBusy)

	require.Equal(t, "adopted", heir.says())
	r, isHeld := Holder(p)
	require.True(t, isHeld)
	require.Equal(t, Holding{l.Nonce(), heir.cmd.Process.Pid, "adopted"}, r)
	require.True(t, held.Holds(p), "it is the same holding")

	waiter := start(t, "wait", "", p.Path())
	untilBlocked(t, p.Path(), 1)
	heir.goOn()
	require.Empty(t, heir.rest(t))
	require.Equal(t, []string{"note from the heir"}, waiter.rest(t))
	require.Equal(t, state{}, stateOf(t, p))
	require.ErrorContains(t, l.HandOver(func(*os.File) error { return nil }), "released")
}

// Seen to fail with a descriptor that the first holder keeps.
func TestHeirDies(t *testing.T) {
	l := mustTry(t, tempFile(t))
	heir := handOver(t, l, l.Nonce())
	require.Equal(t, "adopted", heir.says())
	one, other := start(t, "wait", "", l.Path()), start(t, "wait", "", l.Path())
	untilBlocked(t, l.Path(), 2)
	require.Empty(t, heir.kill())
	said := make(chan string, 2)
	for _, p := range []*process{one, other} {
		go func() { said <- p.says() }()
	}
	require.Equal(t, "lead", <-said)
	require.Equal(t, 1, blockedOn(t, l.Path()), "two leaders")
	one.goOn()
	other.goOn()
	require.Equal(t, "note from a process", <-said)
}

func TestHandOverThatFails(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	failed := errors.New("did not start")
	require.ErrorIs(t, l.HandOver(func(*os.File) error { return failed }), failed)
	_, err := Try(p, "")
	require.ErrorIs(t, err, ErrBusy)
	require.NoError(t, l.Finish(nil))
	require.Equal(t, state{}, stateOf(t, p))
}

// copyOf returns another descriptor of the same open file, as a child has one.
func copyOf(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := syscall.Dup(int(f.Fd()))
	require.NoError(t, err)
	return os.NewFile(uintptr(fd), f.Name())
}

// What is refused is closed, and held by whoever holds it as before.
func TestAdoptRefuses(t *testing.T) {
	p := tempFile(t)
	open := func(t *testing.T) *os.File {
		f, err := p.Open()
		require.NoError(t, err)
		return f
	}
	refused := func(t *testing.T, f *os.File, at File, nonce string, want error) {
		t.Helper()
		_, err := Adopt(f, at, nonce, "")
		require.ErrorIs(t, err, want)
		require.ErrorIs(t, f.Close(), os.ErrClosed)
	}
	t.Run("another nonce", func(t *testing.T) {
		l := mustTry(t, p)
		refused(t, copyOf(t, l.file), p, nonceA, errNotHeld)
		require.True(t, stateOf(t, p).held)
		require.NoError(t, l.Finish(nil))
	})
	t.Run("another open file", func(t *testing.T) {
		l := mustTry(t, p)
		refused(t, open(t), p, l.Nonce(), ErrBusy)
		require.True(t, stateOf(t, p).held)
		require.NoError(t, l.Finish(nil))
	})
	t.Run("another file", func(t *testing.T) {
		l, other := mustTry(t, p), mustTry(t, tempFile(t))
		refused(t, copyOf(t, l.file), other.at, other.Nonce(), errNotHeld)
		require.True(t, stateOf(t, p).held)
		require.NoError(t, l.Finish(nil))
	})
	t.Run("a name that was removed", func(t *testing.T) {
		l := mustTry(t, p)
		f := copyOf(t, l.file)
		require.NoError(t, os.Remove(p.Path()))
		refused(t, f, p, l.Nonce(), errNotHeld)
		require.NoError(t, l.Finish(nil))
	})
	t.Run("not held", func(t *testing.T) {
		l := mustTry(t, p)
		require.NoError(t, l.Abandon())
		refused(t, open(t), p, l.Nonce(), errNotHeld)
		require.Equal(t, state{exists: true}, stateOf(t, p))
	})
}

func TestAdoptedLockIsNotInherited(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	f := copyOf(t, l.file)
	adopted, err := Adopt(f, p, l.Nonce(), "")
	require.NoError(t, err)
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
	require.NoError(t, err)
	require.NotZero(t, flags&unix.FD_CLOEXEC)
	require.NoError(t, adopted.Finish(nil))
	require.Equal(t, state{}, stateOf(t, p))
}
