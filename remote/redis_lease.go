package remote

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cachex-cli/cachex/remote/contract"
)

// Leases and counts in Redis are scripts, each an instant of its own for the server. Where there are no scripts, there
// are no leases.
//
// Fences and counts start from the server's clock, in microseconds, and never go back: what was evicted, or lost in a
// restart or a fail-over, starts again above all that was given out before. A fence that the server does not know any
// more guards nothing, so what is stored under it is refused.
//
// Numbers go through Lua as text of whole numbers below 2^53, which it keeps exactly until the year 2255.

const redisNow = `local t = redis.call('TIME')
local n = tonumber(t[1]) * 1000000 + tonumber(t[2])
`

// redisAcquire: lease, fence; token, life, life of the fence. Returns the fence, or, below zero, that of who holds the
// lease, and the rest of its life; 0: it is held, and the server has forgotten under which.
const redisAcquire = redisNow + `
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return '-' .. (redis.call('GET', KEYS[2]) or '0') .. ' ' .. redis.call('PTTL', KEYS[1])
end
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if last >= n then n = last + 1 end
local fence = string.format('%.0f', n)
redis.call('SET', KEYS[2], fence, 'PX', ARGV[3])
return fence`

// redisRenew: lease, fence; token, life, life of the fence. Returns 0 when the lease is not ours.
const redisRenew = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1`

// redisRelease: lease; token.
const redisRelease = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`

// redisLast leads a script that stores: if there is a fourth argument, it is the token of the lease that the last key
// names, and that ends, whatever comes of the storing.
const redisLast = `
if ARGV[4] and redis.call('GET', KEYS[#KEYS]) == ARGV[4] then redis.call('UNLINK', KEYS[#KEYS]) end`

// redisPut: value, fence, and perhaps lease; bytes, life, fence, and perhaps token.
const redisPut = redisLast + `
if redis.call('GET', KEYS[2]) ~= ARGV[3] then return 0 end
if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1])
else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1`

// redisCommit: value coming in, value, fence, and perhaps lease; size, life, fence or nothing, and perhaps token.
// Returns -1 when not all of it is there.
const redisCommit = redisLast + `
if ARGV[3] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[3] then redis.call('UNLINK', KEYS[1]) return 0 end
if redis.call('STRLEN', KEYS[1]) ~= tonumber(ARGV[1]) then redis.call('UNLINK', KEYS[1]) return -1 end
if ARGV[2] == '0' then redis.call('PERSIST', KEYS[1])
else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
redis.call('RENAME', KEYS[1], KEYS[2])
return 1`

// redisBump: count; what is added.
const redisBump = redisNow + `
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SET', KEYS[1], string.format('%.0f', n)) end
redis.call('INCRBY', KEYS[1], ARGV[1])
return redis.call('GET', KEYS[1])`

func fencedErr(cmd *redis.Cmd) error {
	switch n, err := cmd.Int(); {
	case err != nil:
		return err
	case n == 0:
		return ErrFenced
	case n < 0:
		return errRedisLost
	}
	return nil
}

func newToken() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}

// fenceLife is how long a fence is remembered after the lease was last touched.
func fenceLife(life time.Duration) int64 { return max(2*life, redisFence).Milliseconds() }

func (t *redisTier) Acquire(ctx context.Context, name string, life time.Duration) (Lease, error) {
	return acquireOne(ctx, t, name, life)
}

// redisTurn is the question for a lease.
type redisTurn struct {
	name, token string
	cmd         *redis.Cmd
}

func (t *redisTier) askTurn(ctx context.Context, p redis.Pipeliner, name, token string, life time.Duration) redisTurn {
	keys := []string{t.key("l", name), t.key("f", name)}
	return redisTurn{name, token, p.Eval(ctx, redisAcquire, keys, token, max(milliseconds(life), 1), fenceLife(life))}
}

func (t *redisTier) turnOf(ctx context.Context, asked redisTurn) (Lease, error) {
	text, err := asked.cmd.Text()
	if err != nil {
		err = t.fault(ctx, unsupported(err))
		t.learn(err)
		return Lease{}, err
	}
	first, left, held := strings.Cut(text, " ")
	fence, err := strconv.ParseInt(first, 10, 64)
	if err != nil || held != (fence <= 0) {
		return Lease{}, fmt.Errorf("%s: %w: not a fence: %s", t.place, ErrServer, plainText(text))
	}
	if held {
		return Lease{Fence: -fence, Left: redisLeft(left)}, fmt.Errorf("%s: %w", t.place, ErrHeld)
	}
	return Lease{Name: asked.name, Token: asked.token, Fence: fence}, nil
}

