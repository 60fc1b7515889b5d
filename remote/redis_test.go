package remote

import (
	"bytes"
	"errors"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/remote/contract"
)

func admin(t *testing.T, s *server) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.addr})
	t.Cleanup(func() { c.Close() })
	return c
}

// A value is what redis-cli shows: a string with the bytes and the life.
func TestRedisValueIsPlain(t *testing.T) {
	s := plainRedis.get(t)
	c, prefix := admin(t, s), freshPrefix()
	tier := openTier(t, "redis://"+s.addr, prefix)
	for _, value := range [][]byte{[]byte("v"), random(redisChunk+1, 1)} {
		require.NoError(t,
			tier.Put(guarded(t), "entry/ab/k.fail", bytes.NewReader(value), int64(len(value)), time.Hour))
		got, err := c.Get(t.Context(), prefix+":v:entry/ab/{k}.fail").Bytes()
		require.NoError(t, err)
		require.True(t, bytes.Equal(value, got))
		ttl, err := c.TTL(t.Context(), prefix+":v:entry/ab/{k}.fail").Result()
		require.NoError(t, err)
		require.InDelta(t, time.Hour.Seconds(), ttl.Seconds(), 60)
	}
	keys, err := c.Keys(t.Context(), prefix+":t:*").Result()
	require.NoError(t, err)
	require.Empty(t, keys, "what came in is a value now")
}

// What each call costs, as the server itself counts. A Clear never asks for all keys at once.
func TestRedisRoundTrips(t *testing.T) {
	s, err := startRedis()
	require.NoError(t, err)
	defer s.kill()
	c := admin(t, s)
	// Round trips are writes of ours to the server, counted on the wire.
	trips := 0
	w := newWire(t, s.addr, func(client, server net.Conn) {
		through(client, server, func(to io.Writer, from io.Reader) {
			buffer := make([]byte, 1<<20)
			for {
				n, err := from.Read(buffer)
				if err != nil {
					return
				}
				trips++
				to.Write(buffer[:n])
			}
		})
	})
	tier := openTier(t, "redis://"+w.addr, "p")
	requireAbsent(t, tier, "entry/a") // connects
	count := func(f func()) int {
		trips = 0
		f()
		return trips
	}
	require.Equal(t, 1, count(func() { requireAbsent(t, tier, "entry/a") }))
	require.Equal(t, 1, count(func() { put(t, tier, "entry/a", []byte("a")) }))
	require.Equal(t, 1, count(func() { requireValue(t, []byte("a"), tier, "entry/a") }))
	var l Lease
	require.Equal(t, 1, count(func() { l, err = tier.(Leaser).Acquire(guarded(t), "entry/a", time.Minute) }))
	require.NoError(t, err)
	require.Equal(t, 1, count(func() {
		err = tier.(Leaser).PutFenced(guarded(t), l, "entry/a", strings.NewReader("b"), 1, 0)
	}))
	require.NoError(t, err)
	require.Equal(t, 1, count(func() {
		err = tier.(Leaser).PutLast(guarded(t), l, "entry/a", strings.NewReader("c"), 1, 0)
	}))
	require.NoError(t, err)
	require.Equal(t, 1, count(func() { _, err = tier.(Counter).Counts(guarded(t), "a", "b", "c") }))
	require.NoError(t, err)
	require.Equal(t, 1, count(func() {
		a := contract.Ask(guarded(t), tier, Question{
			Values: []string{"entry/a", "entry/none"}, Counts: []string{"a", "b"}, Lease: "lease/a", Life: time.Hour,
		})
		require.NoError(t, a.CountErr)
		require.NoError(t, a.LeaseErr)
	}))

	for i := range 3000 {
		require.NoError(t, c.Set(t.Context(), "p:v:{"+strconv.Itoa(i)+"}", "x", 0).Err())
	}
	require.NoError(t, c.Set(t.Context(), "q", "stays", 0).Err())
	n, err := Clear(guarded(t), tier)
	require.NoError(t, err)
	require.Equal(t, 3001, n)
	stats, err := c.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	require.NotRegexp(t, regexp.MustCompile(`cmdstat_(keys|flushdb|flushall|del):`), stats)
	require.Contains(t, stats, "cmdstat_scan:calls=")
	require.Equal(t, int64(1), c.Exists(t.Context(), "q").Val())
}

