package remote

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wire stands between a tier and its server, and does to each connection what a test wants.
type wire struct {
	addr string

	mu    sync.Mutex
	conns []net.Conn
	done  bool
	wg    sync.WaitGroup
}

// newWire gives every connection to serve; server is nil where there is no server to talk to.
func newWire(t *testing.T, server string, serve func(client, server net.Conn)) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{addr: l.Addr().String()}
	w.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() { w.handle(client, server, serve) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.mu.Lock()
		w.done = true
		for _, c := range w.conns {
			c.Close()
		}
		w.mu.Unlock()
		w.wg.Wait()
	})
	return w
}

func (w *wire) handle(client net.Conn, server string, serve func(client, server net.Conn)) {
	defer client.Close()
	if !w.keep(client) {
		return
	}
	if server == "" {
		serve(client, nil)
		return
	}
	s, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer s.Close()
	if w.keep(s) {
		serve(client, s)
	}
}

// keep has a connection closed at the end.
func (w *wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
	return !w.done
}

// through passes requests on, and answers through change.
func through(client, server net.Conn, change func(io.Writer, io.Reader)) {
	var wg sync.WaitGroup
	wg.Go(func() {
		io.Copy(server, client)
		server.(*net.TCPConn).CloseWrite()
	})
	change(client, server)
	client.Close()
	server.Close()
	wg.Wait()
}

// older is a memcached that says it is from before the meta commands, and that knows none of them.
func older(t *testing.T, server string) string {
	return newWire(t, server, func(client, s net.Conn) {
		through(client, s, func(to io.Writer, from io.Reader) {
			buffer := make([]byte, 64<<10)
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			to.Write(bytes.Replace(buffer[:n], []byte("VERSION 1.6."), []byte("VERSION 1.4."), 1))
			io.Copy(to, from)
		})
	}).addr
}

// noneLeft fails the test if at its end, when its tiers and wires are closed, a goroutine of theirs goes on.
func noneLeft(t *testing.T) {
	t.Cleanup(func() {
		var left string
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if left = ours(); left == "" {
				return
			}
		}
		t.Errorf("goroutines are left: %s", left)
	})
}

// ours are the goroutines that come from this package or from go-redis, but for those of the tests.
func ours() string {
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	var left []string
	for stack := range strings.SplitSeq(string(all), "\n\n") {
		begun := stack[strings.LastIndex(stack, "created by ")+1:]
		if strings.Contains(begun, "go-redis") || strings.Contains(begun, "cachex/remote.") &&
			!strings.Contains(begun, "_test.go") && !strings.Contains(begun, "cachex/remote.Test") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}
