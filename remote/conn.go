package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// movingConn is a connection that fails when an answer, or of a long one each slice, takes longer than its patience: a
// limit on the whole would cut a large value on a slow line, and with none a server that sends a byte now and then
// would never be given up. The deadlines that its user sets hold as well. It can be cut from another goroutine.
type movingConn struct {
	net.Conn
	patience time.Duration
	left     time.Duration // to get the rest of this slice
	got      int           // bytes of it

	mu          sync.Mutex
	read, write time.Time // the user's deadlines
	isCut       bool
}

func newMovingConn(c net.Conn, patience time.Duration) *movingConn {
	return &movingConn{Conn: c, patience: patience, left: patience}
}

// Read counts the time that the server takes, not the reader's own between two calls.
func (c *movingConn) Read(p []byte) (int, error) {
	if err := c.arm(c.Conn.SetReadDeadline, &c.read, c.left); err != nil {
		return 0, err
	}
	began := time.Now()
	n, err := c.Conn.Read(p)
	c.left = max(c.left-time.Since(began), time.Millisecond)
	if c.got += n; c.got >= slice {
		c.got, c.left = 0, c.patience
	}
	return n, err
}

// Write writes in pieces, so that a slow reader who does read is not taken for one who does not. With each question the
// time for its answer begins anew.
func (c *movingConn) Write(p []byte) (int, error) {
	const piece = 64 << 10
	c.got, c.left = 0, c.patience
	done := 0
	for {
		if err := c.arm(c.Conn.SetWriteDeadline, &c.write, c.patience); err != nil {
			return done, err
		}
		n, err := c.Conn.Write(p[done:min(done+piece, len(p))])
		if done += n; err != nil || done == len(p) {
			return done, err
		}
	}
}

// arm sets the earlier of the two deadlines for one read or write: the user's own, and when so much time has passed.
func (c *movingConn) arm(set func(time.Time) error, own *time.Time, left time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isCut {
		return os.ErrDeadlineExceeded
	}
	at := time.Now().Add(left)
	if !own.IsZero() && own.Before(at) {
		at = *own
	}
	return set(at)
}

// cut ends what goes on, and all that would come after it.
func (c *movingConn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isCut = true
	c.Conn.SetDeadline(time.Unix(1, 0))
}

func (c *movingConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read, c.write = t, t
	return nil
}

func (c *movingConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = t
	return nil
}

func (c *movingConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = t
	return nil
}

// dialer connects to servers; tls with the certificate of whom it asked for, or not at all.
type dialer struct {
	patience time.Duration
	tls      *tls.Config // nil: plain
}

func (d dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	moving := newMovingConn(raw, d.patience)
	if d.tls == nil {
		return moving, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		raw.Close()
		return nil, err
	}
	cfg := d.tls.Clone()
	cfg.ServerName = host
	secure := tls.Client(moving, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return secure, nil
}

// trusting is TLS that checks certificates against those in a file, in PEM, or against the system's if there is none.
func trusting(file string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if file == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return cfg, nil
}