// A server that evicted the fence, or lost all in a restart: the old holder's result is refused, and fences still rise.
func TestRedisForgets(t *testing.T) {
	s, prefix := plainRedis.get(t), freshPrefix()
	c := admin(t, s)
	tier := openTier(t, "redis://"+s.addr, prefix)
	l := tier.(Leaser)
	one, err := l.Acquire(guarded(t), "entry/k", time.Minute)
	require.NoError(t, err)
	count, err := tier.(Counter).Bump(guarded(t), "tag/a", 1)
	require.NoError(t, err)
	for range 3 {
		last, err := tier.(Counter).Bump(guarded(t), "tag/a", 1)
		require.NoError(t, err)
		require.Greater(t, last, count)
		count = last
	}
	require.Equal(t, int64(3),
		c.Del(t.Context(), prefix+":l:entry/{k}", prefix+":f:entry/{k}", prefix+":n:tag/{a}").Val())
	requireKind(t, l.Renew(guarded(t), one, time.Minute), ErrFenced)
	requireKind(t, l.PutFenced(guarded(t), one, "entry/k", strings.NewReader("x"), 1, 0), ErrFenced)
	requireAbsent(t, tier, "entry/k")
	two, err := l.Acquire(guarded(t), "entry/k", time.Minute)
	require.NoError(t, err)
	require.Greater(t, two.Fence, one.Fence)
	again, err := tier.(Counter).Bump(guarded(t), "tag/a", 1)
	require.NoError(t, err)
	require.Greater(t, again, count)
}

// A value replaced, deleted or evicted while it is read is never a success.
func TestRedisChangeWhileReading(t *testing.T) {
	s := plainRedis.get(t)
	c, prefix := admin(t, s), freshPrefix()
	tier := openTier(t, "redis://"+s.addr, prefix)
	value, key := random(redisChunk+10, 1), prefix+":v:{k}"
	for name, change := range map[string]func() error{
		"replaced": func() error { return c.Set(t.Context(), key, random(redisChunk+10, 2), 0).Err() },
		"deleted":  func() error { return c.Del(t.Context(), key).Err() },
		"ended":    func() error { return c.PExpire(t.Context(), key, time.Millisecond).Err() },
	} {
		put(t, tier, "k", value)
		v, err := tier.Get(guarded(t), "k")
		require.NoError(t, err)
		_, err = io.CopyN(io.Discard, v, redisChunk+10) // all of it; only the end is not yet seen
		if name != "replaced" {
			require.NoError(t, err)
		}
		require.NoError(t, change(), name)
		for name == "ended" && c.Exists(t.Context(), key).Val() == 1 {
			time.Sleep(time.Millisecond)
		}
		_, err = io.Copy(io.Discard, v)
		requireKind(t, err, ErrServer)
		require.NoError(t, v.Close())
	}
}

// The beginning of a value that comes in is evicted: nothing is stored.
func TestRedisLosesTheBeginning(t *testing.T) {
	s := plainRedis.get(t)
	c, prefix := admin(t, s), freshPrefix()
	tier := openTier(t, "redis://"+s.addr, prefix)
	value := random(2*redisChunk+10, 1)
	evict := func() {
		for _, key := range c.Keys(t.Context(), prefix+":t:*").Val() {
			c.Del(t.Context(), key)
		}
	}
	body := &cancelling{ReadSeeker: bytes.NewReader(value), after: 2*redisChunk + 1, cancel: evict}
	requireKind(t, tier.Put(guarded(t), "k", body, int64(len(value)), 0), ErrServer)
	requireAbsent(t, tier, "k")
}

func TestRedisTooLarge(t *testing.T) {
	s, prefix := plainRedis.get(t), freshPrefix()
	wide, narrow := openTier(t, "redis://"+s.addr, prefix), openTier(t, "redis://"+s.addr+"?max-size=10B", prefix)
	put(t, wide, "a", random(11, 1))
	_, err := read(guarded(t), narrow, "a")
	requireKind(t, err, ErrTooLarge)
	requireKind(t, narrow.Put(guarded(t), "b", bytes.NewReader(random(11, 1)), 11, 0), ErrTooLarge)
	requireAbsent(t, wide, "b")
	requireKind(t, wide.Put(guarded(t), "b", bytes.NewReader(nil), redisMost+1, 0), ErrTooLarge)

	c := admin(t, s)
	require.NoError(t, c.ConfigSet(t.Context(), "proto-max-bulk-len", "2mb").Err())
	defer c.ConfigSet(t.Context(), "proto-max-bulk-len", "512mb")
	requireKind(t, wide.Put(guarded(t), "b", bytes.NewReader(random(3<<20, 1)), 3<<20, 0), ErrTooLarge, ErrUnreachable)
}

