package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// faultyServer listens on loopback and hands every connection to answer, after which the connection is closed.
type faultyServer struct {
	addr string

	mu      sync.Mutex
	methods []string // of the requests that were read
	auth    []string
}

func startFaulty(t *testing.T, answer func(conn net.Conn, s *faultyServer)) *faultyServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &faultyServer{addr: l.Addr().String()}
	var wait sync.WaitGroup
	done := make(chan struct{})
	wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer conn.Close()
				over := make(chan struct{})
				defer close(over)
				go func() { // no answer outlives the test
					select {
					case <-done:
						conn.Close()
					case <-over:
					}
				}()
				answer(conn, s)
			})
		}
	})
	t.Cleanup(func() {
		close(done)
		l.Close()
		wait.Wait()
	})
	return s
}

// request reads a request without its body.
func (s *faultyServer) request(conn net.Conn) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.methods = append(s.methods, r.Method)
	s.auth = append(s.auth, r.Header.Get("Authorization"))
	return r
}

// seen are the methods of all requests so far.
func (s *faultyServer) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.methods...)
}

// saying answers every request, once its body is read, with the same text, byte for byte.
func saying(t *testing.T, text string) *faultyServer {
	t.Helper()
	return startFaulty(t, func(conn net.Conn, s *faultyServer) {
		if r := s.request(conn); r != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(conn, text)
		}
	})
}

// status is a whole answer.
func status(code int, more string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: 4\r\nConnection: close\r\n%s\r\nbody", code, more)
}

// bothTiers runs a test with a tier of each protocol on a server that is not one.
func bothTiers(t *testing.T, addr string, patience time.Duration, test func(t *testing.T, tier Tier)) {
	t.Helper()
	for scheme, text := range map[string]string{
		"http": "http://" + addr + "/cache?password=s3cr3t", "s3": "s3://bucket?endpoint=http://" + addr,
	} {
		t.Run(scheme, func(t *testing.T) {
			cfg := tierConfig(t, text)
			cfg.Timeout = patience
			test(t, openWeb(t, cfg))
		})
	}
}

// operations are all that a tier can be asked; each returns what went wrong.
func operations(tier Tier) map[string]func(context.Context) error {
	all := map[string]func(context.Context) error{
		"Get": func(ctx context.Context) error { _, err := read(ctx, tier, "e/key"); return err },
		"Put": func(ctx context.Context) error { return putBytes(ctx, tier, "e/key", []byte("text")) },
		"Put of much": func(ctx context.Context) error {
			return tier.Put(ctx, "e/key", &pattern{size: 20 << 20}, 20<<20, 0)
		},
		"Delete": func(ctx context.Context) error { return Delete(ctx, tier, "e/key") },
	}
	s, is := tier.(*s3)
	if !is {
		return all
	}
	lease := Lease{Name: "l/key", Token: "x", Fence: 1}
	all["Clear"] = func(ctx context.Context) error { _, err := s.Clear(ctx); return err }
	all["Acquire"] = func(ctx context.Context) error { _, err := s.Acquire(ctx, "l/key", time.Second); return err }
	all["Renew"] = func(ctx context.Context) error { return s.Renew(ctx, lease, time.Second) }
	all["Release"] = func(ctx context.Context) error { return s.Release(ctx, lease) }
	all["PutLast"] = func(ctx context.Context) error {
		return s.PutLast(ctx, lease, "e/key", strings.NewReader("text"), 4, 0)
	}
	all["PutFenced"] = func(ctx context.Context) error {
		return s.PutFenced(ctx, lease, "e/key", strings.NewReader("text"), 4, 0)
	}
	all["Bump"] = func(ctx context.Context) error { _, err := s.Bump(ctx, "t/key", 1); return err }
	all["Counts"] = func(ctx context.Context) error { _, err := s.Counts(ctx, "t/key", "t/other"); return err }
	return all
}

// requireFault is requireKind for one of several calls.
func requireFault(t *testing.T, err, kind error, what string) {
	t.Helper()
	require.ErrorIs(t, err, kind, what)
	requireKind(t, err, kind)
}

