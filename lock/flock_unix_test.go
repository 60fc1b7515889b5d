//go:build unix

package lock

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestWhatErrorsMean(t *testing.T) {
	require.NoError(t, meaning(nil))
	require.ErrorIs(t, meaning(unix.EWOULDBLOCK), ErrBusy)
	for _, e := range []error{unix.ENOLCK, unix.ENOSYS, unix.EOPNOTSUPP, unix.ENOTSUP, unix.EINVAL} {
		require.ErrorIs(t, meaning(e), ErrUnsupported)
		require.ErrorIs(t, meaning(e), e)
	}
	require.Equal(t, unix.EIO, meaning(unix.EIO))
}

// A pipe in the place of a lock must not block the open.
func TestPipeInThePlace(t *testing.T) {
	p := tempFile(t)
	require.NoError(t, syscall.Mkfifo(p.Path(), 0o600))
	_, err := Try(p, "")
	require.ErrorContains(t, err, "not a regular file")
}

func TestLockFileIsPrivateAndNotInherited(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	info, err := os.Stat(p.Path())
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)
	flags, err := unix.FcntlInt(l.file.Fd(), unix.F_GETFD, 0)
	require.NoError(t, err)
	require.NotZero(t, flags&unix.FD_CLOEXEC)
}

// A lock file of another user is not written to, so waiting might never end.
func TestForeignAncestor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	p, _, _ := outer(t)
	a, _, held := outer(t)
	require.NoError(t, os.Chown(a.Path(), 1, 1))
	_, _, err := Wait(guarded(t), p, held, "")
	require.ErrorIs(t, err, ErrDeadlock)
	require.ErrorContains(t, err, "belongs to user 1")
	require.Empty(t, contentOf(t, a).waits)
}