// A full server is an error of its own, and what was there stays.
func TestRedisFull(t *testing.T) {
	s, err := startRedis("--maxmemory", "4mb", "--maxmemory-policy", "noeviction")
	require.NoError(t, err)
	defer s.kill()
	tier := openTier(t, "redis://"+s.addr, "t")
	put(t, tier, "a", []byte("a"))
	for range 5 {
		if err = tier.Put(guarded(t), "b", bytes.NewReader(random(6<<20, 1)), 6<<20, 0); err != nil {
			break
		}
	}
	requireKind(t, err, ErrServer)
	requireValue(t, []byte("a"), tier, "a")
}

// failoverCase: the master dies; the sentinels choose the replica; the same tier finds it.
func failoverCase(t *testing.T, w *watched) {
	tier := openTier(t, "redis://"+w.hosts()+"?sentinel=main", freshPrefix())
	put(t, tier, "entry/a", []byte("a"))
	ctx := guarded(t)
	require.NoError(t, admin(t, w.master).Wait(ctx, 1, time.Minute).Err(), "the replica has it")
	w.master.kill()
	require.NoError(t, w.failOver(ctx))
	for {
		got, err := read(ctx, tier, "entry/a")
		if err == nil {
			require.Equal(t, []byte("a"), got)
			if err = tier.Put(ctx, "entry/b", strings.NewReader("b"), 1, 0); err == nil {
				break
			}
		}
		require.False(t, errors.Is(err, ErrAbsent), "%v", err)
		requireKind(t, err, ErrUnreachable, ErrTimeout, ErrServer)
		require.NoError(t, ctx.Err())
		time.Sleep(20 * time.Millisecond)
	}
	requireValue(t, []byte("b"), tier, "entry/b")
}

// A server that runs no scripts, or not for this user, still keeps values and counts; it lends no leases.
func TestRedisWithoutScripts(t *testing.T) {
	noneLeft(t)
	without := func(commands ...string) string {
		var renamed []string
		for _, command := range commands {
			renamed = append(renamed, "--rename-command", command, "")
		}
		s, err := startRedis(renamed...)
		require.NoError(t, err)
		t.Cleanup(s.kill)
		return s.addr
	}
	s := plainRedis.get(t)
	require.NoError(t,
		admin(t, s).Do(t.Context(), "acl", "setuser", "plain", "on", ">word", "~*", "+@all", "-@scripting").Err())
	for name, c := range map[string]struct {
		address string
		large   error // of storing more than goes in one piece
		counts  error
	}{
		"forbidden": {address: "plain:word@" + s.addr},
		"unknown":   {address: without("eval", "evalsha")},
		"GET and SET": {
			without("eval", "getrange", "strlen", "exists", "mget", "append", "time", "unlink", "watch"),
			ErrUnsupported, ErrUnsupported,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tier := openTier(t, "redis://"+c.address, freshPrefix())
			small, most, large := []byte("value"), random(redisChunk, 3), random(redisChunk+1, 4)
			requireAbsent(t, tier, "entry/small")
			put(t, tier, "entry/small", small)
			requireValue(t, small, tier, "entry/small")
			put(t, tier, "entry/most", most)
			requireValue(t, most, tier, "entry/most")
			err := tier.Put(guarded(t), "entry/large", bytes.NewReader(large), int64(len(large)), time.Hour)
			require.ErrorIs(t, err, c.large)
			if c.large == nil {
				requireValue(t, large, tier, "entry/large")
			}
			require.NoError(t, Delete(guarded(t), tier, "entry/small"))
			requireAbsent(t, tier, "entry/small")

			counter, last := tier.(Counter), int64(0)
			for range 3 {
				n, err := counter.Bump(guarded(t), "tag/a", 5)
				require.ErrorIs(t, err, c.counts)
				if c.counts == nil {
					require.GreaterOrEqual(t, n, last+5)
					counts, err := counter.Counts(guarded(t), "tag/a")
					require.NoError(t, err)
					require.Equal(t, []int64{n}, counts)
					last = n
				}
			}
			_, err = tier.(Leaser).Acquire(guarded(t), "entry/k", time.Minute)
			requireKind(t, err, ErrUnsupported)
		})
	}
}
