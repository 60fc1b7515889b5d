package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// engine is a protocol on which faults are tried: a tier of its own for each fault, over a wire.
type engine struct {
	name   string
	server func(t *testing.T) string
	scheme string
}

func engines() []engine {
	return []engine{
		{"redis", func(t *testing.T) string { return plainRedis.get(t).addr }, "redis"},
		{"memcached", func(t *testing.T) string { return twoMemcached.get(t)[0].addr }, "memcached"},
		{"memcached classic", func(t *testing.T) string { return older(t, twoMemcached.get(t)[0].addr) }, "memcached"},
	}
}

// open makes a tier that never runs into its timeout.
func (e engine) open(t *testing.T, addr, prefix string) Tier {
	return e.impatient(t, addr, prefix, time.Hour)
}

// impatient makes one that is meant to.
func (e engine) impatient(t *testing.T, addr, prefix string, timeout time.Duration) Tier {
	return openTier(t, e.scheme+"://"+addr+"?timeout="+timeout.String(), prefix)
}

// eachEngine runs a test for every one of these at the same time, and sees that none leaves anything behind.
func eachEngine(t *testing.T, engines []engine, test func(t *testing.T, e engine)) {
	noneLeft(t)
	t.Run("all", func(t *testing.T) {
		for _, e := range engines {
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				test(t, e)
			})
		}
	})
}

// calls are all that one can ask of a tier.
func calls(ctx context.Context, tier Tier) map[string]func() error {
	small, large := []byte("value"), random(redisChunk+1, 9)
	l, c := tier.(Leaser), tier.(Counter)
	lease := Lease{Name: "entry/k", Token: strings.Repeat("a", 32), Fence: 1}
	return map[string]func() error{
		"get":        func() error { _, err := read(ctx, tier, "entry/small"); return err },
		"get large":  func() error { _, err := read(ctx, tier, "entry/large"); return err },
		"put":        func() error { return tier.Put(ctx, "entry/new", bytes.NewReader(small), int64(len(small)), 0) },
		"put large":  func() error { return tier.Put(ctx, "entry/new", bytes.NewReader(large), int64(len(large)), 0) },
		"delete":     func() error { return Delete(ctx, tier, "entry/new") },
		"clear":      func() error { _, err := Clear(ctx, tier); return err },
		"acquire":    func() error { _, err := l.Acquire(ctx, "entry/k", time.Minute); return err },
		"renew":      func() error { return l.Renew(ctx, lease, time.Minute) },
		"release":    func() error { return l.Release(ctx, lease) },
		"put last":   func() error { return l.PutLast(ctx, lease, "entry/k", bytes.NewReader(small), 5, 0) },
		"put fenced": func() error { return l.PutFenced(ctx, lease, "entry/k", bytes.NewReader(small), 5, 0) },
		"bump":       func() error { _, err := c.Bump(ctx, "tag/a", 1); return err },
		"counts":     func() error { _, err := c.Counts(ctx, "tag/a"); return err },
	}
}

// atOnce makes all calls at the same time.
func atOnce(calls map[string]func() error) map[string]error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	errs := map[string]error{}
	for name, do := range calls {
		wg.Go(func() {
			err := do()
			mu.Lock()
			defer mu.Unlock()
			errs[name] = err
		})
	}
	wg.Wait()
	return errs
}

