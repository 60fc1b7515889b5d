package remote

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNginx: an nginx with WebDAV, with basic and with bearer authentication.
func TestNginx(t *testing.T) {
	s := plainNginx.get(t)
	address := "http://" + webUser + ":" + url.PathEscape(secret) + "@" + s.addr + "/basic"
	testHTTP(t, func(t *testing.T, prefix string) Tier { return openTier(t, address, prefix) })
	t.Run("values", func(t *testing.T) {
		testValues(t, func(t *testing.T, prefix string) Tier { return openTier(t, address, prefix) })
	})
	cfg := tierConfig(t, "http://"+s.addr+"/basic")
	tier := openWeb(t, cfg)
	t.Run("is not cleared", func(t *testing.T) {
		_, err := Clear(t.Context(), tier)
		require.ErrorIs(t, err, ErrUnsupported)
	})
	t.Run("blobs are deleted", func(t *testing.T) {
		put(t, tier, blobName([]byte("gone")), []byte("gone"))
		require.NoError(t, Delete(t.Context(), tier, blobName([]byte("gone"))))
		requireAbsent(t, tier, blobName([]byte("gone")))
	})
	t.Run("lies where a cache for Bazel has it", func(t *testing.T) {
		text := []byte("a blob")
		put(t, tier, blobName(text), text)
		got, err := os.ReadFile(filepath.Join(s.cmd.Dir, "www", "cas", strings.TrimPrefix(blobName(text), "b/")))
		require.NoError(t, err)
		require.Equal(t, text, got)
		put(t, tier, "e/key", text)
		// printf cachex/e/key | sha256sum
		name := "0d670e70c6d7eaf22b969cbb30ca0d30167bbc80b672e6e004d61b1a909cd16c"
		require.FileExists(t, filepath.Join(s.cmd.Dir, "www", "ac", name))
	})
	t.Run("one request each, over one connection", func(t *testing.T) {
		put(t, tier, "e/one", []byte("1"))
		requireValue(t, []byte("1"), tier, "e/one")
		require.NoError(t, Delete(t.Context(), tier, "e/one"))
		var methods, connections []string
		for _, line := range logged(t, filepath.Join(s.cmd.Dir, "access.log"), tier.(*httpTier).path("e/one"), 3) {
			methods = append(methods, line[0])
			connections = append(connections, line[3])
		}
		require.Equal(t, []string{"PUT", "GET", "DELETE"}, methods)
		require.Len(t, slices.Compact(connections), 1)
	})
	put(t, tier, "e/replaced", []byte("new"))
	t.Run("basic authentication", func(t *testing.T) {
		wrong := cfg
		copied := *cfg.URL
		wrong.URL = &copied
		for _, user := range []*url.Userinfo{nil, url.User(webUser), url.UserPassword(webUser, "wr0ng")} {
			copied.User = user
			denied := openWeb(t, wrong)
			require.ErrorIs(t, putBytes(t.Context(), denied, "e/denied", nil), ErrDenied)
			_, err := denied.Get(t.Context(), "e/replaced")
			require.ErrorIs(t, err, ErrDenied)
			require.ErrorIs(t, Delete(t.Context(), denied, "e/replaced"), ErrDenied)
			require.NotContains(t, err.Error(), "wr0ng")
		}
		got, err := read(t.Context(), tier, "e/replaced")
		require.NoError(t, err)
		require.Equal(t, "new", string(got))
	})
	t.Run("bearer authentication", func(t *testing.T) {
		bearer := tierConfig(t, "http://"+s.addr+"/bearer/")
		bearer.URL.User = nil
		_, err := openWeb(t, bearer).Get(t.Context(), "e/replaced")
		require.ErrorIs(t, err, ErrDenied)
		bearer.Lookup = lookup("CACHEX_HTTP_TOKEN", "t0ken")
		got, err := read(t.Context(), openWeb(t, bearer), "e/replaced")
		require.NoError(t, err)
		require.Equal(t, "new", string(got))
	})
	t.Run("redirected on the same server", func(t *testing.T) {
		moved := openWeb(t, tierConfig(t, "http://"+s.addr+"/moved"))
		got, err := read(t.Context(), moved, "e/replaced")
		require.NoError(t, err)
		require.Equal(t, "new", string(got))
		err = putBytes(t.Context(), moved, "e/replaced", []byte("lost"))
		require.ErrorIs(t, err, ErrServer, "a PUT that becomes a GET")
		require.ErrorIs(t, Delete(t.Context(), moved, "e/replaced"), ErrServer)
		kept := openWeb(t, tierConfig(t, "http://"+s.addr+"/kept"))
		large := random(3<<20, 1)
		require.NoError(t, putBytes(t.Context(), kept, "e/kept", large))
		got, err = read(t.Context(), tier, "e/kept")
		require.NoError(t, err)
		require.True(t, bytes.Equal(large, got), "the body once more, from its beginning")
	})
	t.Run("too large for the server", func(t *testing.T) {
		err := tier.Put(t.Context(), "e/large", &pattern{size: 300 << 20}, 300<<20, 0)
		require.ErrorIs(t, err, ErrTooLarge)
	})
	t.Run("too large by configuration", func(t *testing.T) {
		small := cfg
		small.MaxSize = 10
		limited := openWeb(t, small)
		require.ErrorIs(t, putBytes(t.Context(), limited, "e/limited", random(11, 1)), ErrTooLarge)
		require.NoError(t, putBytes(t.Context(), tier, "e/limited", random(11, 1)))
		_, err := limited.Get(t.Context(), "e/limited")
		require.ErrorIs(t, err, ErrTooLarge)
	})
}

