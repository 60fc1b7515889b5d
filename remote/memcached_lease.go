package remote

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Leases and counts in Memcached are several steps each, of which add and cas are the ones that decide.
//
// A lease is an item "token fence". Who can add one with its token raises the fence, and then writes the fence into the
// item by cas: had the lease ended meanwhile, and somebody else begun, that fails. So who holds a lease got a higher fence
// than all who held it before.
//
// To store under a lease: look at the value (gets), look at the fence, then store by cas on what was seen, or by add. Two
// holders cannot overwrite each other the wrong way round: the later one raised the fence before it ran, so the earlier
// one either sees that, or stored before the later one has; and what was stored after its first look stops it. (It may
// store once more after its lease was lost, between its second step and its third. Then the one who leads stores over it.)
//
// Memcached may evict any of it, at any time. A lease that was evicted lets two run: a duplicate run. A fence that was
// evicted guards nothing any more, so what is stored under it is refused; and the next one starts from the server's
// clock, above all before. That was measured in seconds and spread at random below: equal numbers after an eviction
// would take two evictions within a second.

func (t *memcachedTier) Acquire(ctx context.Context, name string, life time.Duration) (Lease, error) {
	if err := checkName(name); err != nil {
		return Lease{}, err
	}
	token, err := newToken()
	if err != nil {
		return Lease{}, err
	}
	u, err := t.server(name).begin(ctx)
	if err != nil {
		return Lease{}, err
	}
	fence, err := t.acquire(u.conn, name, token, memcachedExpiry(max(life, 1)))
	if err = u.end(err); err != nil {
		return Lease{}, err
	}
	if fence == 0 {
		return Lease{}, fmt.Errorf("%s: %w", u.server.place, ErrHeld)
	}
	return Lease{Name: name, Token: token, Fence: fence}, nil
}

// acquire returns the fence, or 0 when somebody else holds the lease.
func (t *memcachedTier) acquire(c *memcachedConn, name, token string, expiry int64) (int64, error) {
	key := t.key("l", name)
	stored, err := c.storeOne("add", key, []byte(token), expiry, 0)
	if err != nil || stored != memcachedStored {
		return 0, err
	}
	fence, err := c.raise(t.key("f", name))
	if err != nil {
		return 0, err
	}
	it, err := c.getOne(key)
	if err != nil || string(it.data) != token {
		return 0, err
	}
	stored, err = c.storeOne("cas", key, fmt.Appendf(nil, "%s %d", token, fence), expiry, it.cas)
	if err != nil || stored != memcachedStored {
		return 0, err
	}
	return fence, nil
}

// raise adds 1 to a number. One that is not there starts from the server's clock.
func (c *memcachedConn) raise(key string) (int64, error) {
	for range 2 {
		c.askIncr(key)
		if err := c.flush(); err != nil {
			return 0, err
		}
		if n, found, err := c.readIncr(); err != nil || found {
			return n, err
		}
		now, err := c.clock()
		if err != nil {
			return 0, err
		}
		var low [4]byte
		if _, err := rand.Read(low[:]); err != nil {
			return 0, err
		}
		n := now<<20 | int64(binary.LittleEndian.Uint32(low[:])>>12)
		stored, err := c.storeOne("add", key, strconv.AppendInt(nil, n, 10), 0, 0)
		if err != nil || stored == memcachedStored {
			return n, err
		}
	}
	return 0, fmt.Errorf("%w: it forgets numbers at once", ErrServer)
}

// Renew writes the lease again, if it is ours.
func (t *memcachedTier) Renew(ctx context.Context, l Lease, life time.Duration) error {
	return t.rewrite(ctx, l, memcachedExpiry(max(life, 1)), ErrFenced)
}

// Release writes it so that it is gone at once.
func (t *memcachedTier) Release(ctx context.Context, l Lease) error {
	return t.rewrite(ctx, l, -1, nil)
}