// Whatever the wire does: an error of the right kind in the end, and nothing left behind.
func TestFaults(t *testing.T) {
	faults := map[string]struct {
		serve func(client, server net.Conn)
		kinds []error
	}{
		"closed at once":   {func(_, _ net.Conn) {}, []error{ErrUnreachable}},
		"never answering":  {func(client, _ net.Conn) { io.Copy(io.Discard, client) }, []error{ErrTimeout}},
		"not even reading": {func(_, server net.Conn) { io.Copy(io.Discard, server) }, []error{ErrTimeout}},
		"reset": {func(client, _ net.Conn) {
			client.Read(make([]byte, 1))
			client.(*net.TCPConn).SetLinger(0)
		}, []error{ErrUnreachable}},
		"empty": {func(client, _ net.Conn) {
			client.Read(make([]byte, 4096))
			client.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, client)
		}, []error{ErrUnreachable}},
		"wrong bytes": {func(client, _ net.Conn) {
			go io.Copy(io.Discard, client)
			client.Write(random(64<<10, 3))
		}, []error{ErrServer, ErrUnreachable}},
		"zeros": {func(client, _ net.Conn) {
			go io.Copy(io.Discard, client)
			client.Write(make([]byte, 64<<10))
		}, []error{ErrServer, ErrUnreachable}},
		"a line without end": {func(client, _ net.Conn) {
			go io.Copy(io.Discard, client)
			for {
				if _, err := client.Write(bytes.Repeat([]byte("+"), 64<<10)); err != nil {
					return
				}
			}
		}, []error{ErrServer, ErrTimeout}},
		"2^60 bytes announced": {func(client, _ net.Conn) {
			client.Read(make([]byte, 4096))
			io.WriteString(client, "$1152921504606846976\r\nVALUE x 0 1152921504606846976 1\r\n")
		}, []error{ErrServer, ErrUnreachable}},
		"a web server": {func(client, _ net.Conn) {
			client.Read(make([]byte, 4096))
			io.WriteString(client, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}, []error{ErrServer, ErrUnreachable}}, // it hangs up in the middle of a large value
		"dripping": {func(client, _ net.Conn) {
			go io.Copy(io.Discard, client)
			for {
				if _, err := io.WriteString(client, "+"); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, []error{ErrTimeout, ErrServer}},
		"cut in the first answer": {func(client, server net.Conn) {
			through(client, server, func(to io.Writer, from io.Reader) { io.CopyN(to, from, 3) })
		}, []error{ErrUnreachable}},
	}
	eachEngine(t, engines(), func(t *testing.T, e engine) {
		for name, fault := range faults {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				timeout := time.Hour
				if slices.Contains(fault.kinds, ErrTimeout) {
					timeout = 300 * time.Millisecond
				}
				w := newWire(t, e.server(t), fault.serve)
				tier := e.impatient(t, w.addr, freshPrefix(), timeout)
				ctx := guarded(t)
				for call, err := range atOnce(calls(ctx, tier)) {
					t.Logf("%s: %v", call, err)
					requireKind(t, err, fault.kinds...)
				}
			})
		}
	})
}

// What a Redis announces is believed up to a limit.
func TestRedisAnnouncesTooMuch(t *testing.T) {
	if testing.Short() {
		t.Skip("reads what is too large")
	}
	noneLeft(t)
	t.Run("all", func(t *testing.T) {
		for name, answer := range map[string]string{
			"string":          "$1152921504606846976\r\n",
			"half a terabyte": "$549755813888\r\n",
			"beyond 64 bits":  "$99999999999999999999999999\r\n",
			"array":           "*1152921504606846976\r\n",
			"arrays":          strings.Repeat("*100000\r\n", 5),
			"deep arrays":     strings.Repeat("*1\r\n", 10<<20),
			"line":            strings.Repeat("+", 10<<20),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				tier := openTier(t, "redis://"+announcing(t, answer)+"?timeout=500ms", "t")
				for call, err := range atOnce(calls(guarded(t), tier)) {
					t.Logf("%s: %v", call, err)
					requireKind(t, err, ErrServer, ErrUnreachable, ErrTimeout) // cut, or stuck, if much is unread
				}
			})
		}
	})
}

// announcing gives the same answer to everything but the greeting.
func announcing(t *testing.T, answer string) string {
	return newWire(t, "", func(client, _ net.Conn) {
		buffer := make([]byte, 64<<10)
		for {
			n, err := client.Read(buffer)
			if err != nil {
				return
			}
			if bytes.Contains(buffer[:n], []byte("hello")) {
				io.WriteString(client, "-ERR unknown command\r\n")
				continue
			}
			io.WriteString(client, answer)
		}
	}).addr
}

// Answers in any pieces are followed alike, and what passes is what came.
func FuzzRespGuard(f *testing.F) {
	f.Add([]byte("+OK\r\n$3\r\na\nb\r\n*2\r\n:1\r\n$-1\r\n"), 3)
	f.Add([]byte("$99999999999\r\n"), 1)
	f.Fuzz(func(t *testing.T, b []byte, piece int) {
		whole, pieces := &respGuard{}, &respGuard{}
		err := whole.follow(b)
		var err2 error
		piece = max(1, min(piece, len(b)))
		for rest := b; len(rest) > 0 && err2 == nil; rest = rest[min(piece, len(rest)):] {
			err2 = pieces.follow(rest[:min(piece, len(rest))])
		}
		require.Equal(t, err == nil, err2 == nil)
		if err == nil {
			require.Equal(t, whole.skip, pieces.skip)
			require.Equal(t, string(whole.line), string(pieces.line))
		}
	})
}