// TestHTTPFaults: what a server does wrong is an error of the right kind with every operation.
func TestHTTPFaults(t *testing.T) {
	// An error of S3 repeats what was signed.
	s3Error := "<Error><Code>InternalError</Code><StringToSign>s3cr3t</StringToSign></Error>"
	tests := []struct {
		name, text string
		kind       error
		but        map[string]error // operations to which it is another kind, or nothing wrong
	}{
		{name: "400", text: status(400, ""), kind: ErrServer},
		{name: "401", text: status(401, "WWW-Authenticate: Basic realm=s3cr3t\r\n"), kind: ErrDenied},
		{name: "403", text: status(403, ""), kind: ErrDenied},
		{name: "413", text: status(413, ""), kind: ErrTooLarge},
		{name: "429", text: status(429, ""), kind: ErrServer},
		{name: "500", text: status(500, ""), kind: ErrServer},
		{name: "502", text: status(502, ""), kind: ErrServer},
		{name: "503", text: status(503, ""), kind: ErrServer},
		{name: "507", text: status(507, ""), kind: ErrServer},
		{
			name: "500 with words", kind: ErrServer,
			text: fmt.Sprintf("HTTP/1.1 500 X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
				len(s3Error), s3Error),
		},
		{name: "304", text: "HTTP/1.1 304 X\r\nConnection: close\r\n\r\n", kind: ErrServer},
		{name: "something else", text: "-ERR unknown command\r\n\nHTTP\n\n", kind: ErrServer},
		{
			name: "endless headers", text: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxHeaders) + "\r\n\r\n",
			kind: ErrServer,
		},
		{name: "nothing", text: "", kind: ErrUnreachable},
		{name: "half a status", text: "HTTP/1.1 20", kind: ErrServer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := saying(t, test.text)
			bothTiers(t, server.addr, time.Minute, func(t *testing.T, tier Tier) {
				for name, do := range operations(tier) {
					if name == "Put of much" { // see TestEarlyAnswer
						continue
					}
					before := len(server.seen())
					requireFault(t, do(t.Context()), test.kind, name)
					sent := server.seen()[before:]
					switch name {
					case "PutFenced", "Counts": // two side by side
						require.LessOrEqual(t, len(sent), 2, "%s tries again: %v", name, sent)
					default:
						require.Len(t, sent, 1, "%s tries again", name)
					}
					if name != "Delete" {
						require.NotContains(t, sent, http.MethodDelete, name)
					}
				}
			})
		})
	}
}

// TestNobodyAnswers: refused, reset, and silent, with the tier's own patience and with the caller's.
func TestNobodyAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for nobody")
	}
	refused, err := freePort()
	require.NoError(t, err)
	reset := startFaulty(t, func(conn net.Conn, s *faultyServer) {
		s.request(conn)
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
	silent := startFaulty(t, func(conn net.Conn, _ *faultyServer) { _, _ = io.Copy(io.Discard, conn) })
	deaf := startFaulty(t, func(conn net.Conn, _ *faultyServer) { // takes nothing, so a large body cannot be sent
		_ = conn.(*net.TCPConn).SetReadBuffer(1 << 10)
		b := make([]byte, 1)
		_, _ = conn.Read(b)
		<-t.Context().Done()
	})
	for _, test := range []struct {
		name, addr string
		kind       error
		patience   time.Duration
	}{
		{"refused", refused, ErrUnreachable, time.Hour},
		{"reset", reset.addr, ErrUnreachable, time.Hour},
		{"silent", silent.addr, ErrTimeout, 150 * time.Millisecond},
		{"deaf", deaf.addr, ErrTimeout, 150 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			bothTiers(t, test.addr, test.patience, func(t *testing.T, tier Tier) {
				calls := map[string]func() error{}
				for name, do := range operations(tier) {
					calls[name] = func() error { return do(t.Context()) }
				}
				for name, err := range atOnce(calls) {
					requireFault(t, err, test.kind, name)
				}
			})
		})
	}
	t.Run("the caller's patience", func(t *testing.T) {
		for _, text := range []string{"http://" + silent.addr, "s3://bucket?endpoint=http://" + silent.addr} {
			tier := openWeb(t, tierConfig(t, text))
			for name, do := range operations(tier) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				err := do(ctx)
				cancel()
				requireFault(t, err, ErrTimeout, name)
				require.ErrorIs(t, err, context.DeadlineExceeded, name)
			}
		}
	})
}

