package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/remote/contract"
)

// rawMemcached asks a server directly.
func rawMemcached(t *testing.T, s *server) *memcachedConn {
	c, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return newMemcachedConn(newMovingConn(c, 20*time.Second))
}

// Any chunk that is gone, or another one, makes the value absent, wherever it stood.
func TestMemcachedChunks(t *testing.T) {
	s := twoMemcached.get(t)[0]
	raw, prefix := rawMemcached(t, s), freshPrefix()
	tier := openTier(t, "memcached://"+s.addr, prefix)
	value := random(3*memcachedItem+5, 1)
	for chunk := range 4 {
		for _, change := range []func(key string){
			func(key string) { require.NoError(t, raw.deleteOne(key)) },
			func(key string) { require.NoError(t, raw.setOne(key, []byte("short"), 0)) },
			func(key string) { require.NoError(t, raw.setOne(key, random(memcachedItem, 9), 0)) },
		} {
			put(t, tier, "k", value)
			requireValue(t, value, tier, "k")
			change(chunkKeyOf(t, raw, prefix, chunk))
			_, err := read(guarded(t), tier, "k")
			requireKind(t, err, ErrAbsent)
		}
	}
}

func generationOf(t *testing.T, raw *memcachedConn, prefix string) string {
	it, err := raw.getOne(prefix + ":g")
	require.NoError(t, err)
	require.True(t, it.found)
	return string(it.data)
}

func chunkKeyOf(t *testing.T, raw *memcachedConn, prefix string, chunk int) string {
	generation := generationOf(t, raw, prefix)
	it, err := raw.getOne(prefix + ":v:k")
	require.NoError(t, err)
	require.Equal(t, byte(memcachedChunks), it.data[0])
	m, err := decodeManifest(it.data[memcachedHead:])
	require.NoError(t, err)
	return fmt.Sprintf("%s:c:%s:%s:%d", prefix, generation, m.id, chunk)
}

// What is in the place of a value and is none is absent.
func TestMemcachedForeignItem(t *testing.T) {
	s := twoMemcached.get(t)[0]
	raw, prefix := rawMemcached(t, s), freshPrefix()
	tier := openTier(t, "memcached://"+s.addr, prefix)
	put(t, tier, "k", []byte("v"))
	key, generation := prefix+":v:k", generationOf(t, raw, prefix)
	for _, item := range []string{
		"", "\x02", "\x02" + generation, "\x00", "\x00" + strings.Repeat("0", 32) + "v", "\x01" + generation,
		"\x01" + generation + strings.Repeat("x", 100), "text",
	} {
		require.NoError(t, raw.setOne(key, []byte(item), 0))
		requireAbsent(t, tier, "k")
	}
	require.NoError(t, raw.setOne(prefix+":g", []byte("not a generation"), 0))
	_, err := read(guarded(t), openTier(t, "memcached://"+s.addr, prefix), "k")
	requireKind(t, err, ErrServer)
}

// Evicted or not, leases, fences and counts never go back.
func TestMemcachedForgets(t *testing.T) {
	s := twoMemcached.get(t)[0]
	raw, prefix := rawMemcached(t, s), freshPrefix()
	tier := openTier(t, "memcached://"+s.addr, prefix)
	l, c := tier.(Leaser), tier.(Counter)
	one, err := l.Acquire(guarded(t), "k", time.Minute)
	require.NoError(t, err)
	count, err := c.Bump(guarded(t), "k", 1)
	require.NoError(t, err)
	began, err := raw.clock()
	require.NoError(t, err)
	for now := began; now <= began; time.Sleep(10 * time.Millisecond) { // the server's next second
		now, err = raw.clock()
		require.NoError(t, err)
	}
	for _, kind := range []string{"l", "n"} {
		require.NoError(t, raw.deleteOne(prefix+":"+kind+":k"))
	}
	requireKind(t, l.Renew(guarded(t), one, time.Minute), ErrFenced)
	requireKind(t, l.PutFenced(guarded(t), one, "k", strings.NewReader("x"), 1, 0), ErrFenced)
	requireAbsent(t, tier, "k")
	two, err := l.Acquire(guarded(t), "k", time.Minute)
	require.NoError(t, err)
	require.Greater(t, two.Fence, one.Fence)
	again, err := c.Bump(guarded(t), "k", 1)
	require.NoError(t, err)
	require.Greater(t, again, count)
}

