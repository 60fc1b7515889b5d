package remote

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
)

// Limits of what a Redis may announce. go-redis allocates what an answer announces before any of it is there, reads
// lines however long they are, and follows arrays inside arrays however deep: a server that is none, or a hostile one,
// would end the process.
const (
	respLine     = 64 << 10   // bytes of a line
	respBulk     = redisChunk // bytes of a string: no more is ever asked for
	respElements = 1 << 17    // of all arrays of the answers between two questions
)

// go-redis begins each connection with a question that asks for what is so anyway, and waits for the answer. Without
// credentials in it, that is a round trip for nothing.
const (
	respHello   = "*2\r\n$5\r\nhello\r\n$1\r\n2\r\n"
	respNothing = "*0\r\n"
)

// respGuard follows the answers on their way to go-redis, and ends them where they pass a limit. It answers an idle
// greeting itself.
type respGuard struct {
	net.Conn
	greeted  bool   // the first question was asked
	greeting string // the answer to it, as long as that was not read

	skip     int64  // bytes of a string still to come, with its line end
	line     []byte // the beginning of a line
	elements atomic.Int64
}

func (g *respGuard) Write(p []byte) (int, error) {
	g.elements.Store(0)
	first := !g.greeted
	g.greeted = true
	if first && string(p) == respHello {
		g.greeting = respNothing
		return len(p), nil
	}
	return g.Conn.Write(p)
}

func (g *respGuard) Read(p []byte) (int, error) {
	if g.greeting != "" {
		n := copy(p, g.greeting)
		g.greeting = g.greeting[n:]
		return n, nil
	}
	n, err := g.Conn.Read(p)
	if bad := g.follow(p[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

func (g *respGuard) follow(b []byte) error {
	for len(b) > 0 {
		if g.skip > 0 {
			n := min(g.skip, int64(len(b)))
			g.skip -= n
			b = b[n:]
			continue
		}
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if len(g.line)+len(line) > respLine {
			return fmt.Errorf("%w: a line of more than %d bytes", ErrServer, respLine)
		}
		g.line = append(g.line, line...)
		if !whole {
			return nil
		}
		if err := g.header(strings.TrimSuffix(string(g.line), "\r")); err != nil {
			return err
		}
		g.line, b = g.line[:0], rest
	}
	return nil
}

// header looks at what a line announces. What else may be wrong with it go-redis says.
func (g *respGuard) header(line string) error {
	if line == "" || !strings.ContainsRune("$=!*~>%|", rune(line[0])) {
		return nil
	}
	n, err := strconv.ParseInt(line[1:], 10, 64)
	if err != nil {
		return fmt.Errorf("%w: it announces %q", ErrServer, plainText(line))
	}
	isString := strings.ContainsRune("$=!", rune(line[0]))
	if n > respBulk || !isString && (n > respElements || g.elements.Add(2*max(n, 0)) > 2*respElements) {
		return fmt.Errorf("%w: it announces %d bytes or elements", ErrServer, n)
	}
	if isString && n >= 0 {
		g.skip = n + 2
	}
	return nil
}
