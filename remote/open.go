package remote

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/remote/contract"
)

// protocol is what this package knows about a scheme.
type protocol struct {
	open    func(Config) (Tier, error)
	options []string           // parameters of its URL besides the ones that all have
	check   func(Config) error // of the URL, without asking anybody

	// plain lists the hosts, joined by commas, that are talked to without encryption; nil: there are none.
	plain func(Config) string
}

// protocols holds all schemes: a new tier is a file and a line here.
func protocols() map[string]protocol {
	return map[string]protocol{
		"redis":     {openRedis, []string{"sentinel", "cluster"}, checkRedis, plainHosts},
		"rediss":    {openRedis, []string{"sentinel", "cluster", "ca"}, checkRedis, nil},
		"memcached": {openMemcached, nil, checkMemcached, plainHosts},
		"file":      {openFile, nil, checkFile, nil},
		"s3":        {newS3, []string{"endpoint", "path-style", "region", "ca"}, checkS3, plainS3},
		"http":      {newHTTP, nil, checkHTTP, plainHosts},
		"https":     {newHTTP, []string{"ca"}, checkHTTP, nil},
	}
}

// Open makes the tier of a configuration. It connects to nothing: that waits for the first call.
func Open(c Config) (Tier, error) {
	if c.URL == nil {
		return nil, errors.New("no URL")
	}
	p, err := c.protocol()
	if err != nil {
		return nil, err
	}
	if c.Lookup == nil {
		c.Lookup = func(string) (string, bool) { return "", false }
	}
	if err := p.check(c); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Redacted(), err)
	}
	t, err := p.open(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Redacted(), err)
	}
	return t, nil
}

func (c Config) protocol() (protocol, error) {
	all := protocols()
	p, ok := all[c.URL.Scheme]
	if !ok {
		return p, fmt.Errorf("unknown scheme %q: known are %s", c.URL.Scheme, strings.Join(sortedKeys(all), ", "))
	}
	return p, nil
}

// Parse reads the URL of a tier, with its options as parameters: mode, prefix, ttl, timeout, max-size, upload, and
// those of the protocol, which stay in Config.URL. Errors are one line and show no userinfo. Lookup is handed on.
func Parse(text string, lookup func(string) (string, bool)) (Config, Options, error) {
	c, opts, err := parse(text)
	c.Lookup = lookup
	if err != nil {
		return c, opts, err
	}
	p, err := c.protocol()
	if err != nil {
		return c, opts, err
	}
	rest := c.URL.Query()
	for name := range rest {
		if !slices.Contains(p.options, name) {
			known := slices.Sorted(slices.Values(append(slices.Clone(commonOptions), p.options...)))
			// Not what it is set to: it may be a password that somebody thinks belongs there.
			return c, opts,
				fmt.Errorf("%s: unknown option %q: known are %s", c.shown(), plainText(name), strings.Join(known, ", "))
		}
	}
	if err := p.check(c); err != nil {
		return c, opts, fmt.Errorf("%s: %w", c.Redacted(), err)
	}
	return c, opts, nil
}

// parse is Parse without what depends on the protocol. Net/url is not asked for the whole: it refuses several hosts
// with ports, and its errors show the userinfo.
func parse(text string) (Config, Options, error) {
	c := Config{URL: &url.URL{}}
	opts := Options{Mode: ModeReadWrite, Upload: UploadWait}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return c, opts, errors.New("the URL of a tier has a space or control character; write %20")
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return c, opts, errors.New("not the URL of a tier: no scheme, as in redis://host")
	}
	c.URL.Scheme = scheme
	if strings.Contains(rest, "#") {
		return c, opts, fmt.Errorf("the URL of a %s tier has a #; write %%23", scheme)
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, slash := strings.Cut(rest, "/")
	if strings.Contains(authority, ":") && !strings.Contains(authority, "@") && strings.Contains(path+query, "@") {
		return c, opts, fmt.Errorf("the URL of a %s tier has an @ behind a / or ?; "+
			"in a password write %%2F and %%3F, else %%40", scheme)
	}
	if err := c.setAuthority(authority); err != nil {
		return c, opts, err
	}
	if slash {
		path = "/" + path
	}
	var err error
	if c.URL.Path, err = url.PathUnescape(path); err != nil {
		return c, opts, fmt.Errorf("%s: bad escape in the path", c.place())
	}
	if strings.ContainsFunc(c.URL.Path, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return c, opts, fmt.Errorf("%s: control character in the path", c.place())
	}
	return c, opts, c.setOptions(query, &opts)
}

// setAuthority splits user:password@hosts. The last @ counts: passwords with one in them are common.
func (c *Config) setAuthority(text string) error {
	at := strings.LastIndexByte(text, '@')
	c.URL.Host = text[at+1:]
	if at < 0 {
		return nil
	}
	user, password, has := strings.Cut(text[:at], ":")
	user, err := url.PathUnescape(user)
	if err != nil {
		return fmt.Errorf("%s: bad escape in the user name", c.place())
	}
	if !has {
		c.URL.User = url.User(user)
		return nil
	}
	if password, err = url.PathUnescape(password); err != nil {
		return fmt.Errorf("%s: bad escape in the password", c.place())
	}
	c.URL.User = url.UserPassword(user, password)
	return nil
}

var commonOptions = []string{"max-size", "mode", "prefix", "timeout", "ttl", "upload"}

// setOptions reads the common options and leaves the others in the URL.
func (c *Config) setOptions(query string, opts *Options) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%s: bad escape in the options", c.shown())
	}
	for _, name := range sortedKeys(values) {
		if len(values[name]) > 1 {
			return fmt.Errorf("%s: option %q is there twice", c.shown(), plainText(name))
		}
		if !slices.Contains(commonOptions, name) {
			continue
		}
		if why := c.setOption(name, values.Get(name), opts); why != "" {
			return fmt.Errorf("%s: %s=%s: %s", c.shown(), name, plainText(values.Get(name)), why)
		}
		values.Del(name)
	}
	c.URL.RawQuery = values.Encode()
	return nil
}

// setOption returns what is wrong with the value.
func (c *Config) setOption(name, value string, opts *Options) (why string) {
	switch name {
	case "mode":
		if opts.Mode = Mode(value); !slices.Contains([]Mode{ModeRead, ModeWrite, ModeReadWrite}, opts.Mode) {
			return "use r, w or rw"
		}
	case "upload":
		if opts.Upload = Upload(value); opts.Upload != UploadWait && opts.Upload != UploadBackground {
			return "use wait or background"
		}
	case "prefix":
		if c.Prefix = value; !contract.IsPath(value, 64) {
			return "use parts of letters, digits, dots, hyphens and underscores, joined by slashes, 64 bytes in all"
		}
	case "ttl":
		opts.Life, why = parseDuration(value)
	case "timeout":
		if c.Timeout, why = parseDuration(value); why == "" && c.Timeout == 0 {
			return "must be more than 0"
		}
	case "max-size":
		if c.MaxSize, why = parseBytes(value); why == "" && c.MaxSize == 0 {
			return "must be more than 0"
		}
	}
	return why
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
