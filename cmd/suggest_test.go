package cmd

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNearest(t *testing.T) {
	names := []string{"ttl", "ttl-fail", "env", "exe", "stale", "stale-if-error", "cached-only", "no-cache"}
	for word, want := range map[string]string{
		"tlt":        "ttl",            // exchanged
		"ttls":       "ttl",            // in excess
		"ttl_fail":   "ttl-fail",       // another one
		"cached-onl": "cached-only",    // missing
		"stale-if":   "stale-if-error", // begins so
		"nocache":    "no-cache",
		"cached":     "cached-only",
		"enx":        "env",
		"colour":     "",
		"x":          "",
		"":           "",
	} {
		require.Equal(t, want, nearest(word, names), word)
	}
	for word, want := range map[string]string{
		"max-age": "ttl", "expires": "ttl", "force": "", "ttl": "", "": "",
	} {
		require.Equal(t, want, inOtherWords(word, names), word)
	}
	require.Equal(t, 3, distance("kitten", "sitting"))
	require.Equal(t, 1, distance("ab", "ba"))
	require.Equal(t, 4, distance("", "four"))
}
