package remote

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// memcachedServer is one server, with the connections to it that nobody uses just now.
type memcachedServer struct {
	addr   string
	place  string // for errors
	lead   string // prefix of keys
	dialer dialer
	guard  contract.Guard // nil: none

	mu         sync.Mutex
	idle       []*memcachedConn
	closed     bool
	generation string
	learned    time.Time // when the server told it
}

// memcachedIdle is how many connections are kept.
const memcachedIdle = 4

// memcachedUse is the use of one connection by one caller, within one context.
type memcachedUse struct {
	server *memcachedServer
	conn   *memcachedConn

	asksVersion, adds, asksGeneration bool // what greet has asked
	generation                        string

	ctx   context.Context
	stop  func() bool // leave the context alone
	ended bool
}

// begin takes a connection or makes one. Every use must be ended.
func (s *memcachedServer) begin(ctx context.Context) (*memcachedUse, error) {
	if s.guard != nil && !contract.Insists(ctx) {
		if ok, _ := s.guard.Allow(); !ok {
			return nil, fmt.Errorf("%s: %w", s.place, ErrLeftAlone)
		}
	}
	u := &memcachedUse{server: s, ctx: ctx, conn: s.take()}
	if u.conn == nil {
		moving, err := s.dial(ctx)
		if err != nil {
			return nil, s.told(fault(ctx, s.place, err))
		}
		u.conn = newMemcachedConn(moving)
	}
	deadline, _ := ctx.Deadline()
	u.conn.moving.SetDeadline(deadline)
	u.stop = context.AfterFunc(ctx, u.conn.moving.cut)
	return u, nil
}

// told tells the guard how a question went.
func (s *memcachedServer) told(err error) error {
	switch {
	case s.guard == nil:
	case errors.Is(err, ErrUnreachable), errors.Is(err, ErrTimeout):
		s.guard.Failed()
	default:
		s.guard.Succeeded()
	}
	return err
}

func (s *memcachedServer) dial(ctx context.Context) (*movingConn, error) {
	c, err := s.dialer.dial(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	return c.(*movingConn), nil
}

func (s *memcachedServer) take() *memcachedConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) == 0 {
		return nil
	}
	c := s.idle[len(s.idle)-1]
	s.idle = s.idle[:len(s.idle)-1]
	return c
}

// end gives the connection back, unless there was an error: then it closes it. It returns the error with its kind.
func (u *memcachedUse) end(err error) error {
	if u.ended {
		return err
	}
	u.ended = true
	whole := u.stop() && err == nil
	if whole && u.server.keep(u.conn) {
		return u.server.told(nil)
	}
	u.conn.moving.Close()
	return u.server.told(u.named(err))
}

// abandon is end in the middle of an answer.
func (u *memcachedUse) abandon(err error) error {
	u.ended = true
	u.stop()
	u.conn.moving.Close()
	return u.named(err)
}

// named gives an error its place and kind.
func (u *memcachedUse) named(err error) error {
	if err != nil && hasKind(err) && !strings.HasPrefix(err.Error(), u.server.place) {
		return fmt.Errorf("%s: %w", u.server.place, err)
	}
	return fault(u.ctx, u.server.place, err)
}

func (s *memcachedServer) keep(c *memcachedConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.idle) == memcachedIdle || c.asked != c.answered || len(c.keys) > 0 || c.r.Buffered() > 0 {
		return false
	}
	s.idle = append(s.idle, c)
	return true
}

func (s *memcachedServer) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.idle {
		c.moving.Close()
	}
	s.idle = nil
}

func (s *memcachedServer) generationKey() string { return memcachedKey(s.lead + ":g") }

// memcachedGeneration is the length of a generation, in bytes.
const memcachedGeneration = 32

func newGeneration() string {
	var b [memcachedGeneration / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// known is the generation, if it was told a short while ago; else empty.
func (s *memcachedServer) known() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.learned) < memcachedFresh {
		return s.generation
	}
	return ""
}

