package remote

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/remote/contract"
)

// TestVersity: an S3 server over a directory.
func TestVersity(t *testing.T) {
	if testing.Short() {
		t.Skip("makes thousands of requests")
	}
	s := versity.get(t)
	open := func(t *testing.T, prefix string) Tier { return openTier(t, versityURL(s), prefix) }
	testTier(t, open)
	t.Run("web", func(t *testing.T) { testWeb(t, open) })

	cfg := tierConfig(t, "s3://bucket/team/a%20b?endpoint=http://"+s.addr)
	tier := openWeb(t, cfg).(*s3)
	t.Run("lies below the prefix", func(t *testing.T) {
		put(t, tier, "e/key", []byte("text"))
		got, err := os.ReadFile(filepath.Join(bucketDir(s), "team/a b/cachex/values/e_key"))
		require.NoError(t, err)
		require.Equal(t, "text", string(got))
	})
	t.Run("clears no neighbours", func(t *testing.T) { clearCase(t, cfg, bucketDir(s)) })
	t.Run("denies access", func(t *testing.T) { deniedCase(t, cfg) })
	t.Run("no such bucket", func(t *testing.T) {
		other := openWeb(t, tierConfig(t, "s3://nobucket?endpoint=http://"+s.addr))
		_, err := other.Get(t.Context(), "e/key")
		requireKind(t, err, ErrServer)
		requireKind(t, putBytes(t.Context(), other, "e/key", nil), ErrServer)
		requireKind(t, Delete(t.Context(), other, "e/key"), ErrServer)
	})
	t.Run("too large", func(t *testing.T) {
		err := tier.Put(t.Context(), "e/large", &pattern{size: maxObject + 1}, maxObject+1, 0)
		requireKind(t, err, ErrTooLarge)
		small := cfg
		small.MaxSize = 10
		requireKind(t, putBytes(t.Context(), openWeb(t, small), "e/limited", random(11, 1)), ErrTooLarge)
		requireAbsent(t, tier, "e/limited")
		put(t, tier, "e/limited", random(11, 1))
		_, err = openWeb(t, small).Get(t.Context(), "e/limited")
		requireKind(t, err, ErrTooLarge)
	})
	t.Run("an older fence never replaces a newer one", func(t *testing.T) {
		olderFenceCase(t, tier, openWeb(t, cfg).(*s3))
	})
	t.Run("damage", func(t *testing.T) { damageCase(t, tier) })
	t.Run("requests", func(t *testing.T) { requestsCase(t, tier, openWeb(t, cfg).(*s3), s.log) })
}

// TestVersityOverTLS: with a private authority.
func TestVersityOverTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server more")
	}
	s := secureVersity.get(t)
	endpoint := "?endpoint=https://" + s.addr
	open := func(t *testing.T, prefix string) Tier {
		return openTier(t, "s3://"+webUser+":"+url.PathEscape(secret)+"@bucket"+endpoint+"&ca="+s.ca, prefix)
	}
	t.Run("values", func(t *testing.T) { testValues(t, open) })
	t.Run("web", func(t *testing.T) { testWeb(t, open) })
	_, port, _ := strings.Cut(s.addr, ":")
	for name, options := range map[string]string{
		"another name": "?endpoint=https://other.test:" + port + "&ca=" + s.ca, "another authority": endpoint,
	} {
		t.Run(name, func(t *testing.T) {
			wrong := openWeb(t, tierConfig(t, "s3://bucket"+options))
			resolveToLoopback(wrong.(*s3).web)
			_, err := wrong.Get(t.Context(), "e/key")
			requireKind(t, err, ErrUnreachable)
		})
	}
}

