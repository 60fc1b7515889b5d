package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// checkRedis looks at the URL alone.
func checkRedis(c Config) error {
	hosts, err := c.hosts("6379")
	if err != nil {
		return err
	}
	query := c.URL.Query()
	cluster := query.Get("cluster")
	if query.Has("sentinel") && query.Get("sentinel") == "" {
		return errors.New("sentinel= needs the name of the master")
	}
	if query.Has("cluster") && cluster != "1" && cluster != "0" {
		return fmt.Errorf("cluster=%s: use 1 or 0", plainText(cluster))
	}
	if cluster == "1" && query.Has("sentinel") {
		return errors.New("sentinel and cluster exclude each other")
	}
	if len(hosts) > 1 && cluster != "1" && !query.Has("sentinel") {
		return errors.New("several hosts need sentinel=NAME or cluster=1")
	}
	db, err := redisDB(c)
	if err == nil && db != 0 && cluster == "1" {
		return errors.New("a cluster has no databases but 0")
	}
	return err
}

// redisDB is the number of the database in the path.
func redisDB(c Config) (int, error) {
	text := strings.Trim(c.URL.Path, "/")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("bad database %q: not a number", text)
	}
	return int(n), nil
}

func redisOptions(c Config) (*redis.Options, error) {
	db, err := redisDB(c)
	if err != nil {
		return nil, err
	}
	d := dialer{patience: c.patience()}
	if c.URL.Scheme == "rediss" {
		if d.tls, err = trusting(c.URL.Query().Get("ca")); err != nil {
			return nil, err
		}
	}
	password, has := c.URL.User.Password()
	if !has {
		password, _ = c.Lookup("CACHEX_REDIS_PASSWORD")
	}
	return &redis.Options{
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := d.dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &respGuard{Conn: c}, nil
		},
		Username:                 c.URL.User.Username(),
		Password:                 password,
		DB:                       db,
		Protocol:                 2,
		MaxRetries:               -1,
		DialerRetries:            1,
		DialTimeout:              c.patience(),
		ReadTimeout:              -1, // movingConn and the context do that
		WriteTimeout:             -1,
		ContextTimeoutEnabled:    true,
		PoolSize:                 32, // readers of large values keep one each
		PipelinePoolSize:         -1,
		MaxIdleConns:             4,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}, nil
}

func newRedisCluster(o *redis.Options, hosts []string) *redis.ClusterClient {
	return redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:                    hosts,
		Dialer:                   o.Dialer,
		Username:                 o.Username,
		Password:                 o.Password,
		Protocol:                 o.Protocol,
		MaxRetries:               o.MaxRetries,
		MaxRedirects:             -1,
		DialerRetries:            o.DialerRetries,
		DialTimeout:              o.DialTimeout,
		ReadTimeout:              o.ReadTimeout,
		WriteTimeout:             o.WriteTimeout,
		ContextTimeoutEnabled:    true,
		PoolSize:                 o.PoolSize,
		PipelinePoolSize:         o.PipelinePoolSize,
		MaxIdleConns:             o.MaxIdleConns,
		DisableIdentity:          true,
		MaintNotificationsConfig: o.MaintNotificationsConfig,
	})
}
