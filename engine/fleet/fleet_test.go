package fleet

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/remote/contract"
)

// host is a machine of its own: a store, and the fleet of a run on it.
type host struct {
	t   *testing.T
	dir *cachedir.Dir
	*Fleet
	warned []error
}

var recipe = []byte("a recipe\n")

// newHost makes a machine whose runs use one tier. Its clock is the test's, which stands still while anything is done.
func newHost(t *testing.T, tier contract.Tier, change ...func(*Config)) *host {
	dir, err := cachedir.Open(filepath.Join(t.TempDir(), "cache"), cachedir.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { dir.Close() })
	h := &host{t: t, dir: dir}
	c := Config{
		Tiers: []Tier{{
			Name: "memory://m", Open: func() (contract.Tier, error) { return tier, nil }, Read: true, Write: true,
			Sealer: openly{},
		}},
		Store: dir,
		Clock: Clock{Now: time.Now, Boot: func() ([16]byte, int64) { return [16]byte{1}, time.Now().UnixNano() }},
		Warn:  func(err error) { h.warned = append(h.warned, err) },
		Usual: func() time.Duration { return 0 },
		Spool: func() (*os.File, error) { return os.CreateTemp(t.TempDir(), "spool") },
	}
	for _, change := range change {
		change(&c)
	}
	h.Fleet = New(c)
	return h
}

// again is another run on the same machine.
func (h *host) again() *host {
	return &host{t: h.t, dir: h.dir, Fleet: New(h.c)}
}

func run() cachedir.Run { return cachedir.Run{Key: sha256.Sum256(recipe), Recipe: recipe} }

// question asks for what succeeded.
func question(tags ...string) Query {
	return Query{
		Run: run(), Tags: tags,
		Admit:   func(e *cachedir.Entry) bool { return e.Code == 0 },
		Deliver: func(*cachedir.Entry) bool { return true },
	}
}

// store stores a result in the machine's own store, as a run does.
func (h *host) store(output string, code int, tags ...string) Result {
	p, err := h.dir.Begin(run())
	require.NoError(h.t, err)
	require.NoError(h.t, p.Append(0, []byte(output)))
	m := cachedir.Meta{
		Key: run().Key, Recipe: recipe, Family: "true", Code: code, Started: time.Now(), Ended: time.Now(),
		TTL: time.Hour, TagMark: p.Mark(),
	}
	slot := cachedir.Good
	if code != 0 {
		slot = cachedir.Failed
	}
	for _, tag := range tags {
		m.Tags = append(m.Tags, cachedir.Tag{Name: tag, Seq: cachedir.OwnSeq})
	}
	require.NoError(h.t, p.Commit(m))
	return Result{Key: run().Key, Slot: slot}
}

// has returns the output of the result in the machine's own store.
func (h *host) has(slot cachedir.Slot) string {
	e, err := h.dir.Lookup(run().Key, recipe, slot)
	if err != nil {
		var miss *cachedir.Miss
		require.ErrorAs(h.t, err, &miss)
		return ""
	}
	defer e.Close()
	var out bytes.Buffer
	require.NoError(h.t, e.Replay(&out, &out))
	return out.String()
}

// leads runs on behalf of all hosts.
func (h *host) leads(tags ...string) {
	found, err := h.Lead(h.t.Context(), question(tags...), time.Minute)
	require.NoError(h.t, err)
	require.False(h.t, found)
	require.NotNil(h.t, h.lease)
	h.Mark(tags)
}

// bubble runs a test in which sleeping takes no time, and time passes only by that.
func bubble(t *testing.T, name string, test func(t *testing.T, m *memory)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newMemory()) })
	})
}

// large is an output whose body lies apart.
var large = string(bytes.Repeat([]byte("0123456789abcdef"), 1<<16))