// A slow holder stores between the look of another and its store: the other one notices.
func TestMemcachedStoreUnderLeaseIsCompared(t *testing.T) {
	s := twoMemcached.get(t)[0]
	for _, before := range []string{"", "old"} {
		prefix := freshPrefix()
		direct := openTier(t, "memcached://"+s.addr, prefix)
		if before != "" {
			put(t, direct, "value/k", []byte(before))
		}
		stored := false
		w := newWire(t, s.addr, func(client, server net.Conn) {
			through(client, server, func(to io.Writer, from io.Reader) {
				buffer := make([]byte, 64<<10)
				for {
					n, err := from.Read(buffer)
					if err != nil {
						return
					}
					if !stored && bytes.Contains(buffer[:n], []byte(prefix+":l:lease/k")) { // it has looked
						stored = true
						put(t, direct, "value/k", []byte("newer"))
					}
					to.Write(buffer[:n])
				}
			})
		})
		lease, err := direct.(Leaser).Acquire(guarded(t), "lease/k", time.Hour)
		require.NoError(t, err)
		slow := openTier(t, "memcached://"+w.addr, prefix).(Leaser)
		requireKind(t, slow.PutLast(guarded(t), lease, "value/k", strings.NewReader("late"), 4, 0), ErrFenced)
		requireValue(t, []byte("newer"), direct, "value/k")
		again, err := direct.(Leaser).Acquire(guarded(t), "lease/k", time.Hour)
		require.NoError(t, err, "refused or not, it was the last")
		require.Greater(t, again.Fence, lease.Fence)
	}
}

// One of two servers dies: its names fail, the others do not notice.
func TestMemcachedHalf(t *testing.T) {
	one, err := startMemcached()
	require.NoError(t, err)
	defer one.kill()
	two, err := startMemcached()
	require.NoError(t, err)
	tier := openTier(t, "memcached://"+one.addr+","+two.addr, "t")
	for i := range 40 {
		put(t, tier, fmt.Sprintf("k%d", i), []byte{byte(i)})
	}
	two.kill()
	lost := 0
	for i := range 40 {
		got, err := read(guarded(t), tier, fmt.Sprintf("k%d", i))
		if err != nil {
			requireKind(t, err, ErrUnreachable)
			lost++
			continue
		}
		require.Equal(t, []byte{byte(i)}, got)
	}
	require.Positive(t, lost)
	require.Less(t, lost, 40)
	_, err = Clear(guarded(t), tier)
	requireKind(t, err, ErrUnreachable)
	for i := range 40 { // the living server was cleared all the same
		_, err := read(guarded(t), tier, fmt.Sprintf("k%d", i))
		requireKind(t, err, ErrUnreachable, ErrAbsent)
	}
}

func TestMemcachedTooLarge(t *testing.T) {
	s, prefix := twoMemcached.get(t)[0], freshPrefix()
	wide, narrow := openTier(t, "memcached://"+s.addr, prefix),
		openTier(t, "memcached://"+s.addr+"?max-size=2MiB", prefix)
	requireKind(t, wide.Put(guarded(t), "a", bytes.NewReader(nil), memcachedMost+1, 0), ErrTooLarge)
	put(t, wide, "a", random(2<<20+1, 1))
	_, err := read(guarded(t), narrow, "a")
	requireKind(t, err, ErrTooLarge)
	requireKind(t, narrow.Put(guarded(t), "b", bytes.NewReader(random(2<<20+1, 1)), 2<<20+1, 0), ErrTooLarge)
	put(t, wide, "c", random(memcachedMost, 1))
	requireValue(t, random(memcachedMost, 1), wide, "c")

	// A server with smaller items says so.
	small, err := startServer("memcached", func(port, dir string) []string {
		return []string{"-l", "127.0.0.1", "-p", port, "-U", "0", "-u", "root", "-I", "512k"}
	})
	require.NoError(t, err)
	defer small.kill()
	for _, size := range []int{600 << 10, 3 << 20} {
		err = openTier(t, "memcached://"+small.addr, "t").Put(guarded(t), "a", bytes.NewReader(random(size, 1)),
			int64(size), 0)
		requireKind(t, err, ErrTooLarge)
	}
}

// One trip for a call, also the first on a connection, and one more for many chunks, and for a look before a store.
func TestMemcachedRoundTrips(t *testing.T) {
	s := twoMemcached.get(t)[0]
	var err error
	trips := 0
	w := newWire(t, s.addr, func(client, server net.Conn) {
		go func() {
			io.Copy(client, server)
			client.Close()
		}()
		buffer := make([]byte, 64<<10)
		for {
			n, err := client.Read(buffer)
			if err != nil {
				return
			}
			trips++
			server.Write(buffer[:n])
		}
	})
	prefix := freshPrefix()
	put(t, openTier(t, "memcached://"+s.addr, prefix), "small", []byte("s"))
	put(t, openTier(t, "memcached://"+s.addr, prefix), "large", random(20<<20, 1))
	tier := openTier(t, "memcached://"+w.addr, prefix)
	count := func(f func()) int {
		trips = 0
		f()
		return trips
	}
	for range 2 {
		require.Equal(t, 1, count(func() { requireValue(t, []byte("s"), tier, "small") }))
	}
	require.Equal(t, 2, count(func() { requireValue(t, random(20<<20, 1), tier, "large") }),
		"the list, then all chunks")
	l := tier.(Leaser)
	var lease Lease
	require.Equal(t, 1, count(func() {
		a := contract.Ask(guarded(t), tier, Question{
			Values: []string{"small"}, Counts: []string{"a", "b"}, Lease: "lease/small", Life: time.Hour,
		})
		require.NoError(t, a.CountErr)
		require.NoError(t, a.LeaseErr)
		lease = a.Lease
	}))
	require.Equal(t, 1, count(func() { require.NoError(t, l.Renew(guarded(t), lease, time.Hour)) }))
	require.Equal(t, 2, count(func() {
		require.NoError(t, l.PutLast(guarded(t), lease, "small", strings.NewReader("t"), 1, 0))
	}))
	require.Equal(t, 1, count(func() { lease, err = l.Acquire(guarded(t), "lease/small", time.Hour) }))
	require.NoError(t, err)
	require.Equal(t, 2, count(func() { require.NoError(t, l.Release(guarded(t), lease)) }))
	require.Equal(t, 1, count(func() { put(t, tier, "small", []byte("u")) }))
	other := openTier(t, "memcached://"+w.addr, prefix)
	require.Equal(t, 2, count(func() { put(t, other, "small", []byte("v")) }), "the generation, then the value")
}