// logged waits for n requests for a path in an access log of nginx, which are written after the answers, and returns
// the fields of each.
func logged(t *testing.T, log, path string, n int) [][]string {
	t.Helper()
	var found [][]string
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		found = nil
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, path) {
				found = append(found, strings.Fields(line))
			}
		}
		return len(found) >= n
	}, time.Minute, time.Millisecond)
	return found
}

// TestBazelRemote: the cache server that Bazel's users run.
func TestBazelRemote(t *testing.T) {
	s := bazelRemote.get(t)
	address := "http://" + webUser + ":" + url.PathEscape(secret) + "@" + s.addr + "/instance"
	testHTTP(t, func(t *testing.T, prefix string) Tier { return openTier(t, address, prefix) })
	cfg := tierConfig(t, "http://"+s.addr+"/instance")
	tier := openWeb(t, cfg)
	t.Run("does not delete", func(t *testing.T) {
		put(t, tier, "e/kept", []byte("kept"))
		require.ErrorIs(t, Delete(t.Context(), tier, "e/kept"), ErrUnsupported)
		_, err := Clear(t.Context(), tier)
		require.ErrorIs(t, err, ErrUnsupported)
		requireValue(t, []byte("kept"), tier, "e/kept")
	})
	t.Run("looks at digests", func(t *testing.T) {
		err := putBytes(t.Context(), tier, blobName([]byte("these bytes")), []byte("other bytes"))
		requireKind(t, err, ErrServer)
		requireAbsent(t, tier, blobName([]byte("these bytes")))
	})
	t.Run("denies access", func(t *testing.T) {
		cfg.URL.User = nil
		_, err := openWeb(t, cfg).Get(t.Context(), "e/kept")
		requireKind(t, err, ErrDenied)
	})
}

// TestBazelRemoteThatValidates: without the flag it takes blobs and no entries, which is an error and not a wrong hit.
func TestBazelRemoteThatValidates(t *testing.T) {
	s, err := startBazelRemote()
	require.NoError(t, err)
	defer s.kill()
	tier := openWeb(t, tierConfig(t, "http://"+s.addr))
	put(t, tier, blobName([]byte("blob")), []byte("blob"))
	requireKind(t, putBytes(t.Context(), tier, "e/entry", []byte("\xffno message of Bazel")), ErrServer)
	requireAbsent(t, tier, "e/entry")
}