func (t *memcachedTier) rewrite(ctx context.Context, l Lease, expiry int64, lost error) error {
	u, err := t.server(l.Name).begin(ctx)
	if err != nil {
		return err
	}
	key, own := t.key("l", l.Name), fmt.Sprintf("%s %d", l.Token, l.Fence)
	it, err := u.conn.getOne(key)
	if err != nil {
		return u.end(err)
	}
	ours := string(it.data) == own
	if ours {
		var stored memcachedOutcome
		stored, err = u.conn.storeOne("cas", key, []byte(own), expiry, it.cas)
		ours = stored == memcachedStored
	}
	if err = u.end(err); err == nil && !ours && lost != nil {
		err = fmt.Errorf("%s: %w", u.server.place, lost)
	}
	return err
}

// State takes for held what was added, whether or not it has its fence yet.
func (t *memcachedTier) State(ctx context.Context, name string) (fence int64, held bool, err error) {
	if err := checkName(name); err != nil {
		return 0, false, err
	}
	u, err := t.server(name).begin(ctx)
	if err != nil {
		return 0, false, err
	}
	u.conn.askGet(t.key("l", name))
	u.conn.askGet(t.key("f", name))
	err = u.conn.flush()
	var lease, last memcachedItemData
	if err == nil {
		lease, err = u.conn.readGet()
	}
	if err == nil {
		last, err = u.conn.readGet()
	}
	if err == nil {
		fence, err = last.number()
	}
	return fence, lease.found, u.end(err)
}

// number is the number in an item; none is 0.
func (it memcachedItemData) number() (int64, error) {
	if !it.found {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(it.data)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: not a number: %s", ErrServer, plainText(string(it.data)))
	}
	return n, nil
}

func (t *memcachedTier) PutFenced(ctx context.Context, l Lease, name string, body io.ReadSeeker, size int64, life time.Duration) error {
	if err := checkGuarded(l, name); err != nil {
		return err
	}
	return t.put(ctx, &l, name, body, size, life)
}

// setFenced is the set of who holds a lease.
func (c *memcachedConn) setFenced(key string, item []byte, expiry int64, fenceKey string, fence int64) error {
	c.askGet(key)
	c.askGet(fenceKey) // after the value: see above
	if err := c.flush(); err != nil {
		return err
	}
	seen, err := c.readGet()
	if err != nil {
		return err
	}
	it, err := c.readGet()
	if err != nil {
		return err
	}
	if n, err := it.number(); err != nil || n != fence {
		return fencedOr(err)
	}
	verb := "add"
	if seen.found {
		verb = "cas"
	}
	stored, err := c.storeOne(verb, key, item, expiry, seen.cas)
	if err == nil && stored != memcachedStored {
		return ErrFenced
	}
	return err
}

func fencedOr(err error) error {
	if err != nil {
		return err
	}
	return ErrFenced
}

func (t *memcachedTier) Bump(ctx context.Context, name string) (int64, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	u, err := t.server(name).begin(ctx)
	if err != nil {
		return 0, err
	}
	n, err := u.conn.raise(t.key("n", name))
	return n, u.end(err)
}

// Counts asks each server once, all at the same time.
func (t *memcachedTier) Counts(ctx context.Context, names ...string) ([]int64, error) {
	groups := map[*memcachedServer][]int{}
	for i, name := range names {
		if err := checkName(name); err != nil {
			return nil, err
		}
		groups[t.server(name)] = append(groups[t.server(name)], i)
	}
	counts := make([]int64, len(names))
	failures := make(chan error, len(groups))
	var wg sync.WaitGroup
	for s, group := range groups {
		wg.Go(func() { failures <- t.countsOf(ctx, s, group, names, counts) })
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// countsOf fills counts for the names, given by their indices, that one server keeps.
func (t *memcachedTier) countsOf(ctx context.Context, s *memcachedServer, group []int, names []string, counts []int64) error {
	u, err := s.begin(ctx)
	if err != nil {
		return err
	}
	for _, i := range group {
		u.conn.askGet(t.key("n", names[i]))
	}
	err = u.conn.flush()
	for _, i := range group {
		var it memcachedItemData
		if err == nil {
			it, err = u.conn.readGet()
		}
		if err == nil {
			counts[i], err = it.number()
		}
	}
	return u.end(err)
}
