package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/remote/contract"
)

// testTier is what every tier must do, whatever its server. Make opens a tier with a prefix.
func testTier(t *testing.T, make func(t *testing.T, prefix string) Tier) {
	all := map[string]func(*testing.T, func(*testing.T, string) Tier){
		"values":      testValues,
		"sizes":       testSizes,
		"names":       testNames,
		"bad names":   testBadNames,
		"life":        testLife,
		"prefixes":    testPrefixes,
		"concurrent":  testConcurrent,
		"cancelled":   testCancelled,
		"unread":      testUnread,
		"bad body":    testBadBody,
		"lease":       testLease,
		"lease races": testLeaseRaces,
		"fence":       testFence,
		"last":        testLast,
		"questions":   testQuestions,
		"counts":      testCounts,
		"swap":        testSwap,
		"swap races":  testSwapRaces,
	}
	noneLeft(t)
	t.Run("all", func(t *testing.T) {
		for name, test := range all {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, make)
			})
		}
	})
}

func guarded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// random is the same bytes for the same seed, not to be written to.
func random(size int, seed byte) []byte {
	begin := int(seed) * 4099
	return manyBytes()[begin : begin+size : begin+size]
}

var manyBytes = sync.OnceValue(func() []byte {
	b := make([]byte, memcachedMost+256*4099)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
})

func put(t *testing.T, tier Tier, name string, value []byte) {
	t.Helper()
	require.NoError(t, tier.Put(guarded(t), name, bytes.NewReader(value), int64(len(value)), 0))
}

// read is the whole value.
func read(ctx context.Context, tier Tier, name string) ([]byte, error) {
	v, err := tier.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	value := bytes.NewBuffer(make([]byte, 0, max(0, min(v.Size, memcachedMost))+bytes.MinRead))
	_, err = value.ReadFrom(v)
	if err == nil && v.Size >= 0 && v.Size != int64(value.Len()) {
		err = fmt.Errorf("%d bytes, announced were %d", value.Len(), v.Size)
	}
	return value.Bytes(), err
}

func requireValue(t *testing.T, want []byte, tier Tier, name string) {
	t.Helper()
	got, err := read(guarded(t), tier, name)
	require.NoError(t, err)
	require.Len(t, got, len(want))
	require.True(t, bytes.Equal(want, got), "other bytes of the same length")
}

func requireAbsent(t *testing.T, tier Tier, name string) {
	t.Helper()
	_, err := read(guarded(t), tier, name)
	require.ErrorIs(t, err, ErrAbsent)
	requireKind(t, err)
}

// requireKind wants an error of exactly one kind, on one line, without secrets.
func requireKind(t *testing.T, err error, want ...error) {
	t.Helper()
	require.Error(t, err)
	var found []error
	for _, kind := range kinds() {
		if errors.Is(err, kind) {
			found = append(found, kind)
		}
	}
	require.Len(t, found, 1, "%v", err)
	for _, hidden := range []string{secret, "s3cr3t", "\n", "\r", "Signature=", "Basic "} {
		require.NotContains(t, err.Error(), hidden)
	}
	if len(want) > 0 {
		require.Contains(t, want, found[0], "%v", err)
	}
}

func testValues(t *testing.T, make func(*testing.T, string) Tier) {
	tier := make(t, freshPrefix())
	requireAbsent(t, tier, "entry/a")
	put(t, tier, "entry/a", []byte("one"))
	requireValue(t, []byte("one"), tier, "entry/a")
	put(t, tier, "entry/a", []byte("another"))
	requireValue(t, []byte("another"), tier, "entry/a")
	requireAbsent(t, tier, "entry/a.fail")
	require.NoError(t, Delete(guarded(t), tier, "entry/a"))
	requireAbsent(t, tier, "entry/a")
	require.NoError(t, Delete(guarded(t), tier, "entry/a"), "none to delete is no error")
	odd := []byte("\x00\r\n\xff$-1\r\nEND\r\nVALUE x 0 1\r\n")
	put(t, tier, "entry/a", odd)
	requireValue(t, odd, tier, "entry/a")
}

// Sizes around every limit in this package.
func testSizes(t *testing.T, make func(*testing.T, string) Tier) {
	tier := make(t, freshPrefix())
	for i, size := range []int{
		0, 1, memcachedItem - 1, memcachedItem, memcachedItem + 1, redisFirst - 1, redisFirst, redisFirst + 1,
		2*memcachedItem - 1, 2 * memcachedItem, redisChunk, redisChunk + 1, 2*redisChunk + 1,
	} {
		value := random(size, byte(i))
		put(t, tier, "blob/s", value)
		requireValue(t, value, tier, "blob/s")
	}
}

