package remote

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// A lease is an item that holds a token. Of several that add one the server takes the first. Its fence is the number
// that memcached gives every item when it is stored (the one for cas), higher than all that it gave before; so whoever
// is refused reads in the same round trip which fence leads. Renewing prolongs the item without storing it, and so
// leaves the fence as it is; releasing is a cas on the fence of an item that was seen to be ours.
//
// To store under a lease: look at the value, look at the lease, and if it is still ours store by cas on what was seen,
// or by add. Two holders cannot overwrite each other the wrong way round: the later one added its lease before it ran,
// so the earlier one either sees that, or stored before the later one has; and what was stored after its first look
// stops it. (It may store once more after its lease was lost, between its second step and its third. Then the one who
// leads stores over it.)
//
// A token carries a checksum: one that comes back damaged would look like that of another host, for which everybody
// waits.
//
// Memcached may evict any of it, at any time. A lease that was evicted lets two run: a duplicate run. What was made
// under it is refused, and so is what was made under one that the server lost in a restart, where its numbers begin
// again.
//
// Counts are numbers, which add and incr change. One that was evicted starts from the server's clock, measured in
// seconds and spread at random below: equal numbers after an eviction would take two evictions within a second.

func (t *memcachedTier) Acquire(ctx context.Context, name string, life time.Duration) (Lease, error) {
	return acquireOne(ctx, t, name, life)
}

// newMemcachedToken is a token with the checksum by which soundToken knows it.
func newMemcachedToken() (string, error) {
	token, err := newToken()
	return token + tokenSum(token), err
}

func soundToken(text string) bool {
	at := max(len(text)-tokenSumLength, 0)
	return text[at:] == tokenSum(text[:at])
}

const tokenSumLength = 8

func tokenSum(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:tokenSumLength/2])
}

func (t *memcachedTier) askTurn(c *memcachedConn, name, token string, life time.Duration) {
	key := t.key("l", name)
	c.askStore("add", key, []byte(token), memcachedExpiry(max(life, 1)), 0)
	c.askLife(key)
}

// readTurn returns who holds the lease now; without a name: nobody, it was evicted at once.
func (c *memcachedConn) readTurn(name string) (Lease, error) {
	if _, err := c.readStore(); err != nil {
		return Lease{}, err
	}
	it, err := c.readGet()
	if err != nil || !it.found {
		return Lease{}, err
	}
	if it.cas == 0 || it.cas > math.MaxInt64 {
		return Lease{}, fmt.Errorf("%w: it does not number its items", ErrServer)
	}
	if !soundToken(string(it.data)) {
		return Lease{}, fmt.Errorf("%w: a lease comes back damaged", ErrServer)
	}
	return Lease{Name: name, Token: string(it.data), Fence: int64(it.cas), Left: it.left}, nil
}

// raise adds to a number. One that is not there starts from the server's clock.
func (c *memcachedConn) raise(key string, by int64) (int64, error) {
	for range 2 {
		c.askIncr(key, by)
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
		n := (now<<20 | int64(binary.LittleEndian.Uint32(low[:])>>12)) + by
		stored, err := c.storeOne("add", key, strconv.AppendInt(nil, n, 10), 0, 0)
		if err != nil || stored == memcachedStored {
			return n, err
		}
	}
	return 0, fmt.Errorf("%w: it forgets numbers at once", ErrServer)
}

// Renew moves the end of the lease. If it is another one's by now, that has its own end moved once.
func (t *memcachedTier) Renew(ctx context.Context, l Lease, life time.Duration) error {
	u, err := t.server(l.Name).begin(ctx)
	if err != nil {
		return err
	}
	var it memcachedItemData
	if err = u.turn(); err == nil {
		u.conn.askTouch(t.key("l", l.Name), memcachedExpiry(max(life, 1)))
		if err = u.conn.flush(); err == nil {
			it, err = u.conn.readGet()
		}
	}
	if err = u.end(err); err == nil && string(it.data) != l.Token {
		err = fmt.Errorf("%s: %w", u.server.place, ErrFenced)
	}
	return err
}

// Release stores it so that it is gone at once.
func (t *memcachedTier) Release(ctx context.Context, l Lease) error {
	u, err := t.server(l.Name).begin(ctx)
	if err != nil {
		return err
	}
	return u.end(t.release(u, l))
}

func (t *memcachedTier) release(u *memcachedUse, l Lease) error {
	if err := u.turn(); err != nil {
		return err
	}
	key := t.key("l", l.Name)
	it, err := u.conn.getOne(key)
	if err != nil || string(it.data) != l.Token {
		return err
	}
	_, err = u.conn.storeOne("cas", key, it.data, -1, it.cas)
	return err
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

func (t *memcachedTier) PutFenced(
	ctx context.Context, l Lease, name string, body io.ReadSeeker, size int64, life time.Duration,
) error {
	if err := checkGuarded(l, name); err != nil {
		return err
	}
	return t.put(ctx, &memcachedUnder{lease: l}, name, body, size, life)
}

// PutLast ends the lease in the round trip that stores.
func (t *memcachedTier) PutLast(
	ctx context.Context, l Lease, name string, body io.ReadSeeker, size int64, life time.Duration,
) error {
	under := &memcachedUnder{lease: l, last: true}
	err := checkGuarded(l, name)
	if err == nil {
		err = t.put(ctx, under, name, body, size, life)
	}
	if err != nil && !under.ended && !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrTimeout) {
		_ = t.Release(ctx, l) // it did not come as far
	}
	return err
}

// memcachedUnder is the lease under which a value is stored, and what was seen before that.
type memcachedUnder struct {
	lease Lease
	last  bool // it ends with that
	ended bool
	seen  memcachedItemData
}

func (under *memcachedUnder) ask(c *memcachedConn, t *memcachedTier, key string) {
	c.askGet(key)
	c.askGet(t.key("l", under.lease.Name)) // after the value: see above
}

func (under *memcachedUnder) read(c *memcachedConn) (err error) {
	if under.seen, err = c.readGet(); err != nil {
		return err
	}
	it, err := c.readGet()
	if err == nil && (string(it.data) != under.lease.Token || it.cas != uint64(under.lease.Fence)) {
		err = ErrFenced
	}
	return err
}

// store is the set of who holds a lease.
func (under *memcachedUnder) store(c *memcachedConn, t *memcachedTier, key string, item []byte, expiry int64) error {
	verb := "add"
	if under.seen.found {
		verb = "cas"
	}
	c.askStore(verb, key, item, expiry, under.seen.cas)
	if under.last {
		c.askStore("cas", t.key("l", under.lease.Name), []byte(under.lease.Token), -1, uint64(under.lease.Fence))
	}
	if err := c.flush(); err != nil {
		return err
	}
	stored, err := c.readStore()
	if err != nil {
		return err
	}
	if under.last {
		under.ended = true
		if _, err := c.readStore(); err != nil {
			return err
		}
	}
	if stored != memcachedStored {
		return ErrFenced
	}
	return nil
}

func (t *memcachedTier) Bump(ctx context.Context, name string, by int64) (int64, error) {
	if err := contract.CheckName(name); err != nil {
		return 0, err
	}
	u, err := t.server(name).begin(ctx)
	if err != nil {
		return 0, err
	}
	var n int64
	if err = u.turn(); err == nil {
		n, err = u.conn.raise(t.key("n", name), by)
	}
	return n, u.end(err)
}

// Counts asks each server once, all at the same time.
func (t *memcachedTier) Counts(ctx context.Context, names ...string) ([]int64, error) {
	return countAll(ctx, t, names)
}