// A server that does not run, and hosts that there are not.
func TestNobodyThere(t *testing.T) {
	noneLeft(t)
	addr, err := freePort()
	require.NoError(t, err)
	for _, address := range []string{
		"redis://%s", "rediss://%s", "redis://%s?cluster=1", "redis://%s?sentinel=main", "memcached://%s",
	} {
		tier := openTier(t, fmt.Sprintf(address, addr), freshPrefix())
		for name, do := range calls(guarded(t), tier) {
			err := do()
			t.Logf("%s: %v", name, err)
			requireKind(t, err, ErrUnreachable)
		}
	}
}

// A real web server.
func TestWebServer(t *testing.T) {
	noneLeft(t)
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	for _, scheme := range []string{"redis://", "memcached://"} {
		tier := openTier(t, scheme+strings.TrimPrefix(s.URL, "http://"), freshPrefix())
		_, err := read(guarded(t), tier, "entry/a")
		requireKind(t, err, ErrServer)
	}
}

// Cuts at every place of a large answer: never a success with less.
func TestCutInTheMiddle(t *testing.T) {
	value := random(redisChunk+2<<20, 5)
	eachEngine(t, engines(), func(t *testing.T, e engine) {
		server, prefix := e.server(t), freshPrefix()
		put(t, e.open(t, server, prefix), "entry/large", value)
		for _, upTo := range []int64{100, 1 << 10, 1<<20 - 1, 1<<20 + 5000, 3 << 20, redisChunk + 1<<20} {
			w := newWire(t, server, func(client, s net.Conn) {
				through(client, s, func(to io.Writer, from io.Reader) { io.CopyN(to, from, upTo) })
			})
			_, err := read(guarded(t), e.open(t, w.addr, prefix), "entry/large")
			requireKind(t, err, ErrUnreachable)
		}
	})
}

// A line so slow that a limit on the whole would have cut it is no fault, as long as something moves.
func TestSlowButMoving(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for slow servers")
	}
	value := random(1<<20, 6)
	eachEngine(t, engines(), func(t *testing.T, e engine) {
		w := newWire(t, e.server(t), func(client, s net.Conn) {
			through(client, s, func(to io.Writer, from io.Reader) {
				for {
					if _, err := io.CopyN(to, from, 64<<10); err != nil {
						return
					}
					time.Sleep(70 * time.Millisecond) // 16 times: more than the timeout
				}
			})
		})
		prefix := freshPrefix()
		put(t, e.open(t, e.server(t), prefix), "entry/a", value)
		requireValue(t, value, e.impatient(t, w.addr, prefix, time.Second), "entry/a")
	})
}

// One bit of a chunk turns: memcached's tier keeps a sum of every chunk. (Redis keeps none: whoever uses a tier does.)
func TestFlippedBit(t *testing.T) {
	value := random(3<<20, 7)
	eachEngine(t, engines()[1:], func(t *testing.T, e engine) {
		server, prefix := e.server(t), freshPrefix()
		var flip atomic.Bool
		w := newWire(t, server, func(client, s net.Conn) {
			through(client, s, func(to io.Writer, from io.Reader) {
				io.CopyN(to, from, 2<<20)
				b := make([]byte, 1)
				io.ReadFull(from, b)
				if flip.Load() {
					b[0] ^= 1
				}
				to.Write(b)
				io.Copy(to, from)
			})
		})
		put(t, e.open(t, w.addr, prefix), "entry/a", value)
		requireValue(t, value, e.open(t, w.addr, prefix), "entry/a")
		flip.Store(true)
		_, err := read(guarded(t), e.open(t, w.addr, prefix), "entry/a")
		requireKind(t, err, ErrAbsent)
	})
}

// The answer to another question, of the right form. (Redis numbers no answers: there only the form can be wrong.)
func TestSwappedAnswers(t *testing.T) {
	eachEngine(t, engines()[1:], func(t *testing.T, e engine) {
		w := newWire(t, e.server(t), func(client, s net.Conn) {
			through(client, s, func(to io.Writer, from io.Reader) { replay(to, from) })
		})
		tier := e.open(t, w.addr, freshPrefix())
		put(t, tier, "entry/a", []byte("a"))
		put(t, tier, "entry/b", []byte("b"))
		requireValue(t, []byte("a"), tier, "entry/a")
		_, err := read(guarded(t), tier, "entry/b") // answered with the value of a
		requireKind(t, err, ErrServer)
	})
}

// replay repeats the first answer that has a value of ours instead of the one after it.
func replay(to io.Writer, from io.Reader) {
	var first []byte
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		answer := buffer[:n]
		if hasValue := bytes.Contains(answer, []byte("\r\n\x00")); hasValue && first == nil {
			first = bytes.Clone(answer)
		} else if hasValue {
			answer = first
		}
		if _, err := to.Write(answer); err != nil {
			return
		}
	}
}