func testNames(t *testing.T, make func(*testing.T, string) Tier) {
	tier := make(t, freshPrefix())
	long := "a/" + strings.Repeat("x", contract.MaxName-3)
	names := []string{
		"a", "a/b", "a.b", "a-b", "a/b.c", "a/b.c.d", "a/.b", "ab/c", "a/bc", long + "y", long + "z",
		strings.Repeat("p/", 99) + "q", "0/" + strings.Repeat("0", 64),
	}
	for i, name := range names {
		put(t, tier, name, random(10+i, byte(i)))
	}
	for i, name := range names {
		requireValue(t, random(10+i, byte(i)), tier, name)
	}
}

func testBadNames(t *testing.T, make func(*testing.T, string) Tier) {
	tier := make(t, freshPrefix())
	for _, name := range []string{
		"", "/", "a/", "/a", "a//b", "..", "../a", "a/../b", "a/.", "A", "a_b", "a b", "a\nb", "a\x00", "a{b}", "a*",
		"é",
		strings.Repeat("x", contract.MaxName+1),
	} {
		_, err := tier.Get(guarded(t), name)
		requireKind(t, err, ErrServer)
		requireKind(t, tier.Put(guarded(t), name, bytes.NewReader(nil), 0, 0), ErrServer)
		requireKind(t, Delete(guarded(t), tier, name), ErrServer)
	}
}

