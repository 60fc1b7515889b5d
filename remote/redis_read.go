package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Get is one round trip for up to redisFirst bytes, and for absent values.
func (t *redisTier) Get(ctx context.Context, name string) (*Value, error) {
	return getOne(ctx, t, name)
}

// redisHead is the question for the beginning of a value. Less than it asks for is a whole value, as of one instant.
type redisHead struct {
	text         *redis.StringCmd
	size, exists *redis.IntCmd
}

func askRedisHead(ctx context.Context, p redis.Pipeliner, key string) redisHead {
	return redisHead{text: p.GetRange(ctx, key, 0, redisFirst-1), size: p.StrLen(ctx, key), exists: p.Exists(ctx, key)}
}

func (h redisHead) err() error { return cmp.Or(h.text.Err(), h.size.Err(), h.exists.Err()) }

// value opens the value whose beginning was answered.
func (t *redisTier) value(ctx context.Context, key string, h redisHead) (*Value, error) {
	err := h.err()
	if errors.Is(unsupported(err), ErrUnsupported) {
		return t.getWhole(ctx, key)
	}
	if err != nil {
		err = t.fault(ctx, err)
		t.learn(err)
		return nil, err
	}
	text := h.text.Val()
	switch n := int64(len(text)); {
	case n > redisFirst:
		return nil, fmt.Errorf("%s: %w: %d bytes where %d were asked for", t.place, ErrServer, n, redisFirst)
	case n == redisFirst && h.size.Val() > t.max:
		return nil, tooLarge(t.place, h.size.Val(), t.max)
	case n == redisFirst:
		return t.openLarge(ctx, key)
	case n > 0:
		return t.whole(text)
	case h.exists.Val() == 0:
		return nil, fmt.Errorf("%s: %w", t.place, ErrAbsent)
	}
	return t.getWhole(ctx, key)
}

func (t *redisTier) whole(text string) (*Value, error) {
	if size := int64(len(text)); size > t.max {
		return nil, tooLarge(t.place, size, t.max)
	}
	return &Value{ReadCloser: io.NopCloser(strings.NewReader(text)), Size: int64(len(text))}, nil
}

// getWhole reads a value of up to redisChunk with GET alone: from a server that lacks other commands, and what may be
// empty, or none at one of several instants.
func (t *redisTier) getWhole(ctx context.Context, key string) (*Value, error) {
	var text string
	err := t.do(ctx, key, t.patience, func(ctx context.Context, node *redis.Client) (err error) {
		text, err = node.Get(ctx, key).Result() // refused if it became large meanwhile
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.whole(text)
}

// openLarge starts to read a value of several chunks, on a connection of its own.
func (t *redisTier) openLarge(ctx context.Context, key string) (*Value, error) {
	v := &redisValue{tier: t, ctx: ctx, key: key}
	err := t.do(ctx, key, t.bulk(), func(ctx context.Context, node *redis.Client) error {
		conn := node.Conn()
		size, text, err := watchRedis(ctx, conn, key)
		if err == nil {
			err = ctx.Err() // nobody waits for it any more
		}
		if err != nil {
			conn.Close()
			return unsupported(err)
		}
		v.conn, v.size, v.text = conn, size, text
		return nil
	})
	if errors.Is(err, ErrUnsupported) {
		return t.getWhole(ctx, key)
	}
	if err != nil {
		return nil, err
	}
	if v.size > t.max || v.size < int64(len(v.text)) {
		v.Close()
		return nil, tooLarge(t.place, v.size, t.max)
	}
	v.fetched = int64(len(v.text))
	return &Value{ReadCloser: v, Size: v.size}, nil
}

// watchRedis returns the size of a value and its first chunk. A reader that gave up may have left a WATCH behind.
func watchRedis(ctx context.Context, conn *redis.Conn, key string) (int64, string, error) {
	p := conn.Pipeline()
	p.Do(ctx, "unwatch")
	p.Do(ctx, "watch", key)
	size, text := p.StrLen(ctx, key), p.GetRange(ctx, key, 0, redisChunk-1)
	_, err := p.Exec(ctx)
	if err == nil && size.Val() == 0 {
		err = redis.Nil // gone since its size was asked for
	}
	return size.Val(), text.Val(), err
}

// redisValue is a large value being read.
type redisValue struct {
	tier    *redisTier
	ctx     context.Context // of Get
	conn    *redis.Conn
	key     string
	size    int64
	fetched int64  // bytes
	text    string // of them, what is still to be read
	err     error  // io.EOF: unchanged to the end
}

func (v *redisValue) Read(p []byte) (int, error) {
	if v.text == "" && v.err == nil {
		v.err = v.fetch()
	}
	if v.err != nil {
		return 0, v.err
	}
	n := copy(p, v.text)
	v.text = v.text[n:]
	return n, nil
}

// fetch gets the next chunk, or io.EOF if the value is still the one that was begun.
func (v *redisValue) fetch() error {
	want := min(v.size-v.fetched, redisChunk)
	if want == 0 {
		return v.finish()
	}
	var text string
	err := beside(v.ctx, v.tier.bulk(), func(ctx context.Context) (err error) {
		text, err = v.conn.GetRange(ctx, v.key, v.fetched, v.fetched+want-1).Result()
		return err
	})
	if err != nil {
		return v.tier.fault(v.ctx, err)
	}
	if int64(len(text)) != want {
		return v.changed()
	}
	v.text = text
	v.fetched += want
	return nil
}

func (v *redisValue) finish() error {
	err := beside(v.ctx, v.tier.patience, func(ctx context.Context) error {
		_, err := v.conn.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.StrLen(ctx, v.key).Err() })
		return err
	})
	if errors.Is(err, redis.TxFailedErr) {
		return v.changed()
	}
	if err != nil {
		return v.tier.fault(v.ctx, err)
	}
	return io.EOF
}

func (v *redisValue) changed() error {
	return fmt.Errorf("%s: %w: the value changed while it was read", v.tier.place, ErrServer)
}

func (v *redisValue) Close() error {
	v.err = errors.New("the value is closed")
	return v.conn.Close()
}