// greet writes, before other questions of one round trip, that for the version, of which the dialect follows, on a new
// connection, and that for the generation, if it is not known. Whoever is going to store begins one where there is
// none. As long as something of that is to be learned, it is all asked by commands that all servers know.
func (u *memcachedUse) greet(toStore bool) {
	u.greetOnly()
	if u.generation = u.server.known(); u.generation != "" {
		return
	}
	c, key := u.conn, u.server.generationKey()
	u.asksGeneration, u.adds = true, toStore
	if toStore {
		c.askStore("add", key, []byte(newGeneration()), 0, 0)
	}
	c.askGet(key)
}

// greetOnly is greet where no generation is needed.
func (u *memcachedUse) greetOnly() {
	u.conn.next()
	if u.asksVersion = !u.conn.greeted; u.asksVersion {
		fmt.Fprint(u.conn.w, "version\r\n")
	}
}

// greeted sends all that was asked, and reads the answers to greet: the generation, or nothing where the server has
// none.
func (u *memcachedUse) greeted() (string, error) {
	c := u.conn
	if err := c.flush(); err != nil {
		return "", err
	}
	if u.asksVersion {
		if err := c.readVersion(); err != nil {
			return "", err
		}
	}
	if !u.asksGeneration {
		return u.generation, nil
	}
	if u.adds {
		if _, err := c.readStore(); err != nil {
			return "", err
		}
	}
	it, err := c.readGet()
	switch {
	case err != nil:
		return "", err
	case it.found:
		return u.server.learn(string(it.data))
	case u.adds:
		return "", fmt.Errorf("%w: it forgets at once", ErrServer)
	}
	return "", nil
}

// turn is greeted after greetOnly where nothing else is asked at once: only then is the dialect known to what follows.
func (u *memcachedUse) turn() error {
	if u.greetOnly(); !u.asksVersion {
		return nil
	}
	_, err := u.greeted()
	u.conn.next()
	return err
}

// readVersion learns the dialect.
func (c *memcachedConn) readVersion() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	version, ok := strings.CutPrefix(line, "VERSION ")
	if !ok {
		return c.odd(line)
	}
	c.greeted, c.speaksMeta = true, memcachedMeta(version)
	return nil
}

// memcachedMeta tells whether a version has the meta commands in the form that stayed, 1.6.12 or later.
func memcachedMeta(version string) bool {
	parts := strings.Split(strings.TrimSpace(version), ".")
	if len(parts) != 3 {
		return false
	}
	number := 0
	for _, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > 999 {
			return false
		}
		number = number*1000 + n
	}
	return number >= 1_006_012
}

// learn keeps the generation that the server told.
func (s *memcachedServer) learn(generation string) (string, error) {
	if len(generation) != memcachedGeneration || strings.Trim(generation, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%w: its generation is not ours", ErrServer)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation, s.learned = generation, time.Now()
	return generation, nil
}

// renew begins another generation, whatever the one before was.
func (s *memcachedServer) renew(ctx context.Context) error {
	u, err := s.begin(ctx)
	if err != nil {
		return err
	}
	next := newGeneration()
	if err = u.turn(); err == nil {
		err = u.conn.setOne(s.generationKey(), []byte(next), 0)
	}
	if err == nil {
		s.mu.Lock()
		s.generation, s.learned = next, time.Now()
		s.mu.Unlock()
	}
	return u.end(err)
}

// clock is the server's time in seconds.
func (c *memcachedConn) clock() (int64, error) {
	stats, err := c.stats("")
	if err != nil {
		return 0, err
	}
	seconds, err := strconv.ParseInt(stats["time"], 10, 64)
	if err != nil || seconds <= 0 {
		return 0, fmt.Errorf("%w: it does not tell the time", ErrServer)
	}
	return seconds, nil
}

// stats are the server's own figures of a kind; empty: the usual ones.
func (c *memcachedConn) stats(kind string) (map[string]string, error) {
	c.w.WriteString(strings.TrimSpace("stats "+kind) + "\r\n")
	if err := c.flush(); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for range 1000 {
		line, err := c.line()
		if err != nil || line == "END" {
			return all, err
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "STAT "), " ")
		if ok && strings.HasPrefix(line, "STAT ") {
			all[name] = value
		}
	}
	return nil, fmt.Errorf("%w: its statistics do not end", ErrServer)
}