// The server itself forgets.
func testLife(t *testing.T, make func(*testing.T, string) Tier) {
	tier := make(t, freshPrefix())
	ctx := guarded(t)
	large := random(redisChunk+5, 1)
	require.NoError(t, tier.Put(ctx, "short", strings.NewReader("s"), 1, time.Second))
	require.NoError(t, tier.Put(ctx, "large", bytes.NewReader(large), int64(len(large)), time.Second))
	require.NoError(t, tier.Put(ctx, "hour", strings.NewReader("h"), 1, time.Hour))
	require.NoError(t, tier.Put(ctx, "year", strings.NewReader("y"), 1, 365*24*time.Hour))
	require.NoError(t, tier.Put(ctx, "ages", strings.NewReader("a"), 1, 290*365*24*time.Hour))
	require.NoError(t, tier.Put(ctx, "again", strings.NewReader("x"), 1, time.Second))
	require.NoError(t, tier.Put(ctx, "again", strings.NewReader("a"), 1, 0), "no end replaces an end")
	for _, name := range []string{"short", "large"} {
		for {
			_, err := read(ctx, tier, name)
			if errors.Is(err, ErrAbsent) {
				break
			}
			if !errors.Is(err, ErrServer) { // it ended while it was read
				require.NoError(t, err, "it does not end within the minute")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for _, name := range []string{"hour", "year", "ages", "again"} {
		requireValue(t, []byte(name[:1]), tier, name[:])
	}
}

func testPrefixes(t *testing.T, make func(*testing.T, string) Tier) {
	own := freshPrefix()
	one, two, inner := make(t, own), make(t, own+"x"), make(t, own+"/v")
	tiers := []Tier{one, two, inner}
	for i, tier := range tiers {
		requireAbsent(t, tier, "entry/a")
		put(t, tier, "entry/a", []byte{byte(i)})
		put(t, tier, "entry/b", random(redisChunk+1, byte(i)))
	}
	counts, counting := one.(Counter)
	var count int64
	if counting {
		var err error
		count, err = counts.Bump(guarded(t), "entry/a", 1)
		require.NoError(t, err)
	}
	n, err := Clear(guarded(t), one)
	require.NoError(t, err)
	require.Contains(t, []int{2, -1}, n)
	requireAbsent(t, one, "entry/a")
	requireAbsent(t, one, "entry/b")
	for i, tier := range tiers[1:] {
		requireValue(t, []byte{byte(i + 1)}, tier, "entry/a")
		requireValue(t, random(redisChunk+1, byte(i+1)), tier, "entry/b")
	}
	if counting {
		got, err := counts.Counts(guarded(t), "entry/a")
		require.NoError(t, err)
		require.Equal(t, []int64{count}, got, "counts stay")
	}
	put(t, one, "entry/a", []byte("new"))
	requireValue(t, []byte("new"), one, "entry/a")
	putMany(t, one, 1200) // more than one page
	n, err = Clear(guarded(t), one)
	require.NoError(t, err)
	require.Contains(t, []int{1201, -1}, n)
	requireAbsent(t, one, "many/77")
	n, err = Clear(guarded(t), one)
	require.NoError(t, err)
	require.Contains(t, []int{0, -1}, n)
}

// putMany stores so many values many/0, many/1 and so on.
func putMany(t *testing.T, tier Tier, count int) {
	ctx := guarded(t)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; i < count; i += 4 {
				if err := tier.Put(ctx, fmt.Sprintf("many/%d", i), strings.NewReader("m"), 1, 0); err != nil {
					t.Errorf("put %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
}

// Whoever reads sees one of the values, or an error that is no success, or none: never a mixture.
func testConcurrent(t *testing.T, make func(*testing.T, string) Tier) {
	prefix := freshPrefix()
	tier, other := make(t, prefix), make(t, prefix)
	ctx := guarded(t)
	var values [][]byte
	for i := range 4 {
		values = append(values, random(redisChunk+1+i, byte(i)))
	}
	put(t, tier, "blob/c", values[0])
	var wg sync.WaitGroup
	for i, value := range values {
		wg.Go(func() {
			for range 2 {
				by := []Tier{tier, other}[i%2]
				if err := by.Put(ctx, "blob/c", bytes.NewReader(value), int64(len(value)), 0); err != nil {
					t.Errorf("put: %v", err)
				}
			}
		})
	}
	for i := range 4 {
		wg.Go(func() {
			for range 3 {
				got, err := read(ctx, []Tier{tier, other}[i%2], "blob/c")
				if err != nil && !errors.Is(err, ErrServer) && !errors.Is(err, ErrAbsent) {
					t.Errorf("get: %v", err)
				}
				if err == nil && !isOneOf(got, values) {
					t.Errorf("a mixture of %d bytes", len(got))
				}
			}
		})
	}
	wg.Wait()
	got, err := read(ctx, tier, "blob/c")
	require.NoError(t, err)
	require.True(t, isOneOf(got, values))
}

func isOneOf(got []byte, values [][]byte) bool {
	for _, v := range values {
		if bytes.Equal(v, got) {
			return true
		}
	}
	return false
}

func testCancelled(t *testing.T, make func(*testing.T, string) Tier) {
	tier := make(t, freshPrefix())
	value := random(20<<20, 1)
	put(t, tier, "blob/x", value)

	ended, cancel := context.WithCancel(guarded(t))
	cancel()
	_, err := read(ended, tier, "blob/x")
	requireCancelled(t, err)
	requireCancelled(t, tier.Put(ended, "blob/y", bytes.NewReader(value), int64(len(value)), 0))
	requireCancelled(t, Delete(ended, tier, "blob/x"))
	_, err = Clear(ended, tier)
	requireCancelled(t, err)

	ctx, cancel := context.WithCancel(guarded(t))
	v, err := tier.Get(ctx, "blob/x")
	require.NoError(t, err)
	defer v.Close()
	cancel()
	_, err = io.Copy(io.Discard, v)
	requireCancelled(t, err)

	ctx, cancel = context.WithCancel(guarded(t))
	stopping := &cancelling{ReadSeeker: bytes.NewReader(value), after: 3 << 20, cancel: cancel}
	requireCancelled(t, tier.Put(ctx, "blob/y", stopping, int64(len(value)), 0))
	requireAbsent(t, tier, "blob/y")
	requireValue(t, value, tier, "blob/x")
}

func requireCancelled(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, context.Canceled)
	requireKind(t, err, ErrTimeout)
}

// cancelling is a body whose reader is told to stop in the middle.
type cancelling struct {
	io.ReadSeeker
	after  int
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	if c.after -= n; c.after <= 0 {
		c.cancel()
	}
	return n, err
}

// A value that nobody reads to its end spoils nothing.
func testUnread(t *testing.T, make func(*testing.T, string) Tier) {
	tier := make(t, freshPrefix())
	value := random(redisChunk*2+1, 1)
	put(t, tier, "blob/u", value)
	for _, upTo := range []int64{0, 1, 2 << 20, redisChunk + 1} {
		v, err := tier.Get(guarded(t), "blob/u")
		require.NoError(t, err)
		_, err = io.CopyN(io.Discard, v, upTo)
		require.NoError(t, err)
		require.NoError(t, v.Close())
		put(t, tier, "blob/other", []byte("o"))
		requireValue(t, []byte("o"), tier, "blob/other")
	}
	requireValue(t, value, tier, "blob/u")
}

// A body that fails is not the server's fault, and leaves what was there.
func testBadBody(t *testing.T, make func(*testing.T, string) Tier) {
	tier := make(t, freshPrefix())
	put(t, tier, "blob/b", []byte("old"))
	for _, size := range []int64{10, 3 << 20, redisChunk*2 + 1} {
		err := tier.Put(guarded(t), "blob/b", bytes.NewReader(random(int(size)-1, 2)), size, 0)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.False(t, hasKind(err), "%v", err)
		requireValue(t, []byte("old"), tier, "blob/b")
	}
}

func leaser(t *testing.T, tier Tier) Leaser {
	l, ok := tier.(Leaser)
	if !ok {
		t.Skip("this tier gives no leases")
	}
	return l
}

func testLease(t *testing.T, make func(*testing.T, string) Tier) {
	prefix := freshPrefix()
	a, b := leaser(t, make(t, prefix)), leaser(t, make(t, prefix))
	ctx := guarded(t)

	one, err := a.Acquire(ctx, "lease/k", time.Minute)
	require.NoError(t, err)
	require.Equal(t, "lease/k", one.Name)
	require.Positive(t, one.Fence)
	requireHeld(t, b, "lease/k", one.Fence)
	_, err = b.Acquire(ctx, "lease/other", time.Minute)
	require.NoError(t, err)

	require.NoError(t, a.Renew(ctx, one, time.Minute))
	forged := one
	forged.Token = strings.Repeat("0", 32)
	requireKind(t, b.Renew(ctx, forged, time.Minute), ErrFenced)
	require.NoError(t, b.Release(ctx, forged))
	requireHeld(t, b, "lease/k", one.Fence)

	require.NoError(t, a.Release(ctx, one))
	requireKind(t, a.Renew(ctx, one, time.Minute), ErrFenced)

	two, err := b.Acquire(ctx, "lease/k", time.Minute)
	require.NoError(t, err)
	require.Greater(t, two.Fence, one.Fence)
	require.NotEqual(t, one.Token, two.Token)
	require.NoError(t, a.Release(ctx, one), "not ours any more")
	require.NoError(t, b.Renew(ctx, two, time.Minute))
}

// requireHeld wants a lease to be another one's, whose fence stays the same.
func requireHeld(t *testing.T, l Leaser, name string, fence int64) {
	t.Helper()
	none, err := l.Acquire(guarded(t), name, time.Minute)
	requireKind(t, err, ErrHeld)
	requireHolder(t, fence, none)
}

// requireHolder wants nothing to be told of who holds a lease but its fence and how long it has still to live, at most
// an hour.
func requireHolder(t *testing.T, fence int64, none Lease) {
	t.Helper()
	require.LessOrEqual(t, none.Left, time.Hour+2*time.Second) // rounded up
	require.GreaterOrEqual(t, none.Left, time.Duration(0))     // not told
	none.Left = 0
	require.Equal(t, Lease{Fence: fence}, none)
}

// Many at a time: never two holders, and no fence twice.
func testLeaseRaces(t *testing.T, make func(*testing.T, string) Tier) {
	l := leaser(t, make(t, freshPrefix()))
	ctx := guarded(t)
	var mu sync.Mutex
	var fences []int64
	holders := 0
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 5 {
				lease, err := l.Acquire(ctx, "lease/r", time.Minute)
				if errors.Is(err, ErrHeld) {
					continue
				}
				if err != nil {
					t.Errorf("acquire: %v", err)
					return
				}
				mu.Lock()
				holders++
				if holders != 1 {
					t.Errorf("%d holders", holders)
				}
				fences = append(fences, lease.Fence)
				holders--
				mu.Unlock()
				if err := l.Release(ctx, lease); err != nil {
					t.Errorf("release: %v", err)
				}
			}
		})
	}
	wg.Wait()
	require.NotEmpty(t, fences)
	require.IsIncreasing(t, append([]int64{0}, fences...))
}

// Who lost the lease stores nothing.
func testFence(t *testing.T, make func(*testing.T, string) Tier) {
	prefix := freshPrefix()
	tier := make(t, prefix)
	a, b := leaser(t, tier), leaser(t, make(t, prefix))
	ctx := guarded(t)
	store := func(l Leaser, lease Lease, name string, value []byte) error {
		return l.PutFenced(ctx, lease, name, bytes.NewReader(value), int64(len(value)), time.Hour)
	}
	one, err := a.Acquire(ctx, "lease/k", time.Second)
	require.NoError(t, err)
	requireKind(t, store(a, one, "entry/elsewhere", []byte("x")), ErrServer)
	require.NoError(t, store(a, one, "entry/k", []byte("one")))
	requireValue(t, []byte("one"), tier, "entry/k")
	large := random(redisChunk+3, 1)
	require.NoError(t, store(a, one, "entry/k.fail", large))
	requireValue(t, large, tier, "entry/k.fail")

	two, err := b.Acquire(ctx, "lease/k", time.Minute)
	for errors.Is(err, ErrHeld) { // until the server ends it
		time.Sleep(10 * time.Millisecond)
		two, err = b.Acquire(ctx, "lease/k", time.Minute)
	}
	require.NoError(t, err)
	require.Greater(t, two.Fence, one.Fence)
	requireKind(t, a.Renew(ctx, one, time.Minute), ErrFenced)
	requireKind(t, store(a, one, "entry/k", []byte("late")), ErrFenced)
	requireKind(t, store(a, one, "entry/k.fail", random(redisChunk+3, 2)), ErrFenced)
	requireKind(t, store(a, one, "entry/k.new", []byte("late")), ErrFenced)
	requireAbsent(t, tier, "entry/k.new")
	requireValue(t, []byte("one"), tier, "entry/k")
	requireValue(t, large, tier, "entry/k.fail")
	require.NoError(t, store(b, two, "entry/k", []byte("two")))
	requireValue(t, []byte("two"), tier, "entry/k")
	never := Lease{Name: "lease/never", Token: "x", Fence: 1}
	requireKind(t, store(a, never, "entry/never", []byte("late")), ErrFenced)
}

// What is stored last ends the lease, and is refused like anything else to who lost it.
func testLast(t *testing.T, make func(*testing.T, string) Tier) {
	prefix := freshPrefix()
	tier, other := make(t, prefix), make(t, prefix)
	a, b := leaser(t, tier), leaser(t, other)
	ctx := guarded(t)
	last := func(l Leaser, lease Lease, value []byte) error {
		return l.PutLast(ctx, lease, "entry/k", bytes.NewReader(value), int64(len(value)), time.Hour)
	}
	acquire := func(l Leaser, life time.Duration) (lease Lease) {
		require.Eventually(t, func() bool {
			var err error
			lease, err = l.Acquire(ctx, "lease/k", life)
			return err == nil
		}, time.Minute, time.Millisecond)
		return lease
	}
	for i, size := range []int{3, redisChunk + 1} {
		for _, l := range []Leaser{a, b} {
			value := random(size, byte(i))
			lease := acquire(l, time.Hour)
			require.NoError(t, last(l, lease, value))
			requireValue(t, value, tier, "entry/k")
			requireValue(t, value, other, "entry/k")
			after, err := make(t, prefix).(Leaser).Acquire(ctx, "lease/k", time.Hour) // who has not seen the value
			require.NoError(t, err)
			require.Greater(t, after.Fence, lease.Fence)
			require.NoError(t, l.Release(ctx, after))
		}
	}
	requireKind(t, a.PutLast(ctx, acquire(a, time.Second), "entry/elsewhere", bytes.NewReader(nil), 0, 0), ErrServer)

	// The one who looked at the value first, then led, and was held up.
	requireValue(t, random(redisChunk+1, 1), tier, "entry/k")
	one := acquire(a, time.Second)
	two := acquire(b, time.Hour)
	require.Greater(t, two.Fence, one.Fence)
	requireKind(t, last(a, one, []byte("late")), ErrFenced)
	requireHeld(t, a, "lease/k", two.Fence)
	require.NoError(t, last(b, two, []byte("two")))
	requireKind(t, last(a, one, []byte("later")), ErrFenced)
	requireValue(t, []byte("two"), tier, "entry/k")

	// A body that fails ends the lease too.
	three := acquire(a, time.Hour)
	require.ErrorIs(t, a.PutLast(ctx, three, "entry/k", bytes.NewReader(nil), 7, 0), io.ErrUnexpectedEOF)
	require.NoError(t, last(b, acquire(b, time.Hour), []byte("four")))
	requireValue(t, []byte("four"), tier, "entry/k")
}

// All parts of a question are answered, whatever comes of the others.
func testQuestions(t *testing.T, make func(*testing.T, string) Tier) {
	prefix := freshPrefix()
	tier := make(t, prefix)
	ctx := guarded(t)
	large := random(2*redisChunk+1, 3)
	put(t, tier, "entry/k", []byte("small"))
	put(t, tier, "entry/k.large", large)
	q := Question{Values: []string{"entry/k", "entry/k.none", "entry/k.large", "entry/k"}}
	l, leases := tier.(Leaser)
	c, counts := tier.(Counter)
	if counts {
		q.Counts = []string{"tag/none", "tag/a", "tag/b"}
	}
	want := []int64{0, 0, 0}
	for i := 1; counts && i < 3; i++ {
		var err error
		want[i], err = c.Bump(ctx, q.Counts[i], 1)
		require.NoError(t, err)
	}
	if leases {
		q.Lease, q.Life = "lease/k", time.Hour
	}
	for _, tier := range []Tier{make(t, prefix), tier} { // with a new connection and with one that is there
		a := contract.Ask(ctx, tier, q)
		defer a.Close()
		for i, want := range [][]byte{[]byte("small"), nil, large, []byte("small")} {
			if want == nil {
				requireKind(t, a.Values[i].Err, ErrAbsent)
				continue
			}
			require.NoError(t, a.Values[i].Err)
			got, err := io.ReadAll(a.Values[i])
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got))
		}
		if counts {
			require.NoError(t, a.CountErr)
			require.Equal(t, want, a.Counts)
		}
		if leases {
			require.NoError(t, a.LeaseErr)
			require.Positive(t, a.Lease.Fence)
			held := contract.Ask(ctx, tier, q)
			held.Close()
			requireKind(t, held.LeaseErr, ErrHeld)
			requireHolder(t, a.Lease.Fence, held.Lease)
			require.NoError(t, l.Release(ctx, a.Lease))
		}
	}
	bad := contract.Ask(ctx, tier, Question{
		Values: []string{"entry/k", "a//b"}, Counts: []string{"tag/a"}, Lease: "lease/k",
	})
	requireKind(t, bad.Values[0].Err, ErrServer)
	requireKind(t, bad.CountErr, ErrServer)
	requireKind(t, bad.LeaseErr, ErrServer)
	if !counts && !leases {
		none := contract.Ask(ctx, tier, Question{Counts: []string{"tag/a"}, Lease: "lease/k"})
		requireKind(t, none.CountErr, ErrUnsupported)
		requireKind(t, none.LeaseErr, ErrUnsupported)
	}
}