func TestWrongCertificate(t *testing.T) {
	noneLeft(t)
	s := secureRedis.get(t)
	_, port, err := net.SplitHostPort(s.addr)
	require.NoError(t, err)
	user := "runner:" + url.PathEscape(secret) + "@"
	ca := "?ca=" + url.QueryEscape(s.ca)
	for name, address := range map[string]string{
		"unknown authority": "rediss://" + user + s.addr,
		"another name":      "rediss://" + user + "127.0.0.2:" + port + ca,
		"no TLS at all":     "rediss://" + user + plainRedis.get(t).addr + ca + "&timeout=500ms",
		"plain to TLS":      "redis://" + user + s.addr,
	} {
		w := address
		if name == "another name" { // the server listens on 127.0.0.1 alone
			w = "rediss://" + user + relay(t, "127.0.0.2", s.addr) + ca
		}
		_, err := read(guarded(t), openTier(t, w, "t"), "entry/a")
		t.Logf("%s: %v", name, err)
		requireKind(t, err, ErrUnreachable, ErrTimeout) // a Redis without TLS waits for the rest of a line
	}
	requireAbsent(t, openTier(t, "rediss://"+user+"localhost:"+port+ca, "t"), "entry/a")
}

// relay listens on another address of this host.
func relay(t *testing.T, host, server string) string {
	l, err := net.Listen("tcp", host+":0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			if s, err := net.Dial("tcp", server); err == nil {
				through(client, s, func(to io.Writer, from io.Reader) { io.Copy(to, from) })
			}
		}
	}()
	return l.Addr().String()
}

func TestDenied(t *testing.T) {
	noneLeft(t)
	s := secureRedis.get(t)
	tail := s.addr + "?ca=" + url.QueryEscape(s.ca)
	for name, address := range map[string]string{
		"nobody":         "rediss://" + tail,
		"wrong password": "rediss://runner:" + url.PathEscape(secret+"x") + "@" + tail,
		"wrong user":     "rediss://stranger:" + url.PathEscape(secret) + "@" + tail,
	} {
		_, err := read(guarded(t), openTier(t, address, "t"), "entry/a")
		t.Logf("%s: %v", name, err)
		requireKind(t, err, ErrDenied)
	}
	good := "rediss://runner:" + url.PathEscape(secret) + "@" + tail
	_, err := read(guarded(t), openTier(t, good, "foreign"), "entry/a")
	requireKind(t, err, ErrDenied)

	// The password from the environment.
	c, _, err := Parse("rediss://runner@"+tail+"&prefix=t", func(name string) (string, bool) {
		return map[string]string{"CACHEX_REDIS_PASSWORD": secret}[name], name == "CACHEX_REDIS_PASSWORD"
	})
	require.NoError(t, err)
	tier, err := Open(c)
	require.NoError(t, err)
	defer tier.Close()
	requireAbsent(t, tier, "entry/a")
}

// Old servers repeat what they do not understand, passwords too.
func TestServerRepeatsPassword(t *testing.T) {
	w := newWire(t, "", func(client, _ net.Conn) {
		buffer := make([]byte, 4096)
		for {
			if _, err := client.Read(buffer); err != nil {
				return
			}
			fmt.Fprintf(client, "-ERR unknown command 'HELLO' with '%s'\r\n", secret)
		}
	})
	tier := openTier(t, "redis://:"+url.PathEscape(secret)+"@"+w.addr, "t")
	_, err := read(guarded(t), tier, "entry/a")
	requireKind(t, err, ErrUnsupported)
	require.Contains(t, err.Error(), "***")
}

// The caller gives up while the server is silent: it is back at once, not after the tier's timeout.
func TestCancelledWhileSilent(t *testing.T) {
	eachEngine(t, engines(), func(t *testing.T, e engine) {
		asked := make(chan struct{}, 100)
		w := newWire(t, e.server(t), func(client, _ net.Conn) {
			client.Read(make([]byte, 1))
			asked <- struct{}{}
			io.Copy(io.Discard, client)
		})
		tier := e.open(t, w.addr, freshPrefix())
		for name := range calls(t.Context(), tier) {
			ctx, cancel := context.WithCancel(guarded(t))
			go func() {
				<-asked
				cancel()
			}()
			err := calls(ctx, tier)[name]()
			require.True(t, errors.Is(err, context.Canceled), "%s: %v", name, err)
			requireKind(t, err, ErrTimeout)
		}
	})
}
