package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// What the tiers over HTTP share: one client per tier that never waits for ever, never sends credentials to a host that
// the user did not name, never retries, and says what went wrong by the kinds of this package.
//
// There is one rule about time. A request that has not moved for the tier's timeout is given up: no answer after the
// last byte sent, a server that stopped reading, an answer of less than a slice of bytes in that time. A limit on the
// whole would either cut a large value on a slow line or let a small one take minutes.

const (
	slice        = 16 << 10 // bytes of an answer that count as progress: 8 KiB/s with the default timeout
	maxHeaders   = 64 << 10 // bytes of an answer's headers
	maxDrain     = 64 << 10 // bytes of an answer read only in order to use the connection again
	maxRedirects = 3
	askFirst     = 1 << 20 // bytes; a larger body is sent once the server has said that it wants it
	userAgent    = "cachex"
)

// web is the HTTP client of one tier.
type web struct {
	client  *http.Client
	timeout time.Duration
	place   string // for errors: scheme and host, no userinfo, no query
}

// newWeb makes the client for a server. The tier's URL may name a file of certificates (ca=) to trust instead of the
// system's. Redirects are followed on the same server where follow says so, else they are answers like any other.
func newWeb(cfg Config, place string, follow bool) (*web, error) {
	trust, err := trusting(cfg.URL.Query().Get("ca"))
	if err != nil {
		return nil, err
	}
	timeout := cfg.patience()
	onlyHTTP1 := new(http.Protocols)
	onlyHTTP1.SetHTTP1(true)
	return &web{
		timeout: timeout,
		place:   place,
		client: &http.Client{
			CheckRedirect: redirects(follow),
			Transport: &http.Transport{
				Proxy:                  proxies(cfg),
				DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
				TLSHandshakeTimeout:    timeout,
				TLSClientConfig:        trust,
				Protocols:              onlyHTTP1,
				DisableCompression:     true, // nothing is unpacked here, so nothing can grow
				MaxIdleConnsPerHost:    16,
				IdleConnTimeout:        time.Minute,
				ExpectContinueTimeout:  timeout / 4,
				MaxResponseHeaderBytes: maxHeaders,
			},
		},
	}, nil
}

// proxies chooses a proxy by the usual variables, never for this host itself.
func proxies(cfg Config) func(*http.Request) (*url.URL, error) {
	choose := (&httpproxy.Config{
		HTTPProxy:  cfg.either("http_proxy", "HTTP_PROXY"),
		HTTPSProxy: cfg.either("https_proxy", "HTTPS_PROXY"),
		NoProxy:    cfg.either("no_proxy", "NO_PROXY"),
	}).ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
}

// either is the first of these variables that is set and not empty.
func (cfg Config) either(names ...string) string {
	for _, name := range names {
		if cfg.Lookup == nil {
			break
		}
		if value, _ := cfg.Lookup(name); value != "" {
			return value
		}
	}
	return ""
}

// errRedirect is a redirect that is not followed.
var errRedirect = errors.New("redirects elsewhere")

// redirects follows where the server is the same and the method too: a PUT that became a GET would be answered with 200
// and would have stored nothing. Credentials go along, and so never leave the server that they are for.
func redirects(follow bool) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, done []*http.Request) error {
		first := done[0]
		switch {
		case !follow:
			return http.ErrUseLastResponse
		case len(done) > maxRedirects:
			return fmt.Errorf("%w: too often", errRedirect)
		case next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host:
			return fmt.Errorf("%w: to %s://%s", errRedirect, next.URL.Scheme, next.URL.Host)
		case next.Method != first.Method:
			return fmt.Errorf("%w: in a way that turns %s into %s", errRedirect, first.Method, next.Method)
		}
		return nil
	}
}

// do sends a request and returns the answer, whatever its status. The body of the answer says by the kinds of this
// package what goes wrong with it, and must be closed. Afterwards the body of the request is not read any more.
func (w *web) do(ctx context.Context, req *http.Request, body *upload) (*http.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	watch := &watch{limit: w.timeout, cancel: cancel}
	watch.timer = time.AfterFunc(w.timeout, watch.expire)
	req = req.WithContext(ctx)
	req.ProtoMajor, req.ProtoMinor = 1, 1 // without them net/http does not wait for 100 Continue
	req.Header.Set("User-Agent", userAgent)
	if body != nil {
		body.attach(req, watch)
	}
	resp, err := w.client.Do(req)
	if body != nil {
		if mine := body.detach(); mine != nil && err != nil {
			err = &bodyError{mine}
		}
	}
	watch.timer.Stop()
	if err != nil {
		err = w.failed(ctx, watch, err)
		cancel()
		return nil, err
	}
	resp.Body = &download{web: w, ctx: ctx, watch: watch, from: resp.Body, left: w.timeout}
	return resp, nil
}

// finish gives the connection back if the rest of the answer is short.
func finish(resp *http.Response) {
	io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrain))
	resp.Body.Close()
}

// watch ends a request that does not move.
type watch struct {
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelFunc

	mu      sync.Mutex
	stalled bool
}

func (w *watch) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stalled = true
	w.cancel()
}

func (w *watch) hasStalled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stalled
}