// TestVersityByHost: the bucket in the host's name, as AWS has it.
func TestVersityByHost(t *testing.T) {
	s, err := startVersity("--virtual-domain", "s3.test")
	require.NoError(t, err)
	defer s.kill()
	_, port, _ := strings.Cut(s.addr, ":")
	tier := openWeb(t, tierConfig(t, "s3://bucket?path-style=0&endpoint=http://s3.test:"+port)).(*s3)
	resolveToLoopback(tier.web)
	put(t, tier, "e/key", []byte("text"))
	require.FileExists(t, filepath.Join(bucketDir(s), "cachex/values/e_key"))
	requireValue(t, []byte("text"), tier, "e/key")
	n, err := Clear(t.Context(), tier)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// clearCase: of the neighbours, whose prefix begins alike or goes on below ours, nothing is removed.
func clearCase(t *testing.T, cfg Config, dir string) {
	cfg.Prefix = "cleared"
	tier := openWeb(t, cfg).(*s3)
	neighbours := []string{
		"cleared2/values", "cleare/values", "cleared.d/values", "cleared/values/values", "values", "cleared",
	}
	for _, folder := range neighbours {
		file := filepath.Join(dir, "team/a b", folder, "e_kept")
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte("kept"), 0o600))
	}
	put(t, tier, "e/gone", nil)
	lease, err := tier.Acquire(t.Context(), "l/x", time.Hour)
	require.NoError(t, err)
	n, err := Clear(t.Context(), tier)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	requireAbsent(t, tier, "e/gone")
	for _, folder := range neighbours {
		require.FileExists(t, filepath.Join(dir, "team/a b", folder, "e_kept"))
	}
	requireHeld(t, openWeb(t, cfg).(*s3), "l/x", lease.Fence)
}

func deniedCase(t *testing.T, cfg Config) {
	wrong := cfg
	copied := *cfg.URL
	wrong.URL = &copied
	wrong.Lookup = lookup("AWS_ACCESS_KEY_ID", webUser, "AWS_SECRET_ACCESS_KEY", "wr0ng")
	copied.User = nil
	denied := openWeb(t, wrong).(*s3)
	_, err := denied.Get(t.Context(), "e/key")
	require.ErrorIs(t, err, ErrDenied)
	require.Contains(t, err.Error(), "SignatureDoesNotMatch")
	require.NotContains(t, err.Error(), "wr0ng")
	require.ErrorIs(t, putBytes(t.Context(), denied, "e/key", nil), ErrDenied)
	require.ErrorIs(t, Delete(t.Context(), denied, "e/key"), ErrDenied)
	_, err = Clear(t.Context(), denied)
	require.ErrorIs(t, err, ErrDenied)
	_, err = denied.Acquire(t.Context(), "l/key", time.Second)
	require.ErrorIs(t, err, ErrDenied)
	_, err = denied.Bump(t.Context(), "t/key", 1)
	require.ErrorIs(t, err, ErrDenied)

	wrong.Lookup = nil
	_, err = openWeb(t, wrong).Get(t.Context(), "e/key")
	require.ErrorIs(t, err, ErrDenied)
	require.Contains(t, err.Error(), "no credentials")

	got, err := read(t.Context(), openWeb(t, cfg), "e/key")
	require.NoError(t, err)
	require.Equal(t, "text", string(got))
}

// damageCase: leases and counts that make no sense are errors.
func damageCase(t *testing.T, tier *s3) {
	ctx := t.Context()
	write := func(key, text string) {
		old, err := tier.look(ctx, key)
		require.NoError(t, err)
		_, err = tier.replace(ctx, key, old, []byte(text))
		require.NoError(t, err)
	}
	for _, text := range []string{"", "{", `{"fence":-1}`, `{"fence":1,"token":"x","life_ms":999999999999999}`} {
		write(objectKey(leasesFolder, "l/bad"), text)
		_, err := tier.Acquire(ctx, "l/bad", time.Hour)
		requireKind(t, err, ErrServer)
	}
	for _, text := range []string{"", "many", "-1", "0", "99999999999999999999"} {
		write(objectKey(countsFolder, "t/bad"), text)
		_, err := tier.Bump(ctx, "t/bad", 1)
		requireKind(t, err, ErrServer)
		_, err = tier.Counts(ctx, "t/good", "t/bad")
		requireKind(t, err, ErrServer)
	}
}

// olderFenceCase: the look at the lease was in time, and the newer leader stores before the older one's bytes arrive.
func olderFenceCase(t *testing.T, a, b *s3) {
	ctx := t.Context()
	old, err := a.Acquire(ctx, "l/stale", time.Hour)
	require.NoError(t, err)
	body := &hookedBody{Reader: strings.NewReader("old"), hook: func() {
		require.NoError(t, a.Release(ctx, old))
		young, err := b.Acquire(ctx, "l/stale", time.Hour)
		require.NoError(t, err)
		require.NoError(t, b.PutFenced(ctx, young, "e/stale", strings.NewReader("young"), 5, 0))
	}}
	require.ErrorIs(t, a.PutFenced(ctx, old, "e/stale", body, 3, 0), ErrFenced)
	requireValue(t, []byte("young"), a, "e/stale")
}

