package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// fault gives an error its kind: one line, which names the place and hides the secrets. What has a kind keeps it. That
// the caller itself gave up can still be told, by errors.Is(err, context.Canceled).
func fault(ctx context.Context, place string, err error, secrets ...string) error {
	var body *bodyError
	if err == nil || hasKind(err) || errors.As(err, &body) {
		return err
	}
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%s: %w: %w", place, ErrTimeout, cause)
	}
	return fmt.Errorf("%s: %w: %s", place, wireKind(err), withoutSecrets(err.Error(), secrets))
}

// kinds are all kinds of errors.
func kinds() []error {
	return []error{
		ErrAbsent, ErrUnreachable, ErrTimeout, ErrDenied, ErrServer, ErrTooLarge, ErrHeld, ErrFenced, ErrChanged,
		ErrUnsupported, ErrLeftAlone,
	}
}

func hasKind(err error) bool {
	return slices.ContainsFunc(kinds(), func(kind error) bool { return errors.Is(err, kind) })
}

// withoutSecrets makes a server's own words fit for a message: some repeat commands that they do not know, with
// passwords.
func withoutSecrets(text string, secrets []string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return plainText(text)
}

// wireKind tells apart what can go wrong before an answer is there.
func wireKind(err error) error {
	var (
		timeout  net.Error // also any number of an error of the system
		network  *net.OpError
		resolver *net.DNSError
		wrong    *tls.CertificateVerificationError
		alert    tls.AlertError
		notTLS   tls.RecordHeaderError
		hostname x509.HostnameError
	)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return ErrTimeout
	case errors.As(err, &network), errors.As(err, &resolver), errors.As(err, &wrong), errors.As(err, &alert),
		errors.As(err, &notTLS), errors.As(err, &hostname), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrUnreachable
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return ErrDenied
	}
	return ErrServer
}

// bodyError is a value to store that cannot be read: nobody's fault but the caller's, and so of no kind.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "read the value to store: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// plainText is fit for a message: no line ends or other controls, at most 200 bytes.
func plainText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.ToValidUTF8(s, "?")
}

// tooLarge says that a value passes a limit; both in bytes.
func tooLarge(place string, size, limit int64) error {
	return fmt.Errorf("%s: %w: %d bytes, and %d is the limit", place, ErrTooLarge, size, limit)
}

// beginPut refuses what a tier cannot store, and takes the body to its beginning.
func beginPut(place, name string, body io.Seeker, size, limit int64) error {
	if err := contract.CheckName(name); err != nil {
		return err
	}
	if size > limit {
		return tooLarge(place, size, limit)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return &bodyError{err}
	}
	return nil
}

// beside runs f on a goroutine of its own, within a limit, and does not wait for it longer than the context allows.
// What f sets may be looked at only where there was no error: else f may still be at it.
func beside(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- f(inner)
	}()
	select {
	case err := <-done:
		return err
	case <-inner.Done():
	}
	select {
	case err := <-done: // the end of f is an end of the context too
		return err
	default:
		return inner.Err()
	}
}

// readBody reads the next size bytes.
func readBody(body io.Reader, size int64) ([]byte, error) {
	value := make([]byte, size)
	return value, fillBody(body, value)
}

// fillBody reads as many bytes as there is room for.
func fillBody(body io.Reader, room []byte) error {
	_, err := io.ReadFull(body, room)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return &bodyError{err}
	}
	return nil
}