func testCounts(t *testing.T, make func(*testing.T, string) Tier) {
	c, ok := make(t, freshPrefix()).(Counter)
	if !ok {
		t.Skip("this tier does not count")
	}
	ctx := guarded(t)
	counts, err := c.Counts(ctx, "tag/a", "tag/b")
	require.NoError(t, err)
	require.Equal(t, []int64{0, 0}, counts)
	none, err := c.Counts(ctx)
	require.NoError(t, err)
	require.Empty(t, none)

	seen := map[int64]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			last := int64(0)
			for range 4 {
				n, err := c.Bump(ctx, "tag/a", 1)
				if err != nil || n <= last {
					t.Errorf("%d after %d: %v", n, last, err)
				}
				mu.Lock()
				seen[n] = true
				mu.Unlock()
				last = n
			}
		})
	}
	wg.Wait()
	require.Len(t, seen, 64, "each bump is a number of its own")
	highest := int64(0)
	for n := range seen {
		highest = max(highest, n)
	}
	b, err := c.Bump(ctx, "tag/b", 1)
	require.NoError(t, err)
	names, want := []string{"tag/b", "tag/none", "tag/a"}, []int64{b, 0, highest}
	for i := range 20 { // on several servers
		name := fmt.Sprintf("tag/%d", i)
		n, err := c.Bump(ctx, name, 1)
		require.NoError(t, err)
		names, want = append(names, name), append(want, n)
	}
	counts, err = c.Counts(ctx, names...)
	require.NoError(t, err)
	require.Equal(t, want, counts)
}