// upload is the body of a request: size bytes of from, from its beginning. The transport may go on reading after an
// early answer and on another goroutine, so each opening is cut off by the next, and the last by detach.
type upload struct {
	from io.ReadSeeker
	size int64

	mu      sync.Mutex
	opening int   // the one that may read
	failure error // of from
}

// attach makes u the body of a request, and its progress that of watch.
func (u *upload) attach(req *http.Request, watch *watch) {
	req.ContentLength = u.size
	req.Body = http.NoBody
	if u.size == 0 {
		return
	}
	if u.size > askFirst {
		req.Header.Set("Expect", "100-continue")
	}
	req.GetBody = func() (io.ReadCloser, error) { return u.open(watch) }
	req.Body = &opening{upload: u, watch: watch, number: u.opening, left: u.size, fresh: true}
}

// open is the body once more, for a redirect.
func (u *upload) open(watch *watch) (io.ReadCloser, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.opening++
	return &opening{upload: u, watch: watch, number: u.opening, left: u.size, fresh: true}, nil
}

// detach returns what went wrong with reading; afterwards nothing is read any more.
func (u *upload) detach() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.opening++
	return u.failure
}

// opening is one reading of an upload.
type opening struct {
	upload *upload
	watch  *watch
	number int
	left   int64
	fresh  bool // at the beginning
}

// Read gives the next bytes. That somebody asks for them is progress: those before are on their way.
func (o *opening) Read(p []byte) (int, error) {
	u := o.upload
	u.mu.Lock()
	defer u.mu.Unlock()
	if o.number != u.opening {
		return 0, errors.New("the request is over")
	}
	o.watch.timer.Reset(o.watch.limit)
	if o.left == 0 {
		return 0, io.EOF
	}
	if o.fresh {
		o.fresh = false
		if _, err := u.from.Seek(0, io.SeekStart); err != nil {
			u.failure = err
			return 0, err
		}
	}
	n, err := u.from.Read(p[:min(int64(len(p)), o.left)])
	o.left -= int64(n)
	if err == io.EOF && o.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		u.failure = err
	}
	return n, err
}

func (o *opening) Close() error { return nil }

// download is the body of an answer.
type download struct {
	web   *web
	ctx   context.Context
	watch *watch
	from  io.ReadCloser
	left  time.Duration // to get the rest of this slice
	got   int           // bytes of it
}

// Read counts the time that the server takes, not the reader's own between two calls.
func (d *download) Read(p []byte) (int, error) {
	began := time.Now()
	d.watch.timer.Reset(d.left)
	n, err := d.from.Read(p)
	d.watch.timer.Stop()
	d.left = max(d.left-time.Since(began), time.Millisecond)
	if d.got += n; d.got >= slice {
		d.got, d.left = 0, d.watch.limit
	}
	if err != nil && err != io.EOF {
		err = d.web.failed(d.ctx, d.watch, err)
	}
	return n, err
}

func (d *download) Close() error {
	d.watch.timer.Stop()
	d.watch.cancel()
	return d.from.Close()
}

// failed gives an error of net/http its kind. It names the server, never the URL.
func (w *web) failed(ctx context.Context, watch *watch, err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var source *bodyError
	switch {
	case errors.As(err, &source):
		return source
	case watch.hasStalled():
		return fmt.Errorf("%s: %w: nothing for %s", w.place, ErrTimeout, watch.limit)
	case ctx.Err() == nil && errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: %w: the answer ends before its length", w.place, ErrServer)
	}
	return fault(ctx, w.place, err)
}

// refusal gives the status of an answer its kind. Code is the server's own word for it, if there is one.
func (w *web) refusal(resp *http.Response, code string) error {
	kind := ErrServer
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusGone:
		kind = ErrAbsent
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		kind = ErrDenied
	case http.StatusRequestEntityTooLarge:
		kind = ErrTooLarge
	}
	if code != "" {
		code = " " + code
	}
	return fmt.Errorf("%s: %w: status %d%s", w.place, kind, resp.StatusCode, code)
}

// value is the answer to a GET as a value. An answer that does not say where it ends is refused: when the connection
// breaks it looks whole.
func (w *web) value(resp *http.Response, maxSize int64) (*Value, error) {
	size := resp.ContentLength
	var err error
	switch coding := resp.Header.Get("Content-Encoding"); {
	case coding != "" && coding != "identity":
		err = fmt.Errorf("%s: %w: encoding %s, which nobody asked for", w.place, ErrServer, plainText(coding))
	case size < 0 && len(resp.TransferEncoding) == 0:
		err = fmt.Errorf("%s: %w: an answer without a length", w.place, ErrServer)
	case maxSize > 0 && size > maxSize:
		err = tooLarge(w.place, size, maxSize)
	}
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	body := resp.Body
	if size < 0 && maxSize > 0 {
		body = &bounded{ReadCloser: body, left: maxSize, err: tooLarge(w.place, maxSize+1, maxSize)}
	}
	return &Value{ReadCloser: body, Size: size}, nil
}

// bounded fails where there is more than left.
type bounded struct {
	io.ReadCloser
	left int64
	err  error
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, b.err
	}
	return n, err
}

func (w *web) close() error {
	w.client.CloseIdleConnections()
	return nil
}
