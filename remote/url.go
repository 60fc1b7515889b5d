package remote

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// Config is what a tier is made from.
type Config struct {
	URL     *url.URL      // scheme, hosts, path; userinfo holds secrets. Host may be several, joined by commas
	Prefix  string        // leads all names on the server: parts joined by slashes; empty: "cachex"
	Timeout time.Duration // of one call; 0: 2 s for names and small values, and no progress for that long otherwise
	MaxSize int64         // bytes; larger values are ErrTooLarge; 0: what the server takes

	// Lookup reads the environment, for credentials.
	Lookup func(name string) (string, bool)
}

// Options is what a tier's URL says to who uses the tier; the tier itself does not look at it.
type Options struct {
	Mode   Mode
	Life   time.Duration // at most, of values that are put; 0: no limit
	Upload Upload
}

// Mode is what a tier may be used for.
type Mode string

// Modes.
const (
	ModeRead      Mode = "r"
	ModeWrite     Mode = "w"
	ModeReadWrite Mode = "rw"
)

// Upload is when a run may end.
type Upload string

// Uploads.
const (
	UploadWait       Upload = "wait"       // once the value is stored, or was refused
	UploadBackground Upload = "background" // at once; somebody else goes on
)

// Redacted is the URL without userinfo and without a password that somebody wrote where none belongs. It tells places
// apart: of the options those are in it that say where values are, and not what is done with them.
func (c Config) Redacted() string {
	if c.URL == nil {
		return ""
	}
	query := c.URL.Query()
	if c.Prefix != "" {
		query.Set("prefix", c.Prefix)
	}
	return c.shown() + strings.TrimSuffix("?"+query.Encode(), "?")
}

// shown is Redacted without the options.
func (c Config) shown() string { return c.place() + c.URL.EscapedPath() }

// String is Redacted, so that no format of a message shows more.
func (c Config) String() string { return c.Redacted() }

// GoString is Redacted too, for %#v.
func (c Config) GoString() string { return c.Redacted() }

// place names the server in errors.
func (c Config) place() string { return c.URL.Scheme + "://" + c.URL.Host }

// patience is how long a server may do nothing.
func (c Config) patience() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 2 * time.Second
}

// lead is the prefix, without slashes at its ends.
func (c Config) lead() string {
	if p := strings.Trim(c.Prefix, "/"); p != "" {
		return p
	}
	return "cachex"
}

// limit is the largest value the tier takes, which is at most most.
func (c Config) limit(most int64) int64 {
	if c.MaxSize > 0 {
		return min(c.MaxSize, most)
	}
	return most
}

// hosts are the servers, each with a port.
func (c Config) hosts(defaultPort string) ([]string, error) {
	var all []string
	for host := range strings.SplitSeq(c.URL.Host, ",") {
		addr, err := withPort(host, defaultPort)
		if err != nil {
			return nil, err
		}
		all = append(all, addr)
	}
	return all, nil
}

// Servers are the names of those that a tier has, as its errors name them, if they may fail one by one.
func (c Config) Servers() (names []string) {
	hosts, err := c.hosts("11211")
	if c.URL.Scheme != "memcached" || err != nil || len(hosts) == 1 {
		return nil
	}
	for _, host := range hosts {
		names = append(names, c.URL.Scheme+"://"+host)
	}
	return names
}

// withPort checks one host, with or without port; IPv6 addresses stand in brackets.
func withPort(host, defaultPort string) (string, error) {
	name, port := host, defaultPort
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", fmt.Errorf("bad port %q", port)
		}
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if !ok || net.ParseIP(inner) == nil {
			return "", fmt.Errorf("bad address %q", name)
		}
		return net.JoinHostPort(inner, port), nil
	}
	switch {
	case name == "":
		return "", fmt.Errorf("no host")
	case strings.ContainsFunc(name, func(r rune) bool { return !contract.PlainByte(r) }):
		return "", fmt.Errorf("bad host %q", name)
	}
	return net.JoinHostPort(name, port), nil
}