// redisLeft reads an answer to PTTL.
func redisLeft(text string) time.Duration {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || ms > maxLife.Milliseconds() {
		return contract.Endless
	}
	return max(time.Duration(ms)*time.Millisecond, 1)
}

func (t *redisTier) Renew(ctx context.Context, l Lease, life time.Duration) error {
	key := t.key("l", l.Name)
	return t.do(ctx, key, t.patience, func(ctx context.Context, node *redis.Client) error {
		keys := []string{key, t.key("f", l.Name)}
		return unsupported(fencedErr(node.Eval(ctx, redisRenew, keys, l.Token, max(milliseconds(life), 1),
			fenceLife(life))))
	})
}

func (t *redisTier) Release(ctx context.Context, l Lease) error {
	key := t.key("l", l.Name)
	return t.do(ctx, key, t.patience, func(ctx context.Context, node *redis.Client) error {
		return node.Eval(ctx, redisRelease, []string{key}, l.Token).Err()
	})
}

// redisNumber reads the one answer of an MGET; no value is 0.
func redisNumber(answer []any) (int64, error) {
	if len(answer) != 1 {
		return 0, fmt.Errorf("%w: %d values where one was asked for", ErrServer, len(answer))
	}
	text, ok := answer[0].(string)
	if !ok {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: not a number: %s", ErrServer, plainText(text))
	}
	return n, nil
}

func (t *redisTier) PutFenced(
	ctx context.Context, l Lease, name string, body io.ReadSeeker, size int64, life time.Duration,
) error {
	if err := checkGuarded(l, name); err != nil {
		return err
	}
	return t.put(ctx, &redisUnder{l, false}, name, body, size, life)
}

// PutLast ends the lease in the script that stores.
func (t *redisTier) PutLast(
	ctx context.Context, l Lease, name string, body io.ReadSeeker, size int64, life time.Duration,
) error {
	err := checkGuarded(l, name)
	if err == nil {
		err = t.put(ctx, &redisUnder{l, true}, name, body, size, life)
	}
	if err != nil && !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrTimeout) {
		_ = t.Release(ctx, l) // it may not have come as far as the script
	}
	return err
}

// redisUnder is the lease under which something is stored, and whether it ends with that.
type redisUnder struct {
	Lease
	last bool
}

// more are the keys and arguments of a script that stores, beside its own first ones.
func (u *redisUnder) more(t *redisTier, keys []string, args []any) ([]string, []any) {
	keys, args = append(keys, t.key("f", u.Name)), append(args, u.Fence)
	if u.last {
		keys, args = append(keys, t.key("l", u.Name)), append(args, u.Token)
	}
	return keys, args
}

func (t *redisTier) Bump(ctx context.Context, name string, by int64) (int64, error) {
	if err := contract.CheckName(name); err != nil {
		return 0, err
	}
	key := t.key("n", name)
	var n int64
	err := t.do(ctx, key, t.patience, func(ctx context.Context, node *redis.Client) (err error) {
		n, err = node.Eval(ctx, redisBump, []string{key}, by).Int64()
		if errors.Is(unsupported(err), ErrUnsupported) {
			n, err = bumpPlainly(ctx, node, key, by)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// bumpPlainly is redisBump without a script. A count that is evicted between the two steps begins at nothing: then it
// is as if it had been forgotten later.
func bumpPlainly(ctx context.Context, node *redis.Client, key string, by int64) (int64, error) {
	now, err := node.Time(ctx).Result()
	if err != nil {
		return 0, err
	}
	p := node.Pipeline()
	p.SetNX(ctx, key, now.UnixMicro(), 0)
	count := p.IncrBy(ctx, key, by)
	_, err = p.Exec(ctx)
	return count.Val(), err
}

// Counts asks each server of a Cluster once, all at the same time.
func (t *redisTier) Counts(ctx context.Context, names ...string) ([]int64, error) {
	return countAll(ctx, t, names)
}