// TestWrongBodies: what can be wrong with an answer that began well.
func TestWrongBodies(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nETag: \"x\"\r\n"
	tests := []struct {
		name, text string
		then       string // "hold": keep the connection open; "drip": a byte at a time
		maxSize    int64
		kind       error
	}{
		{name: "cut", text: head + "Content-Length: 100\r\n\r\n" + strings.Repeat("x", 50), kind: ErrServer},
		{name: "cut in pieces", text: head + "Transfer-Encoding: chunked\r\n\r\n64\r\nxxxx", kind: ErrServer},
		{name: "no last piece", text: head + "Transfer-Encoding: chunked\r\n\r\n4\r\nxxxx\r\n", kind: ErrServer},
		{name: "bad piece", text: head + "Transfer-Encoding: chunked\r\n\r\nzz\r\nxxxx\r\n", kind: ErrServer},
		{
			name: "stops", text: head + "Content-Length: 100\r\n\r\n" + strings.Repeat("x", 50),
			then: "hold", kind: ErrTimeout,
		},
		{name: "drips", text: head + "Content-Length: 100000000\r\n\r\n", then: "drip", kind: ErrTimeout},
		{name: "no length", text: head + "\r\nxxxx", kind: ErrServer},
		{name: "HTTP/1.0", text: "HTTP/1.0 200 OK\r\n\r\nxxxx", kind: ErrServer},
		{name: "packed", text: head + "Content-Length: 4\r\nContent-Encoding: gzip\r\n\r\nxxxx", kind: ErrServer},
		{name: "2^60", text: head + "Content-Length: 1152921504606846976\r\n\r\nxxxx", kind: ErrServer},
		{
			name: "2^60 announced", text: head + "Content-Length: 1152921504606846976\r\n\r\nxxxx",
			maxSize: 1000, kind: ErrTooLarge,
		},
		{name: "2^65", text: head + "Content-Length: 36893488147419103232\r\n\r\nxxxx", kind: ErrServer},
		{name: "two lengths", text: head + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nxxxx", kind: ErrServer},
		{
			name: "more pieces than fit", text: head + "Transfer-Encoding: chunked\r\n\r\n5\r\nxxxxx\r\n0\r\n\r\n",
			maxSize: 4,
			kind:    ErrTooLarge,
		},
		{name: "a part", text: "HTTP/1.1 206 OK\r\nContent-Length: 4\r\n\r\nxxxx", kind: ErrServer},
		{name: "no content", text: "HTTP/1.1 204 OK\r\n\r\n", kind: ErrServer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := startFaulty(t, func(conn net.Conn, s *faultyServer) {
				s.request(conn)
				_, err := io.WriteString(conn, test.text)
				for test.then == "drip" && err == nil { // 200 bytes a second
					<-time.After(5 * time.Millisecond)
					_, err = conn.Write([]byte("x"))
				}
				if test.then == "hold" {
					_, _ = io.Copy(io.Discard, conn)
				}
			})
			for _, text := range []string{"http://" + server.addr, "s3://bucket?endpoint=http://" + server.addr} {
				cfg := tierConfig(t, text)
				cfg.Timeout, cfg.MaxSize = time.Hour, test.maxSize
				if test.kind == ErrTimeout {
					cfg.Timeout = 150 * time.Millisecond
				}
				_, err := read(t.Context(), openWeb(t, cfg), "e/key")
				if text[0] == 's' && test.maxSize == 0 && strings.HasPrefix(test.name, "2^60") {
					requireFault(t, err, ErrTooLarge, "no object is larger than 5 GiB")
					continue
				}
				requireFault(t, err, test.kind, text)
			}
		})
	}
}

// TestMoreThanAnnounced: the rest does not belong to the value. If the next request comes at once net/http may take the
// rest for its answer, as it may any answer for another name: what is in a value must say whose it is. Net/http tells
// package log of what it throws away, which is for the program to silence.
func TestMoreThanAnnounced(t *testing.T) {
	log.SetOutput(io.Discard)
	defer log.SetOutput(os.Stderr)
	server := saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntext"+
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
	bothTiers(t, server.addr, time.Minute, func(t *testing.T, tier Tier) {
		got, err := read(t.Context(), tier, "e/key")
		require.NoError(t, err)
		require.Equal(t, "text", string(got))
	})
}

