package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// Redis, and Valkey alike: one server, one found through Sentinel, or a Cluster.
//
// A value is a plain string, which redis-cli can read and whose TTL is the value's life. Keys are
//
//	<prefix>:v:<name>   values            <prefix>:l:<name>   leases: the holder's token
//	<prefix>:t:<tag>    values coming in  <prefix>:f:<name>   the fence last given out
//	                                      <prefix>:n:<name>   counts
//
// with braces around the tag of the name (see tagOf), so that a Cluster keeps in one slot what a script must see
// together.
//
// go-redis holds every string whole in memory, so nothing above redisChunk is moved in one piece. Large values come in
// by APPEND to a key of their own, which RENAME makes the value once the server says that its length is right: an
// eviction in between loses bytes, and lost bytes show in the length. They are read by GETRANGE under WATCH: the server
// says at the end whether anybody has touched the key meanwhile, and if so the last Read fails. Both are atomic for the
// reader.
//
// Of what go-redis does by itself, all that costs a round trip, a retry or a goroutine is off. It follows deadlines but
// not the cancelling of a context, so each call runs beside its caller, on nothing that belongs to the caller.

const (
	redisFirst = 1 << 20   // bytes asked for at once, before the size is known
	redisChunk = 4 << 20   // bytes moved at once
	redisMost  = 512 << 20 // bytes of the largest string

	redisComing = 2 * time.Minute // life of a value that is coming in, from its last piece on
	redisFence  = 24 * time.Hour  // shortest life of a fence that nobody uses
)

type redisTier struct {
	place    string
	lead     string
	secrets  []string
	patience time.Duration
	max      int64

	opts     *redis.Options
	hosts    []string
	sentinel string               // name of the master; empty: there is no Sentinel
	cluster  *redis.ClusterClient // nil: one server

	mu     sync.Mutex
	single *redis.Client // nil: its address is not known yet
}

// openRedis takes user and password from the URL, or the password from CACHEX_REDIS_PASSWORD. Sentinels are asked
// without a password unless CACHEX_SENTINEL_PASSWORD has one.
func openRedis(c Config) (Tier, error) {
	hosts, err := c.hosts("6379")
	if err != nil {
		return nil, err
	}
	opts, err := redisOptions(c)
	if err != nil {
		return nil, err
	}
	logging.Disable() // go-redis prints to stderr, which belongs to the command
	t := &redisTier{
		place: c.place(), lead: c.lead(), secrets: []string{opts.Password}, patience: c.patience(),
		max:  c.limit(redisMost),
		opts: opts, hosts: hosts, sentinel: c.URL.Query().Get("sentinel"),
	}
	if c.URL.Query().Get("cluster") == "1" {
		t.cluster = newRedisCluster(opts, hosts)
	}
	if t.sentinel != "" {
		secret, _ := c.Lookup("CACHEX_SENTINEL_PASSWORD")
		t.secrets = append(t.secrets, secret)
	}
	return t, nil
}

// key places a name: kind:dir/{tag}rest. There is no colon in prefixes and names, so no two of them meet.
func (t *redisTier) key(kind, name string) string {
	tag := tagOf(name)
	at := strings.LastIndexByte(name, '/') + 1
	return t.lead + ":" + kind + ":" + name[:at] + "{" + tag + "}" + name[at+len(tag):]
}

// node is the server that keeps a key.
func (t *redisTier) node(ctx context.Context, key string) (*redis.Client, error) {
	if t.cluster != nil {
		return t.cluster.MasterForKey(ctx, key)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.single != nil {
		return t.single, nil
	}
	addr := t.hosts[0]
	if t.sentinel != "" {
		var err error
		if addr, err = t.askSentinels(ctx); err != nil {
			return nil, err
		}
	}
	opts := *t.opts
	opts.Addr = addr
	t.single = redis.NewClient(&opts)
	return t.single, nil
}

// askSentinels takes the first answer. Each gets its share of the time, so that one that is silent does not take all.
func (t *redisTier) askSentinels(ctx context.Context) (string, error) {
	var failure error
	for i, host := range t.hosts {
		master, err := t.askSentinel(ctx, host, t.patience/time.Duration(len(t.hosts)-i+1))
		if err == nil {
			return master, nil
		}
		failure = errors.Join(failure, fmt.Errorf("sentinel %s: %w", host, err))
		if ctx.Err() != nil {
			break
		}
	}
	return "", failure
}

func (t *redisTier) askSentinel(ctx context.Context, host string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	opts := *t.opts
	opts.Addr, opts.DB, opts.Username, opts.Password = host, 0, "", t.secrets[len(t.secrets)-1]
	c := redis.NewSentinelClient(&opts)
	defer c.Close()
	addr, err := c.GetMasterAddrByName(ctx, t.sentinel).Result()
	if errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("%w: it knows no master %q", ErrServer, t.sentinel)
	}
	if err != nil {
		return "", err
	}
	if len(addr) != 2 {
		return "", fmt.Errorf("%w: it names a master by %d words", ErrServer, len(addr))
	}
	return withPort(addr[0], addr[1])
}

// do makes one call to the server of a key, beside the caller, who is back as soon as the context ends. F may set what
// its caller reads only if do returns nil, and must not touch what belongs to the caller's caller.
func (t *redisTier) do(
	ctx context.Context, key string, limit time.Duration, f func(context.Context, *redis.Client) error,
) error {
	err := beside(ctx, limit, func(ctx context.Context) error {
		node, err := t.node(ctx, key)
		if err != nil {
			return err
		}
		return f(ctx, node)
	})
	err = t.fault(ctx, err)
	t.learn(err)
	return err
}

// bulk limits the moving of up to redisChunk bytes. It ends well before that when nothing moves (see movingConn).
func (t *redisTier) bulk() time.Duration { return 30 * t.patience }

// learn forgets what the error says is no longer so: who the master is.
func (t *redisTier) learn(err error) {
	if err == nil || !errors.Is(err, ErrUnreachable) && !errors.Is(err, errRedisMoved) {
		return
	}
	if t.cluster != nil {
		t.cluster.ReloadState(context.Background())
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sentinel != "" && t.single != nil {
		t.single.Close()
		t.single = nil
	}
}

func (t *redisTier) Close() error {
	if t.cluster != nil {
		return t.cluster.Close()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.single == nil {
		return nil
	}
	err := t.single.Close()
	t.single = nil
	return err
}
