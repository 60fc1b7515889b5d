package remote

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// http:// and https://: a cache of the kind that Bazel made usual, as bazel-remote serves it, and an nginx with WebDAV.
// Values lie under two folders of the URL's path: cas/HEX for a name b/HEX of 64 hex digits, which stands for bytes of
// that SHA-256 (bazel-remote looks whether they are), and ac/HEX for all others, HEX being the SHA-256 of the prefix
// and the name. Whoever stores bytes under b/HEX that are packed or encrypted must name them by what they are then.
//
// bazel-remote believes that what lies under ac/ is a message of Bazel, and refuses anything else: it must be started
// with --disable_http_ac_validation.
//
// Such a server has no life for a value, so life is ignored: it keeps what it has room for, and the times within an
// entry decide. It cannot list names, so it is no Clearer, and some cannot delete (Delete is ErrUnsupported). It has no
// lease. That it answers a GET with 200 does not mean that it has the value: a login page is such an answer too, and
// only the checksums of whoever reads it can tell.
//
// Credentials: userinfo of the URL (basic), else CACHEX_HTTP_TOKEN from the environment (bearer). Redirects are
// followed on the same server only.

type httpTier struct {
	web     *web
	base    *url.URL // no userinfo, no query; the path ends in a slash
	prefix  string
	maxSize int64 // 0: what the server takes
	auth    string
}

// newHTTP makes the tier; nothing is sent yet.
func newHTTP(cfg Config) (Tier, error) {
	base := &url.URL{Scheme: cfg.URL.Scheme, Host: cfg.URL.Host, Path: strings.TrimRight(cfg.URL.Path, "/") + "/"}
	web, err := newWeb(cfg, cfg.place(), true)
	if err != nil {
		return nil, err
	}
	return &httpTier{web: web, base: base, prefix: cfg.lead(), maxSize: cfg.MaxSize, auth: authorization(cfg)}, nil
}

// checkHTTP finds what is wrong with the URL.
func checkHTTP(cfg Config) error {
	if _, err := withPort(cfg.URL.Host, "80"); err != nil {
		return fmt.Errorf("not one host, as in https://cache.example.com/path: %w", err)
	}
	return nil
}

// authorization is the header that shows who asks; empty: nobody.
func authorization(cfg Config) string {
	if user := cfg.URL.User; user != nil {
		password, _ := user.Password()
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
	}
	if token := cfg.either("CACHEX_HTTP_TOKEN"); token != "" {
		return "Bearer " + token
	}
	return ""
}

func (h *httpTier) Close() error { return h.web.close() }

// Get opens a value.
func (h *httpTier) Get(ctx context.Context, name string) (*Value, error) {
	resp, err := h.send(ctx, http.MethodGet, name, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer finish(resp)
		return nil, h.web.refusal(resp, "")
	}
	return h.web.value(resp, h.maxSize)
}

// Put stores a value; its life is ignored.
func (h *httpTier) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, _ time.Duration) error {
	if h.maxSize > 0 && size > h.maxSize {
		return tooLarge(h.web.place, size, h.maxSize)
	}
	resp, err := h.send(ctx, http.MethodPut, name, &upload{from: body, size: size})
	if err != nil {
		return err
	}
	defer finish(resp)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return nil
	case http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%s: %w: status %d for a PUT", h.web.place, ErrServer, resp.StatusCode)
	}
	return h.web.refusal(resp, "")
}

// Delete removes a value; ErrUnsupported where the server lets nobody delete.
func (h *httpTier) Delete(ctx context.Context, name string) error {
	resp, err := h.send(ctx, http.MethodDelete, name, nil)
	if err != nil {
		return err
	}
	defer finish(resp)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent, http.StatusNotFound, http.StatusGone:
		return nil
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return fmt.Errorf("%s: %w: this server does not delete", h.web.place, ErrUnsupported)
	}
	return h.web.refusal(resp, "")
}

func (h *httpTier) send(ctx context.Context, method, name string, body *upload) (*http.Response, error) {
	if err := contract.CheckName(name); err != nil {
		return nil, err
	}
	at := *h.base
	at.Path += h.path(name)
	req := &http.Request{Method: method, URL: &at, Header: http.Header{}}
	if h.auth != "" {
		req.Header.Set("Authorization", h.auth)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	return h.web.do(ctx, req, body)
}

// path is where a name lies.
func (h *httpTier) path(name string) string {
	if digest, is := strings.CutPrefix(name, "b/"); is && isDigest(digest) {
		return "cas/" + digest
	}
	sum := sha256.Sum256([]byte(h.prefix + "/" + name))
	return "ac/" + hex.EncodeToString(sum[:])
}

// isDigest tells 64 hex digits, lower case.
func isDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