// hookedBody does something before it is read for the first time.
type hookedBody struct {
	*strings.Reader
	hook func()
	once sync.Once
}

func (h *hookedBody) Read(p []byte) (int, error) {
	h.once.Do(h.hook)
	return h.Reader.Read(p)
}

// requestsCase counts what the server itself logged: one request for a hit; a turn after a look costs three, as long as
// everything is as it was seen, and more where it has to be read.
func requestsCase(t *testing.T, tier, other *s3, log fmt.Stringer) {
	ctx := t.Context()
	turn := func(s *s3) func() {
		return func() {
			requireValue(t, nil, s, "e/requests")
			l, err := s.Acquire(ctx, "l/requests", time.Hour)
			require.NoError(t, err)
			require.NoError(t, s.PutLast(ctx, l, "e/requests", strings.NewReader(""), 0, 0))
		}
	}
	require.NoError(t, putBytes(ctx, tier, "e/requests", nil))
	want := []string{"PUT"} // they are logged after the answers
	for _, test := range []struct {
		name string
		do   func()
		want []string
	}{
		{"hit", func() { requireValue(t, nil, tier, "e/requests") }, []string{"GET"}},
		{"store", func() { require.NoError(t, putBytes(ctx, tier, "e/requests", nil)) }, []string{"PUT"}},
		{"first turn", turn(tier), []string{"GET", "PUT", "PUT", "PUT"}},
		{"second turn", turn(tier), []string{"GET", "PUT", "PUT", "PUT"}},
		{"third turn, of another host", turn(other), []string{"GET", "PUT", "PUT", "PUT"}},
	} {
		test.do()
		want = append(want, test.want...)
		require.Eventually(t, func() bool { return len(requests(log)) >= len(want) }, time.Minute, time.Millisecond)
		slices.Sort(want)
		got := requests(log)
		slices.Sort(got)
		require.Equal(t, want, got, test.name)
	}
}

// requests are the methods that versitygw logged for names of requestsCase.
func requests(log fmt.Stringer) []string {
	var methods []string
	for line := range strings.Lines(log.String()) {
		if !strings.Contains(line, "_requests") {
			continue
		}
		for _, method := range []string{"GET", "PUT", "HEAD"} {
			if strings.Contains(line, method) {
				methods = append(methods, method)
			}
		}
	}
	return methods
}

// TestS3AsksSideBySide: the server answers nothing before all of a question has arrived.
func TestS3AsksSideBySide(t *testing.T) {
	var arrived sync.WaitGroup
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		arrived.Wait()
		w.Header().Set("ETag", `"1"`)
		fmt.Fprint(w, "7")
	}))
	defer server.Close()
	tier := openWeb(t, tierConfig(t, "s3://bucket?endpoint="+server.URL))
	q := Question{Values: []string{"e/k", "e/k.fail"}, Counts: []string{"t/a", "t/b"}, Lease: "l/k", Life: time.Minute}
	arrived.Add(5)
	a := contract.Ask(t.Context(), tier, q)
	defer a.Close()
	require.NoError(t, a.Values[0].Err)
	require.NoError(t, a.Values[1].Err)
	require.NoError(t, a.CountErr)
	require.Equal(t, []int64{7, 7}, a.Counts)
	require.NoError(t, a.LeaseErr)
}

// TestListingIsNotBelieved: a server that lists what lies elsewhere has it not removed.
func TestListingIsNotBelieved(t *testing.T) {
	listing := s3Listing{Encoding: "url"}
	for _, key := range []string{
		"a/values/x%2By", "a/values/deeper/x", "a/values/", "a/values/%zz",
		"b/values/x", "a/valuesx", "", "/a/values/x",
	} {
		listing.Contents = append(listing.Contents, struct{ Key string }{key})
	}
	require.Equal(t, []string{"a/values/x+y"}, listing.keys("a/values/"))
}

// FuzzLease: what is read as a lease has a fence and an end.
func FuzzLease(f *testing.F) {
	f.Add([]byte(`{"fence":1,"token":"a","life_ms":1000,"beat":2}`))
	f.Add([]byte(`{"fence":9223372036854775807,"life_ms":-1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parseLease(text)
		if err != nil {
			require.Zero(t, l)
			return
		}
		require.Positive(t, l.Fence)
		require.LessOrEqual(t, time.Duration(l.Life)*time.Millisecond, maxLife)
		require.GreaterOrEqual(t, l.Life, int64(0))
	})
}