func TestFind(t *testing.T) {
	for name, output := range map[string]string{"small": "1\n", "with a body": large} {
		bubble(t, name, func(t *testing.T, m *memory) {
			a, b := newHost(t, m), newHost(t, m)
			a.leads()
			require.False(t, a.Publish(a.store(output, 0), ""))
			detached, found := b.Find(question())
			require.True(t, found)
			require.Nil(t, detached)
			require.Equal(t, output, b.has(cachedir.Good))
			require.Empty(t, append(a.warned, b.warned...))
		})
	}
	bubble(t, "where nothing may be stored", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m, func(c *Config) { c.ReadOnly = true })
		a.leads()
		a.Publish(a.store(large, 0), "")
		detached, found := b.Find(question())
		require.True(t, found)
		defer detached.Close()
		var out bytes.Buffer
		require.NoError(t, detached.Replay(&out, &out))
		require.Equal(t, large, out.String())
		require.Empty(t, b.has(cachedir.Good))
		require.False(t, b.Lends(), "who stores nothing leads nobody")
	})
	bubble(t, "what is not admitted", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		a.Publish(a.store("1\n", 0), "")
		q := question()
		q.Admit = func(*cachedir.Entry) bool { return false }
		_, found := b.Find(q)
		require.False(t, found)
		require.Empty(t, b.has(cachedir.Good))
	})
	bubble(t, "a failure, for who wants one", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		a.Publish(a.store("no\n", 1), "")
		q := question()
		_, found := b.Find(q)
		require.False(t, found)
		q.Failures, q.Admit = true, q.Deliver
		_, found = b.Find(q)
		require.True(t, found)
		require.Equal(t, "no\n", b.has(cachedir.Failed))
	})
	bubble(t, "damage", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads()
		a.Publish(a.store("1\n", 0), "")
		for name, v := range m.values {
			v[len(v)-1] ^= 1
			m.values[name] = v
		}
		_, found := b.Find(question())
		require.False(t, found)
		require.Empty(t, b.has(cachedir.Good))
		_, err := b.Lead(t.Context(), question(), time.Minute)
		require.NoError(t, err)
		require.Nil(t, b.lease, "nobody waits for a lease of a server that damages what it keeps")
	})
}

func TestPublish(t *testing.T) {
	bubble(t, "not what has ended", func(t *testing.T, m *memory) {
		a := newHost(t, m)
		a.leads()
		r := a.store("1\n", 0)
		time.Sleep(time.Hour) // its life
		a.Publish(r, "")
		require.Empty(t, m.values)
	})
	bubble(t, "for as long as it lives", func(t *testing.T, m *memory) {
		a := newHost(t, m, func(c *Config) { c.Tiers[0].Life = 2 * time.Hour })
		a.leads()
		r := a.store("1\n", 0)
		time.Sleep(time.Minute)
		a.Publish(r, "")
		require.Len(t, m.lives, 1)
		for _, life := range m.lives {
			require.Equal(t, time.Hour-time.Minute, life)
		}
	})
	bubble(t, "to a tier of the background by another process", func(t *testing.T, m *memory) {
		a := newHost(t, m, func(c *Config) {
			c.Tiers = append(c.Tiers, c.Tiers[0])
			c.Tiers[0].Name, c.Tiers[0].Write, c.Tiers[1].Background = "memory://other", false, true
		})
		r := a.store("1\n", 0)
		require.True(t, a.Publish(r, ""))
		require.Empty(t, m.values)
		a.again().PublishBackground(r)
		require.Len(t, m.values, 1)
	})
	bubble(t, "but to the one that lent the lease at once", func(t *testing.T, m *memory) {
		a := newHost(t, m, func(c *Config) { c.Tiers[0].Background = true })
		a.leads()
		r := a.store("1\n", 0)
		m.asked = 0
		require.False(t, a.Publish(r, ""))
		require.Equal(t, 2, m.asked, "the lease ends with the value")
		require.Len(t, m.values, 1)
		require.Empty(t, m.leases)
	})
	bubble(t, "to a server that is down", func(t *testing.T, m *memory) {
		a := newHost(t, m)
		m.down = true
		a.Publish(a.store("1\n", 0), "")
		require.ErrorIs(t, a.Failure(), contract.ErrUnreachable)
		require.ErrorContains(t, a.Failure(), "memory://m")
		require.Len(t, a.warned, 1)
		b := a.again()
		m.asked = 0
		_, found := b.Find(question())
		require.False(t, found)
		require.Zero(t, m.asked, "it failed a moment ago")
	})
}

func TestTierFault(t *testing.T) {
	tier := Tier{Name: "redis://host:6379/cache"}
	require.EqualError(t, tier.Fault(errors.New("refused")), "tier redis://host:6379/cache: refused")
	require.EqualError(t, tier.Fault(errors.New("redis://host:6379: refused")), "tier redis://host:6379: refused")
}

func TestRecord(t *testing.T) {
	v := record{
		fence: 7, tags: []tagCount{{"a", 1}, {"b", 1 << 40}}, note: "why", blob: [32]byte{1, 2}, sealed: 9,
		entry: []byte("entry"),
	}
	b := v.encode()
	got, err := decodeRecord(b)
	require.NoError(t, err)
	require.Equal(t, v, got)
	for n := range len(b) - len(v.entry) {
		_, err := decodeRecord(b[:n])
		require.ErrorIs(t, err, contract.ErrDamaged, "the first %d bytes", n)
	}
}

func TestBudget(t *testing.T) {
	for usual, want := range map[time.Duration]time.Duration{
		0:                          2 * time.Second,
		time.Millisecond:           100 * time.Millisecond,
		5 * time.Second:            500 * time.Millisecond,
		10 * 24 * 60 * time.Minute: 2 * time.Second,
	} {
		f := New(Config{Usual: func() time.Duration { return usual }})
		require.Equal(t, want, f.budget(), usual)
	}
}
