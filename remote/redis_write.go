package remote

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cachex-cli/cachex/remote/contract"
)

// Put is one round trip for up to redisChunk bytes.
func (t *redisTier) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, life time.Duration) error {
	return t.put(ctx, nil, name, body, size, life)
}

// put stores a value; under a lease, if there is one.
func (t *redisTier) put(
	ctx context.Context, under *redisUnder, name string, body io.ReadSeeker, size int64, life time.Duration,
) error {
	if err := beginPut(t.place, name, body, size, t.max); err != nil {
		return err
	}
	key := t.key("v", name)
	if size > redisChunk {
		return t.putLarge(ctx, under, key, body, size, life)
	}
	value, err := readBody(body, size)
	if err != nil {
		return err
	}
	return t.do(ctx, key, t.bulk(), func(ctx context.Context, node *redis.Client) error {
		if under != nil {
			keys, args := under.more(t, []string{key}, []any{value, milliseconds(life)})
			return fencedErr(node.Eval(ctx, redisPut, keys, args...))
		}
		return node.Set(ctx, key, value, max(life, 0)).Err()
	})
}

// putLarge sends a value in chunks. Who dies in the middle leaves a key that ends by itself.
func (t *redisTier) putLarge(
	ctx context.Context, under *redisUnder, key string, body io.Reader, size int64, life time.Duration,
) error {
	coming, err := t.comingKey(key)
	if err != nil {
		return err
	}
	for sent := int64(0); sent < size; {
		chunk, err := readBody(body, min(size-sent, redisChunk))
		if err == nil {
			sent += int64(len(chunk))
			err = t.append(ctx, coming, chunk, sent)
		}
		if err != nil {
			t.drop(ctx, coming, err)
			return err
		}
	}
	keys, args := []string{coming, key}, []any{size, milliseconds(life)}
	if under != nil {
		keys, args = under.more(t, keys, args)
	} else {
		keys, args = append(keys, key), append(args, "")
	}
	return t.do(ctx, key, t.patience, func(ctx context.Context, node *redis.Client) error {
		err := fencedErr(node.Eval(ctx, redisCommit, keys, args...))
		if under == nil && errors.Is(unsupported(err), ErrUnsupported) {
			return commitPlainly(ctx, node, coming, key, size, life)
		}
		return err
	})
}

// commitPlainly is redisCommit without a script and without a lease. Nobody else touches what is coming in.
func commitPlainly(ctx context.Context, node *redis.Client, coming, key string, size int64, life time.Duration) error {
	length, err := node.StrLen(ctx, coming).Result()
	if err == nil && length != size {
		err = errRedisLost
	}
	if err == nil && life > 0 {
		err = node.PExpire(ctx, coming, life).Err()
	} else if err == nil {
		err = node.Persist(ctx, coming).Err()
	}
	if err != nil {
		return err
	}
	return node.Rename(ctx, coming, key).Err()
}

// comingKey is a key that nobody else uses, in the slot of key.
func (t *redisTier) comingKey(key string) (string, error) {
	token, err := newToken()
	if err != nil {
		return "", err
	}
	tag := key[strings.IndexByte(key, '{') : strings.IndexByte(key, '}')+1]
	return t.lead + ":t:" + tag + token, nil
}

// append adds a chunk. The server says how long that made the string, so a lost beginning shows at once.
func (t *redisTier) append(ctx context.Context, key string, chunk []byte, length int64) error {
	return t.do(ctx, key, t.bulk(), func(ctx context.Context, node *redis.Client) error {
		p := node.Pipeline()
		now := p.Do(ctx, "append", key, chunk)
		p.PExpire(ctx, key, redisComing)
		if _, err := p.Exec(ctx); err != nil {
			return unsupported(err)
		}
		if n, err := now.Int64(); err != nil || n != length {
			return errRedisLost
		}
		return nil
	})
}

// drop removes a value that will not be finished, where that does not make anybody wait; else it ends by itself.
func (t *redisTier) drop(ctx context.Context, key string, err error) {
	if ctx.Err() != nil || errors.Is(err, ErrTimeout) || errors.Is(err, ErrUnreachable) {
		return
	}
	t.do(ctx, key, t.patience, func(ctx context.Context, node *redis.Client) error {
		return node.Unlink(ctx, key).Err()
	})
}

// milliseconds is a life as the scripts want it: 0 is no end.
func milliseconds(life time.Duration) int64 {
	if life <= 0 {
		return 0
	}
	return max(life.Milliseconds(), 1)
}

func (t *redisTier) Delete(ctx context.Context, name string) error {
	if err := contract.CheckName(name); err != nil {
		return err
	}
	key := t.key("v", name)
	return t.do(ctx, key, t.patience, func(ctx context.Context, node *redis.Client) error {
		err := node.Unlink(ctx, key).Err()
		if errors.Is(unsupported(err), ErrUnsupported) {
			err = node.Del(ctx, key).Err()
		}
		return err
	})
}

// Clear asks every master for its keys page by page, and lets it free them in the background.
func (t *redisTier) Clear(ctx context.Context) (int, error) {
	var removed atomic.Int64
	clear := func(ctx context.Context, node *redis.Client) error {
		for cursor := uint64(0); ; {
			next, n, err := t.clearPage(ctx, node, cursor)
			removed.Add(n)
			if err != nil || next == 0 {
				return err
			}
			cursor = next
		}
	}
	if t.cluster != nil {
		err := beside(ctx, time.Hour, func(ctx context.Context) error { return t.cluster.ForEachMaster(ctx, clear) })
		return int(removed.Load()), t.fault(ctx, err)
	}
	err := t.do(ctx, "", time.Hour, clear)
	return int(removed.Load()), err
}

func (t *redisTier) clearPage(
	ctx context.Context, node *redis.Client, cursor uint64,
) (next uint64, removed int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	keys, next, err := node.Scan(ctx, cursor, t.lead+":v:*", 1000).Result()
	if err != nil || len(keys) == 0 {
		return next, 0, err
	}
	// One command a key: the keys of a node of a Cluster are in many slots.
	p := node.Pipeline()
	for _, key := range keys {
		p.Unlink(ctx, key)
	}
	done, err := p.Exec(ctx)
	for _, cmd := range done {
		removed += cmd.(*redis.IntCmd).Val()
	}
	return next, removed, err
}
