package remote

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// An error of the system is of the wire only where it comes from it: each number of one looks like an error of a
// network.
func TestFaultKinds(t *testing.T) {
	wire := func(err error) error {
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", err)}
	}
	file := func(err error) error { return &os.PathError{Op: "write", Path: "/cache/v", Err: err} }
	for _, c := range []struct {
		err, want error
	}{
		{wire(syscall.ECONNREFUSED), ErrUnreachable},
		{wire(syscall.ENOSPC), ErrUnreachable},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, ErrUnreachable},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}, ErrUnreachable},
		{io.ErrUnexpectedEOF, ErrUnreachable},
		{syscall.EPIPE, ErrUnreachable},
		{file(syscall.ENOSPC), ErrServer},
		{file(syscall.EIO), ErrServer},
		{syscall.ENOTDIR, ErrServer},
		{file(syscall.EACCES), ErrDenied},
		{file(syscall.EROFS), ErrDenied},
		{wire(os.ErrDeadlineExceeded), ErrTimeout},
		{&net.DNSError{Err: "timeout", IsTimeout: true}, ErrTimeout},
		{context.DeadlineExceeded, ErrTimeout},
		{errors.New("anything"), ErrServer},
		{fmt.Errorf("%w: gone", ErrAbsent), ErrAbsent}, // what has a kind keeps it
	} {
		requireKind(t, fault(t.Context(), "file://h", c.err), c.want)
	}
	require.NoError(t, fault(t.Context(), "file://h", nil))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	requireCancelled(t, fault(ended, "file://h", io.EOF))
	unread := &bodyError{io.ErrUnexpectedEOF}
	require.Equal(t, error(unread), fault(t.Context(), "file://h", unread), "the caller's own")
}

func TestFaultIsOneShortLine(t *testing.T) {
	err := fault(t.Context(), "redis://h", errors.New("bad "+secret+"\r\n\x1b[31m\xff"+strings.Repeat("é", 500)), "",
		secret)
	requireKind(t, err, ErrServer)
	require.Contains(t, err.Error(), "bad ***   [31m\ufffdé")
	require.Less(t, len(err.Error()), 300)
}
