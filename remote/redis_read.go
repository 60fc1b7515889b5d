package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Get is one round trip for up to redisFirst bytes, and for absent values.
func (t *redisTier) Get(ctx context.Context, name string) (*Value, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	key := t.key("v", name)
	var head redisHead
	err := t.do(ctx, key, t.bulk(), func(ctx context.Context, node *redis.Client) (err error) {
		head, err = readRedisHead(ctx, node, key)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case head.size > t.max:
		return nil, tooLarge(t.place, head.size, t.max)
	case head.whole:
		return &Value{ReadCloser: io.NopCloser(strings.NewReader(head.text)), Size: head.size}, nil
	}
	return t.openLarge(ctx, key)
}

type redisHead struct {
	text  string
	size  int64
	whole bool
}

// readRedisHead reads the beginning of a value. Less than it asked for is a whole value, as of one instant. Nothing may
// be an empty value, or none at one of several instants: then GET alone can tell.
func readRedisHead(ctx context.Context, node *redis.Client, key string) (redisHead, error) {
	p := node.Pipeline()
	text, size, exists := p.GetRange(ctx, key, 0, redisFirst-1), p.StrLen(ctx, key), p.Exists(ctx, key)
	if _, err := p.Exec(ctx); err != nil {
		return redisHead{}, err
	}
	switch n := int64(len(text.Val())); {
	case n > redisFirst:
		return redisHead{}, fmt.Errorf("%w: %d bytes where %d were asked for", ErrServer, n, redisFirst)
	case n == redisFirst:
		return redisHead{size: size.Val()}, nil
	case n > 0:
		return redisHead{text: text.Val(), size: n, whole: true}, nil
	case exists.Val() == 0:
		return redisHead{}, redis.Nil
	}
	whole, err := node.Get(ctx, key).Result() // refused if it became large meanwhile
	return redisHead{text: whole, size: int64(len(whole)), whole: true}, err
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
			return err
		}
		v.conn, v.size, v.text = conn, size, text
		return nil
	})
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
