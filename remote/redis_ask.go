package remote

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisQuestion is a question as commands: a pipeline for each server.
type redisQuestion struct {
	heads  []redisHead
	counts []*redis.SliceCmd
	turn   redisTurn
}

// redisPart is what is asked about one key.
type redisPart struct {
	key string
	ask func(context.Context, redis.Pipeliner)
}

// Ask is one round trip to each server that keeps a part of the question, all at the same time. A large value costs
// more.
func (t *redisTier) Ask(ctx context.Context, q Question) Answer {
	var token string
	var err error
	if q.Lease != "" { // else the first random bytes of a process are needed for nothing
		if token, err = newToken(); err != nil {
			return q.Refused(err)
		}
	}
	asked := redisQuestion{heads: make([]redisHead, len(q.Values)), counts: make([]*redis.SliceCmd, len(q.Counts))}
	err = beside(ctx, t.limit(q), func(ctx context.Context) error { return t.send(ctx, asked.parts(t, q, token)) })
	if err != nil {
		err = t.fault(ctx, err)
		t.learn(err)
		return q.Refused(err)
	}
	a := q.Refused(ErrUnsupported)
	for i, name := range q.Values {
		a.Values[i].Value, a.Values[i].Err = t.value(ctx, t.key("v", name), asked.heads[i])
	}
	if len(q.Counts) > 0 {
		a.Counts, a.CountErr = t.counts(ctx, asked.counts)
	}
	if q.Lease != "" {
		a.Lease, a.LeaseErr = t.turnOf(ctx, asked.turn)
	}
	return a
}

// limit is how long a question may take as long as something moves.
func (t *redisTier) limit(q Question) time.Duration {
	if len(q.Values) > 0 {
		return t.bulk()
	}
	return t.patience
}

func (asked *redisQuestion) parts(t *redisTier, q Question, token string) []redisPart {
	var parts []redisPart
	if q.Lease != "" {
		parts = append(parts, redisPart{t.key("l", q.Lease), func(ctx context.Context, p redis.Pipeliner) {
			asked.turn = t.askTurn(ctx, p, q.Lease, token, q.Life)
		}})
	}
	for i, name := range q.Values {
		key := t.key("v", name)
		parts = append(parts, redisPart{
			key, func(ctx context.Context, p redis.Pipeliner) { asked.heads[i] = askRedisHead(ctx, p, key) },
		})
	}
	for i, name := range q.Counts {
		key := t.key("n", name)
		parts = append(parts, redisPart{key, func(ctx context.Context, p redis.Pipeliner) {
			asked.counts[i] = p.MGet(ctx, key) // unlike GET it tells no value from an error
		}})
	}
	return parts
}

// send asks each server once. What goes wrong with one stands in its commands afterwards.
func (t *redisTier) send(ctx context.Context, parts []redisPart) error {
	pipelines := map[*redis.Client]redis.Pipeliner{}
	for _, part := range parts {
		node, err := t.node(ctx, part.key)
		if err != nil {
			return err
		}
		if pipelines[node] == nil {
			pipelines[node] = node.Pipeline()
		}
		part.ask(ctx, pipelines[node])
	}
	var wg sync.WaitGroup
	for _, p := range pipelines {
		wg.Go(func() {
			asked, err := p.Exec(ctx)
			unanswered(asked, err)
		})
	}
	wg.Wait()
	return nil
}

// unanswered gives commands that were not sent the error for it, which go-redis leaves out where a new connection is
// refused by the server.
func unanswered(asked []redis.Cmder, err error) {
	if err == nil || slices.ContainsFunc(asked, func(c redis.Cmder) bool { return c.Err() != nil }) {
		return
	}
	for _, c := range asked {
		c.SetErr(err)
	}
}

func (t *redisTier) counts(ctx context.Context, asked []*redis.SliceCmd) ([]int64, error) {
	counts := make([]int64, len(asked))
	for i, cmd := range asked {
		answer, err := cmd.Result()
		if err == nil {
			counts[i], err = redisNumber(answer)
		}
		if err = t.fault(ctx, err); err != nil {
			t.learn(err)
			return nil, err
		}
	}
	return counts, nil
}
