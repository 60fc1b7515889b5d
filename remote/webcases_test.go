package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// blobName is the name of bytes that are named by their digest.
func blobName(text []byte) string { return fmt.Sprintf("b/%x", sha256.Sum256(text)) }

func putBytes(ctx context.Context, tier Tier, name string, text []byte) error {
	return tier.Put(ctx, name, bytes.NewReader(text), int64(len(text)), 0)
}

// testHTTP is as much of testTier as a tier does that can neither delete nor clear.
func testHTTP(t *testing.T, make func(*testing.T, string) Tier) {
	for name, test := range map[string]func(*testing.T, func(*testing.T, string) Tier){
		"sizes": testSizes, "names": testNames, "bad names": testBadNames, "concurrent": testConcurrent,
		"unread": testUnread, "bad body": testBadBody, "web": testWeb,
	} {
		t.Run(name, func(t *testing.T) {
			noneLeft(t)
			test(t, make)
		})
	}
}

// testWeb is what all servers over HTTP do besides.
func testWeb(t *testing.T, make func(*testing.T, string) Tier) {
	prefix := freshPrefix()
	tier := make(t, prefix)
	t.Run("blobs", func(t *testing.T) {
		for _, size := range []int{0, 1, 64<<10 + 1, 3 << 20} {
			text := random(size, 7)
			requireAbsent(t, make(t, prefix), "entry/x")
			put(t, tier, blobName(text), text)
			requireValue(t, text, tier, blobName(text))
		}
		requireAbsent(t, tier, blobName([]byte("never stored")))
	})
	t.Run("prefix", func(t *testing.T) {
		put(t, tier, "entry/p", []byte("mine"))
		requireAbsent(t, make(t, prefix+"/x"), "entry/p")
	})
	t.Run("body from the middle", func(t *testing.T) {
		body := bytes.NewReader([]byte("0123456789"))
		_, err := body.Seek(4, io.SeekStart)
		require.NoError(t, err)
		require.NoError(t, tier.Put(t.Context(), "entry/part", body, 6, 0))
		requireValue(t, []byte("012345"), tier, "entry/part")
	})
	t.Run("broken body", func(t *testing.T) {
		put(t, tier, "entry/whole", []byte("old"))
		broken := &brokenBody{Reader: bytes.NewReader(random(1<<20, 1)), at: 300 << 10}
		for _, name := range []string{"entry/whole", "entry/cut"} {
			err := tier.Put(t.Context(), name, broken, 1<<20, 0)
			require.ErrorIs(t, err, errBroken)
			require.False(t, hasKind(err), "not the server's fault")
		}
		requireValue(t, []byte("old"), tier, "entry/whole")
		requireAbsent(t, tier, "entry/cut")
	})
	t.Run("upload cut on the way", func(t *testing.T) {
		put(t, tier, "entry/whole", []byte("old"))
		value := random(32<<20, 1) // more than fits between the two before the end is noticed
		for _, name := range []string{"entry/whole", "entry/cut"} {
			ctx, cancel := context.WithCancel(t.Context())
			body := &late{
				ReadSeeker: bytes.NewReader(value), passes: passesBefore(tier), after: 1 << 20, cancel: cancel,
			}
			requireCancelled(t, tier.Put(ctx, name, body, int64(len(value)), 0))
			cancel()
		}
		requireValue(t, []byte("old"), tier, "entry/whole")
		requireAbsent(t, tier, "entry/cut")
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := tier.Get(ctx, "entry/p")
		requireCancelled(t, err)
		requireCancelled(t, putBytes(ctx, tier, "entry/p", nil))
	})
	t.Run("64 MiB in constant memory", func(t *testing.T) { testBig(t, tier) })
}

// passesBefore is how often a body is read before it is sent.
func passesBefore(tier Tier) int {
	if _, is := tier.(*s3); is {
		return 1
	}
	return 0
}

// late is a body that is cut in the middle of being sent: after some bytes of the pass after so many.
type late struct {
	io.ReadSeeker
	passes, after int
	cancel        func()
}

func (l *late) Seek(offset int64, whence int) (int64, error) {
	l.passes--
	return l.ReadSeeker.Seek(offset, whence)
}

func (l *late) Read(p []byte) (int, error) {
	n, err := l.ReadSeeker.Read(p)
	if l.passes < 0 {
		if l.after -= n; l.after <= 0 {
			l.cancel()
		}
	}
	return n, err
}

// testBig stores and reads a large value. What was allocated in all is far below its size, so no part of it was kept.
func testBig(t *testing.T, tier Tier) {
	const size = 64 << 20
	name := "entry/big"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.NoError(t, tier.Put(t.Context(), name, &pattern{size: size}, size, 0))
	value, err := tier.Get(t.Context(), name)
	require.NoError(t, err)
	defer value.Close()
	require.EqualValues(t, size, value.Size)
	want, got := sha256.New(), sha256.New()
	_, err = io.Copy(got, value)
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	_, err = io.Copy(want, &pattern{size: size})
	require.NoError(t, err)
	require.Equal(t, want.Sum(nil), got.Sum(nil))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20), "bytes allocated")
}

// pattern is a body of any size that is nowhere in memory.
type pattern struct{ size, at int64 }

var patternPart = random(64<<10-1, 9)

func (p *pattern) Read(b []byte) (int, error) {
	if p.at == p.size {
		return 0, io.EOF
	}
	n := copy(b[:min(int64(len(b)), p.size-p.at)], patternPart[p.at%int64(len(patternPart)):])
	p.at += int64(n)
	return n, nil
}

func (p *pattern) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return 0, errors.New("not from the start")
	}
	p.at = offset
	return offset, nil
}

var errBroken = errors.New("broken disk")

// brokenBody fails at some byte.
type brokenBody struct {
	*bytes.Reader
	at int64
}

func (b *brokenBody) Read(p []byte) (int, error) {
	left := b.at - (b.Size() - int64(b.Len()))
	if left <= 0 {
		return 0, errBroken
	}
	return b.Reader.Read(p[:min(int64(len(p)), left)])
}

// WriteTo of the embedded reader would pass the bad byte.
func (b *brokenBody) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{b}) }
