package remote

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// memcachedRing spreads keys over servers as libketama does: 160 points a server on a circle of 2^32, and a key belongs
// to the next point. When a server is added or taken away, only its share of the keys moves. MD5 spreads here; it
// guards nothing.
type memcachedRing []ringPoint

type ringPoint struct {
	at     uint32
	server int
}

func newMemcachedRing(addrs []string) memcachedRing {
	var r memcachedRing
	for server, addr := range addrs {
		// The usual port is not part of a server's name there.
		addr = strings.TrimSuffix(addr, ":11211")
		for i := range 40 {
			sum := md5.Sum(fmt.Appendf(nil, "%s-%d", addr, i))
			for j := 0; j < len(sum); j += 4 {
				r = append(r, ringPoint{binary.LittleEndian.Uint32(sum[j:]), server})
			}
		}
	}
	slices.SortFunc(r, func(a, b ringPoint) int {
		if a.at != b.at {
			return int(int64(a.at) - int64(b.at))
		}
		return a.server - b.server
	})
	return r
}

// at returns the index of the server of a key.
func (r memcachedRing) at(key string) int {
	sum := md5.Sum([]byte(key))
	at := binary.LittleEndian.Uint32(sum[:])
	i := sort.Search(len(r), func(i int) bool { return r[i].at >= at })
	return r[i%len(r)].server
}
