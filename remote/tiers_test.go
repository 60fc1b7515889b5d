package remote

import (
	"fmt"
	"net/url"
	"testing"
)

func TestRedis(t *testing.T) {
	go redisCluster() // they take a while
	go redisSentinel()
	s := plainRedis.get(t)
	testTier(t, func(t *testing.T, prefix string) Tier { return openTier(t, "redis://"+s.addr+"/3", prefix) })
}

func TestRedisWithTLSAndUser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server more")
	}
	s := secureRedis.get(t)
	testTier(t, func(t *testing.T, prefix string) Tier {
		address := fmt.Sprintf("rediss://runner:%s@%s?ca=%s", url.PathEscape(secret), s.addr, url.QueryEscape(s.ca))
		return openTier(t, address, prefix)
	})
}

func TestRedisCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers more")
	}
	nodes := redisCluster.get(t)
	testTier(t, func(t *testing.T, prefix string) Tier {
		return openTier(t, "redis://"+nodes[0].addr+","+nodes[1].addr+"?cluster=1", prefix)
	})
}

func TestRedisSentinel(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers more")
	}
	w := redisSentinel.get(t)
	testTier(t, func(t *testing.T, prefix string) Tier {
		return openTier(t, "redis://"+w.hosts()+"?sentinel=main", prefix)
	})
	t.Run("failover", func(t *testing.T) { failoverCase(t, w) })
}

func TestMemcached(t *testing.T) {
	two := twoMemcached.get(t)
	testTier(t, func(t *testing.T, prefix string) Tier {
		return openTier(t, "memcached://"+two[0].addr+","+two[1].addr, prefix)
	})
}

// A server that has no meta commands, or says so.
func TestMemcachedClassic(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers more")
	}
	two := twoMemcached.get(t)
	hosts := older(t, two[0].addr) + "," + older(t, two[1].addr)
	testTier(t, func(t *testing.T, prefix string) Tier { return openTier(t, "memcached://"+hosts, prefix) })
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	testTier(t, func(t *testing.T, prefix string) Tier { return openTier(t, "file://"+dir, prefix) })
}