// Every server gets its share, and when one goes only its own keys move.
func TestRing(t *testing.T) {
	hosts := []string{"a:11211", "b:11211", "c:11311", "d:1"}
	all, less := newMemcachedRing(hosts), newMemcachedRing(hosts[:3])
	shares := map[int]int{}
	for i := range 10000 {
		key := fmt.Sprintf("key%d", i)
		at := all.at(key)
		shares[at]++
		if at != 3 {
			require.Equal(t, at, less.at(key))
		}
	}
	for server := range hosts {
		require.InDelta(t, 2500, shares[server], 900)
	}
	// libketama's own points: the first of "a-0" is the first four bytes of its MD5, little endian.
	require.Equal(t, 0, newMemcachedRing([]string{"a:11211"}).at("x"))
	require.Len(t, all, 4*160)
}

func TestMemcachedVersions(t *testing.T) {
	for version, want := range map[string]bool{
		"1.6.12": true, "1.6.18": true, "1.6.38": true, "1.7.0": true, "2.0.0": true, "1.6.11": false, "1.4.39": false,
		"": false, "1.6": false, "1.6.x": false, "1.6.18-beta": false, "1.6.1000": false, "-1.6.20": false,
	} {
		require.Equal(t, want, memcachedMeta(version), version)
	}
}

func TestMemcachedExpiry(t *testing.T) {
	require.Equal(t, int64(0), memcachedExpiry(0))
	require.Equal(t, int64(2), memcachedExpiry(time.Millisecond))
	require.Equal(t, int64(3601), memcachedExpiry(time.Hour))
	require.Equal(t, int64(30*24*3600), memcachedExpiry(30*24*time.Hour-time.Second))
	require.InDelta(t, time.Now().Unix()+30*24*3600+1, memcachedExpiry(30*24*time.Hour), 60)
	require.Equal(t, int64(1<<31-1), memcachedExpiry(200*365*24*time.Hour))
}

func FuzzManifest(f *testing.F) {
	m := manifest{id: strings.Repeat("ab", 16), size: memcachedItem + 1, sums: make([][sha256.Size]byte, 2)}
	f.Add(m.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		own := sha256.Sum256(b)
		for _, text := range [][]byte{b, append(bytes.Clone(b), own[:]...)} { // past the sum, too
			if m, err := decodeManifest(text); err == nil {
				require.Equal(t, text, m.encode())
				require.Positive(t, m.length(len(m.sums)-1))
			}
		}
	})
}

// Whatever a server answers, a read ends without panic and without a value that it did not announce.
func FuzzMemcachedAnswers(f *testing.F) {
	for _, answer := range []string{
		"VA 2 c1 kkey O1\r\nhi\r\n", "EN\r\n", "VALUE key 0 2 7\r\nhi\r\nEND\r\n", "END\r\n", "HD O1\r\n", "NF O1\r\n",
		"5\r\n",
		"VA 1 O1\r\n5\r\n", "SERVER_ERROR object too large for cache\r\n", "VA 9999999999 c1 kkey O1\r\n", "VA\r\n",
		"\r\n",
	} {
		f.Add(answer, true)
		f.Add(answer, false)
	}
	f.Fuzz(func(t *testing.T, answer string, meta bool) {
		for call := range 4 {
			client, server := net.Pipe()
			go io.Copy(io.Discard, server)
			c := newMemcachedConn(newMovingConn(client, time.Minute))
			c.r.Reset(strings.NewReader(answer))
			c.meta = meta
			var err error
			switch call {
			case 0:
				var it memcachedItemData
				if it, err = c.getOne("key"); err == nil && it.found {
					require.Contains(t, answer, string(it.data)+"\r\n")
				}
			case 1:
				_, err = c.storeOne("add", "key", nil, 0, 0)
			case 2:
				c.askIncr("key", 1)
				require.NoError(t, c.flush())
				_, _, err = c.readIncr()
			case 3:
				_, err = c.clock()
			}
			if err = fault(context.Background(), "memcached://h", err); err != nil {
				require.True(t, hasKind(err))
				require.False(t, errors.Is(err, ErrAbsent))
				require.NotContains(t, err.Error(), "\n")
			}
			client.Close()
			server.Close()
		}
	})
}
