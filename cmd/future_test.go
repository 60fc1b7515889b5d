package cmd

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
)

// An entry whose recipe has facts of another version is never a hit, but can be listed, shown and purged like others.
func TestFactsOfAnotherVersion(t *testing.T) {
	spec := hashing.Spec{Namespace: "team/app", Scope: "s", Argv: []string{"sh", "-c", "a b"}, Dir: t.TempDir()}
	spec.Environ = os.Environ()
	now, err := hashing.Capture(spec, nil)
	require.NoError(t, err)
	text := append(now.Text, "umask 0022\nword [a new form]\n"...)
	key := hashing.Key(sha256.Sum256(text))
	place := filepath.Join(t.TempDir(), "c")
	dir, err := cachedir.Open(place, cachedir.Options{})
	require.NoError(t, err)
	p, err := dir.Begin(cachedir.Run{Key: key, Command: now.Command, Recipe: text})
	require.NoError(t, err)
	require.NoError(t, p.Commit(cachedir.Meta{Started: time.Now(), Ended: time.Now(), TTL: time.Hour}))
	dir.Close()

	require.Equal(t, "sh -c 'a b' ***1", masks{}.line(commandWords(text)))
	require.Equal(t, hashing.Show(spec.Dir), directoryOf(text))
	views := factViews(text)
	require.Equal(t,
		[]factView{{Kind: "umask", Value: "0022"}, {Kind: "word", Value: "[a new form]"}}, views[len(views)-2:])

	out, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	said := func(args ...string) string {
		t.Helper()
		require.NoError(t, out.Truncate(0))
		_, err := out.Seek(0, 0)
		require.NoError(t, err)
		t.Setenv("CACHEX_CACHE_DIR", place)
		t.Setenv("HOME", filepath.Dir(place))
		Main("cachex", args, os.Stdin, out, out)
		b, err := os.ReadFile(out.Name())
		require.NoError(t, err)
		return string(b)
	}
	for _, args := range [][]string{{"ls"}, {"ls", "--command", "sh -c*"}, {"show", key.String()}} {
		require.Contains(t, said(args...), "sh -c 'a b' ***1", args)
	}
	require.Contains(t, said("purge", "--namespace", "team", "--dry-run"), "would purge 1 entry")
	require.Contains(t, said("purge", "--scope", "s"), "purged 1 entry")
}