// TestLoginPage: an answer of something in between is bytes like any other. Only the checksums of the reader can tell.
func TestLoginPage(t *testing.T) {
	page := "<html>Who are you?</html>"
	server := saying(t, fmt.Sprintf(
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(page), page))
	bothTiers(t, server.addr, time.Minute, func(t *testing.T, tier Tier) {
		got, err := read(t.Context(), tier, "e/key")
		require.NoError(t, err)
		require.Equal(t, page, string(got))
		if s, is := tier.(*s3); is {
			_, err := s.Clear(t.Context())
			requireFault(t, err, ErrServer, "a page is no listing")
			_, err = s.Acquire(t.Context(), "l/key", time.Second)
			requireFault(t, err, ErrServer, "a page is no lease")
			_, err = s.Counts(t.Context(), "t/key")
			requireFault(t, err, ErrServer, "a page is no count")
		}
	})
}

// TestRedirectedElsewhere: another host is never asked, and so never sees who asks.
func TestRedirectedElsewhere(t *testing.T) {
	thief := saying(t, status(200, ""))
	for _, code := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			server := saying(t, status(code, "Location: http://"+thief.addr+"/x?password=s3cr3t\r\n"))
			bothTiers(t, server.addr, time.Minute, func(t *testing.T, tier Tier) {
				for name, do := range operations(tier) {
					if name != "Put of much" {
						requireFault(t, do(t.Context()), ErrServer, name)
					}
				}
			})
			require.NotEmpty(t, server.auth)
			require.NotContains(t, server.auth, "")
		})
	}
	t.Run("in a circle", func(t *testing.T) {
		server := saying(t, status(302, "Location: /again\r\n"))
		cfg := tierConfig(t, "http://"+server.addr)
		_, err := openWeb(t, cfg).Get(t.Context(), "e/key")
		requireFault(t, err, ErrServer, "")
		require.Len(t, server.seen(), maxRedirects+1)
	})
	require.Empty(t, thief.seen())
}

// TestWrongRegion: AWS answers with the right one.
func TestWrongRegion(t *testing.T) {
	server := saying(t, status(301, "x-amz-bucket-region: eu-west-3\r\n"))
	_, err := openWeb(t, tierConfig(t, "s3://bucket?endpoint=http://"+server.addr)).Get(t.Context(), "e/key")
	requireFault(t, err, ErrServer, "")
	require.Contains(t, err.Error(), "bucket is in region eu-west-3")
}

// TestEarlyAnswer: a large body is not sent to a server that does not want it, and is not read after the call.
func TestEarlyAnswer(t *testing.T) {
	for _, code := range []int{403, 413} {
		server := startFaulty(t, func(conn net.Conn, s *faultyServer) {
			if r := s.request(conn); r != nil && r.Header.Get("Expect") == "100-continue" {
				_, _ = io.WriteString(conn, status(code, ""))
			}
		})
		tier := openWeb(t, tierConfig(t, "http://"+server.addr))
		body := &countedBody{ReadSeeker: &pattern{size: 100 << 20}}
		err := tier.Put(t.Context(), "e/key", body, 100<<20, 0)
		requireFault(t, err, map[int]error{403: ErrDenied, 413: ErrTooLarge}[code], "")
		require.Zero(t, body.n, "bytes read")
	}
}

type countedBody struct {
	io.ReadSeeker
	n int64
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	c.n += int64(n)
	return n, err
}

// TestServerWithoutContinue: a large body is sent also to a server that does not answer whether it wants it.
func TestServerWithoutContinue(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a second")
	}
	got := make(chan int64, 1)
	server := startFaulty(t, func(conn net.Conn, s *faultyServer) {
		if r := s.request(conn); r != nil {
			n, _ := io.Copy(io.Discard, r.Body)
			got <- n
			_, _ = io.WriteString(conn, status(200, ""))
		}
	})
	cfg := tierConfig(t, "http://"+server.addr)
	cfg.Timeout = 4 * time.Second // a quarter of it is for the answer that does not come
	require.NoError(t, openWeb(t, cfg).Put(t.Context(), "e/key", &pattern{size: 3 << 20}, 3<<20, 0))
	require.EqualValues(t, 3<<20, <-got)
}

