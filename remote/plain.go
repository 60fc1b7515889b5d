package remote

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Plain names a server, on another machine, that the tier talks to without encryption: passwords, values and what keys
// say of commands can be read on the way. It is empty if there is none. Names are not looked up.
func (c Config) Plain() string {
	p, err := c.protocol()
	if err != nil || p.plain == nil {
		return ""
	}
	for host := range strings.SplitSeq(p.plain(c), ",") {
		if host != "" && !isLoopback(host) {
			return host
		}
	}
	return ""
}

// plainHosts are all hosts of a protocol that knows no encryption.
func plainHosts(c Config) string { return c.URL.Host }

// plainS3 is the endpoint, if that is not to be spoken to with encryption.
func plainS3(c Config) string {
	if endpoint, err := url.Parse(s3Endpoint(c)); err == nil && endpoint.Scheme == "http" {
		return endpoint.Host
	}
	return ""
}

// isLoopback reports whether a host, with or without a port, is this machine.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
