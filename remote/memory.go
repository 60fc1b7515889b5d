package remote

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Memory is what a server does with its memory.
type Memory struct {
	Limit  int64  // bytes; 0: none that it knows of
	Policy string // what it forgets when that is full, in its own word

	Refuses bool // it forgets nothing then, but refuses to store
	Mortal  bool // it forgets only what has an end of its life, which values have if they are put with one
}

// Memoried is a tier whose server keeps values in memory, and tells how much.
type Memoried interface {
	// Memory asks the server. ErrUnsupported: it does not say. Of several servers that of one which refuses is told, if
	// there is one.
	Memory(ctx context.Context) (Memory, error)
}

// Memory reads the section of INFO, which more servers and users may ask for than CONFIG.
func (t *redisTier) Memory(ctx context.Context) (Memory, error) {
	var info string
	err := t.do(ctx, t.key("l", "memory"), t.patience, func(ctx context.Context, node *redis.Client) (err error) {
		info, err = node.Info(ctx, "memory").Result()
		return err
	})
	if err != nil {
		return Memory{}, err
	}
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = value
	}
	m := Memory{Policy: fields["maxmemory_policy"]}
	if m.Limit, err = strconv.ParseInt(fields["maxmemory"], 10, 64); err != nil || m.Policy == "" {
		return Memory{}, ErrUnsupported
	}
	m.Refuses, m.Mortal = m.Policy == "noeviction", strings.HasPrefix(m.Policy, "volatile-")
	return m, nil
}

func (t *memcachedTier) Memory(ctx context.Context) (Memory, error) {
	all, failures := make([]Memory, len(t.servers)), make([]error, len(t.servers))
	var wg sync.WaitGroup
	for i, s := range t.servers {
		wg.Go(func() { all[i], failures[i] = s.memory(ctx) })
	}
	wg.Wait()
	told := all[0]
	for _, m := range all {
		if m.Refuses {
			told = m
		}
	}
	return told, errors.Join(failures...)
}

func (s *memcachedServer) memory(ctx context.Context) (Memory, error) {
	u, err := s.begin(ctx)
	if err != nil {
		return Memory{}, err
	}
	var settings map[string]string
	if err = u.turn(); err == nil {
		settings, err = u.conn.stats("settings")
	}
	if err = u.end(err); err != nil {
		return Memory{}, err
	}
	limit, err := strconv.ParseInt(settings["maxbytes"], 10, 64)
	if err != nil || settings["evictions"] == "" {
		return Memory{}, ErrUnsupported
	}
	evictions := settings["evictions"]
	return Memory{Limit: limit, Policy: "evictions " + evictions, Refuses: evictions == "off"}, nil
}