// TestNginxOverTLS: trusted by its authority and under its name only.
func TestNginxOverTLS(t *testing.T) {
	dir := t.TempDir()
	ca, cert, key, err := writeCertificates(dir)
	require.NoError(t, err)
	other, _, _, err := writeCertificates(t.TempDir())
	require.NoError(t, err)
	n, err := startNginx(" ssl", "ssl_certificate "+cert+"; ssl_certificate_key "+key+";")
	require.NoError(t, err)
	defer n.kill()
	_, port, _ := strings.Cut(n.addr, ":")
	for _, test := range []struct {
		name, url string
		kind      error
	}{
		{"right", "https://" + n.addr + "/basic?ca=" + ca, nil},
		{"another name", "https://other.test:" + port + "/basic?ca=" + ca, ErrUnreachable},
		{"another authority", "https://" + n.addr + "/basic?ca=" + other, ErrUnreachable},
		{"no authority", "https://" + n.addr + "/basic", ErrUnreachable},
		{"plain", "http://" + n.addr + "/basic", ErrServer},
	} {
		t.Run(test.name, func(t *testing.T) {
			tier := openWeb(t, tierConfig(t, test.url))
			resolveToLoopback(tier.(*httpTier).web)
			err := putBytes(t.Context(), tier, "e/key", []byte("text"))
			if test.kind != nil {
				requireFault(t, err, test.kind, "")
				return
			}
			require.NoError(t, err)
			requireValue(t, []byte("text"), tier, "e/key")
		})
	}
	t.Run("TLS to a plain server", func(t *testing.T) {
		plain := startFaulty(t, func(conn net.Conn, _ *faultyServer) { _, _ = io.WriteString(conn, status(400, "")) })
		_, err := openWeb(t, tierConfig(t, "https://"+plain.addr)).Get(t.Context(), "e/key")
		require.True(t, errors.Is(err, ErrServer) || errors.Is(err, ErrUnreachable), "%v", err)
	})
	t.Run("no such file", func(t *testing.T) {
		_, err := newHTTP(tierConfig(t, "https://localhost?ca=/none"))
		require.Error(t, err)
		_, err = newHTTP(tierConfig(t, "https://localhost?ca="+key))
		require.ErrorContains(t, err, "no certificate")
	})
}

// TestProxy: by the usual variables as the configuration gives them, and not for this host.
func TestProxy(t *testing.T) {
	var asked []string
	proxy := startFaulty(t, func(conn net.Conn, s *faultyServer) {
		if r := s.request(conn); r != nil {
			s.mu.Lock()
			asked = append(asked, r.Method+" "+r.Host)
			s.mu.Unlock()
			_, _ = io.WriteString(conn, status(407, ""))
		}
	})
	cfg := tierConfig(t, "http://cache.example.com")
	cfg.Lookup = lookup("http_proxy", "http://"+proxy.addr, "HTTPS_PROXY", "http://"+proxy.addr, "NO_PROXY",
		"b.example.com")
	_, err := openWeb(t, cfg).Get(t.Context(), "e/key")
	requireFault(t, err, ErrDenied, "")
	cfg.URL = &url.URL{Scheme: "https", Host: "a.example.com"}
	_, err = openWeb(t, cfg).Get(t.Context(), "e/key")
	require.Error(t, err)
	require.Equal(t, []string{"GET cache.example.com", "CONNECT a.example.com:443"}, asked)

	local := saying(t, status(404, ""))
	cfg.URL = &url.URL{Scheme: "http", Host: local.addr}
	_, err = openWeb(t, cfg).Get(t.Context(), "e/key")
	requireFault(t, err, ErrAbsent, "")
	t.Setenv("HTTP_PROXY", "http://"+proxy.addr)
	cfg = tierConfig(t, "http://192.0.2.1:1")
	cfg.Timeout = 50 * time.Millisecond
	_, err = openWeb(t, cfg).Get(t.Context(), "e/key")
	require.Error(t, err)
	require.Len(t, asked, 2, "the process's own environment is not looked at")
}

// TestBodyIsLeftAlone: once a call is over, its body is the caller's again, also where the server answered early.
func TestBodyIsLeftAlone(t *testing.T) {
	server := startFaulty(t, func(conn net.Conn, s *faultyServer) {
		if s.request(conn) != nil {
			_, _ = io.WriteString(conn, status(403, ""))
			_, _ = io.Copy(io.Discard, conn)
		}
	})
	tier := openWeb(t, tierConfig(t, "http://"+server.addr))
	for range 20 {
		body := bytes.NewReader(random(1<<20, 1))
		require.ErrorIs(t, tier.Put(t.Context(), "e/key", body, 1<<20, 0), ErrDenied)
		_, err := body.Seek(0, io.SeekStart) // a data race, if the transport still reads
		require.NoError(t, err)
	}
}
