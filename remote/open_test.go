package remote

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]struct {
		shown string
		opts  Options
		conf  Config // but for its URL
	}{
		"redis://host":               {"redis://host", Options{Mode: "rw", Upload: "wait"}, Config{}},
		"redis://me:p%40ss@host:1/2": {"redis://host:1/2", Options{Mode: "rw", Upload: "wait"}, Config{}},
		"redis://:a@b@host":          {"redis://host", Options{Mode: "rw", Upload: "wait"}, Config{}},
		"redis://a:1,b:2?cluster=1":  {"redis://a:1,b:2?cluster=1", Options{Mode: "rw", Upload: "wait"}, Config{}},
		"redis://a,b?sentinel=main":  {"redis://a,b?sentinel=main", Options{Mode: "rw", Upload: "wait"}, Config{}},
		"rediss://[::1]:7?ca=/x%20y.pem": {
			"rediss://[::1]:7?ca=%2Fx+y.pem", Options{Mode: "rw", Upload: "wait"}, Config{},
		},
		"memcached://h1,h2:2?mode=r":      {"memcached://h1,h2:2", Options{Mode: "r", Upload: "wait"}, Config{}},
		"file:///a%20b?upload=background": {"file:///a%20b", Options{Mode: "rw", Upload: "background"}, Config{}},
		"file:///d?ttl=7d&mode=w&prefix=a/B_c&timeout=1.5s&max-size=10MiB": {
			"file:///d?prefix=a%2FB_c",
			Options{Mode: "w", Upload: "wait", Life: 7 * 24 * time.Hour},
			Config{Prefix: "a/B_c", Timeout: 1500 * time.Millisecond, MaxSize: 10 << 20},
		},
	} {
		c, opts, err := Parse(text, noLookup)
		require.NoError(t, err, text)
		require.Equal(t, want.opts, opts, text)
		for _, shown := range []string{
			c.Redacted(), c.String(), fmt.Sprint(c), fmt.Sprintf("%+v %#v", c, &c)[:len(want.shown)],
		} {
			require.Equal(t, want.shown, shown)
		}
		c.URL, c.Lookup = nil, nil
		require.Equal(t, want.conf, c, text)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "no scheme",
		"host:6379":                        "no scheme",
		"gopher://host":                    `unknown scheme "gopher": known are`,
		"redis://":                         "no host",
		"redis://:pw@":                     "no host",
		"redis://h:x":                      `bad port "x"`,
		"redis://h:0":                      `bad port "0"`,
		"redis://h:65536":                  `bad port "65536"`,
		"redis://a,b":                      "several hosts need",
		"redis://a,":                       "no host",
		"redis://a,?cluster=1":             "no host",
		"redis://[x]":                      `bad address "[x]"`,
		"redis://h h":                      "space or control",
		"redis://h\n":                      "space or control",
		"redis://h#x":                      "has a #",
		"redis://h!":                       `bad host "h!"`,
		"redis://h/x":                      `bad database "x"`,
		"redis://h/-1":                     `bad database "-1"`,
		"redis://h/1?cluster=1":            "no databases but 0",
		"redis://h?cluster=2":              "use 1 or 0",
		"redis://h?sentinel=":              "needs the name",
		"redis://h?sentinel=a&cluster=1":   "exclude each other",
		"redis://h?ca=x":                   `unknown option "ca": known are cluster,`,
		"rediss://h?colour=x":              `unknown option "colour": known are ca, cluster, max-size,`,
		"redis://h?mode=x":                 "mode=x: use r, w or rw",
		"redis://h?mode=r&mode=w":          "is there twice",
		"redis://h?upload=x":               "upload=x: use wait or background",
		"redis://h?prefix=a:b":             "prefix=a:b: use parts",
		"redis://h?prefix=a//b":            "prefix=a//b: use parts",
		"redis://h?prefix=..":              "prefix=..: use parts",
		"redis://h?prefix=":                "prefix=: use parts",
		"redis://h?ttl=5":                  "ttl=5: write 5s",
		"redis://h?ttl=-5s":                "ttl=-5s: write 5s",
		"redis://h?ttl=99999999999d":       "write 5s",
		"redis://h?timeout=0":              "timeout=0: must be more than 0",
		"redis://h?max-size=1K":            "max-size=1K: write a whole number",
		"redis://h?max-size=-1":            "write a whole number",
		"redis://h?max-size=0":             "must be more than 0",
		"redis://h?max-size=9999999999GiB": "write a whole number",
		"redis://u:pw@h?x=%zz":             "bad escape in the options",
		"redis://u:pw%zz@h":                "bad escape in the password",
		"redis://u%zz:pw@h":                "bad escape in the user name",
		"redis://u:pw@h/%zz":               "bad escape in the path",
		"redis://u:pw@h/%00":               "control character in the path",
		"memcached://u:pw@h":               "no user and password",
		"memcached://h/x":                  "no path",
		"file://":                          "no directory",
		"file:///":                         "no directory",
		"file://host/dir":                  `host "host"`,
		"file://u:pw@/dir":                 "no user and password",
	} {
		_, _, err := Parse(text, noLookup)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "pw", text)
		require.NotContains(t, err.Error(), "\n", text)
	}
}

func TestOpenRefuses(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(notPEM, []byte("x"), 0o600))
	for text, want := range map[string]string{
		"rediss://u:pw@h?ca=/none.pem": "read certificates",
		"rediss://u:pw@h?ca=" + notPEM: "no certificate in",
	} {
		c, _, err := Parse(text, noLookup)
		require.NoError(t, err)
		_, err = Open(c)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "pw")
	}
	_, err := Open(Config{})
	require.ErrorContains(t, err, "no URL")
}

// No text makes Parse panic, give a tier that cannot be made, or show a password.
func FuzzParse(f *testing.F) {
	f.Add("redis://u:hunter2@h:1,h:2/3?cluster=1&mode=r#")
	f.Add("rediss://:hunter2@[::1]?ttl=5m&max-size=1GB")
	f.Add("file:///a?prefix=b")
	f.Fuzz(func(t *testing.T, text string) {
		c, _, err := Parse(text, noLookup)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		if at := strings.LastIndex(text, ":hunter2@"); at >= 0 && c.URL.User != nil {
			require.NotContains(t, c.Redacted(), "hunter2")
		}
		if tier, err := Open(c); err == nil {
			require.NoError(t, tier.Close())
		}
	})
}
