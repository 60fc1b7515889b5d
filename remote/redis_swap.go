package remote

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cachex-cli/cachex/remote/contract"
)

// The mark of a value in Redis is the SHA-1 of its bytes, which scripts can compute. It tells values of honest hosts
// from each other: who wants to deceive could as well store what he likes.

// redisSwap: value; bytes, life, mark. Returns 0 when the value is another one.
const redisSwap = `
local now = redis.call('GET', KEYS[1])
if (now and redis.sha1hex(now) or '') ~= ARGV[3] then return 0 end
if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1])
else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1`

func redisMark(value string) contract.Mark {
	sum := sha1.Sum([]byte(value))
	return contract.Mark(hex.EncodeToString(sum[:]))
}

// Look reads the whole of a value, whatever its size, for the mark depends on all of it.
func (t *redisTier) Look(ctx context.Context, name string, most int64) ([]byte, contract.Mark, error) {
	if err := contract.CheckName(name); err != nil {
		return nil, "", err
	}
	key := t.key("v", name)
	var text string
	err := t.do(ctx, key, t.bulk(), func(ctx context.Context, node *redis.Client) (err error) {
		text, err = node.Get(ctx, key).Result()
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if size := int64(len(text)); size > most {
		return nil, redisMark(text), tooLarge(t.place, size, most)
	}
	return []byte(text), redisMark(text), nil
}

// Swap is a script, an instant of its own for the server.
func (t *redisTier) Swap(
	ctx context.Context, name string, old contract.Mark, body io.ReadSeeker, size int64, life time.Duration,
) error {
	if err := beginPut(t.place, name, body, size, min(t.max, redisChunk)); err != nil {
		return err
	}
	value, err := readBody(body, size)
	if err != nil {
		return err
	}
	key := t.key("v", name)
	return t.do(ctx, key, t.bulk(), func(ctx context.Context, node *redis.Client) error {
		swapped, err := node.Eval(ctx, redisSwap, []string{key}, value, milliseconds(life), string(old)).Bool()
		if err == nil && !swapped {
			err = fmt.Errorf("%s: %w", t.place, ErrChanged)
		}
		return unsupported(err)
	})
}
