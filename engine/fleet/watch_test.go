package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/remote/contract"
)

func TestWatch(t *testing.T) {
	watching := func(t *testing.T, m *memory, change ...func(*Config)) (h *host, something bool) {
		h = newHost(t, swapping{memory: m}, change...)
		h.leads()
		return h, h.Watch(run().Key)
	}
	publish := func(h *host, output string) {
		r := h.store(output, 0)
		r.Watched = true
		require.False(t, h.Publish(r, ""))
	}
	found := func(t *testing.T, m *memory) string {
		h := newHost(t, m)
		h.Find(question())
		return h.has(cachedir.Good)
	}
	set := func(t *testing.T, m *memory, value string) {
		h := newHost(t, m)
		h.Publish(h.store(value, 0), "")
	}

	bubble(t, "what was there is replaced, and the lease ends", func(t *testing.T, m *memory) {
		for i, value := range []string{"1\n", "2\n", large} {
			h, something := watching(t, m)
			require.Equal(t, i > 0, something)
			publish(h, value)
			require.False(t, h.Superseded())
			require.Equal(t, value, found(t, m))
			require.Empty(t, m.leases)
		}
	})
	bubble(t, "what came since is not, and here is nothing left", func(t *testing.T, m *memory) {
		h, _ := watching(t, m)
		set(t, m, "since\n")
		publish(h, "late\n")
		require.True(t, h.Superseded())
		require.Equal(t, "since\n", found(t, m))
		require.Empty(t, h.has(cachedir.Good))
		require.Empty(t, m.leases)
		require.Empty(t, h.warned)
	})
	bubble(t, "but what was stored here since then stays here", func(t *testing.T, m *memory) {
		h, _ := watching(t, m)
		r := h.store("late\n", 0)
		e, err := h.dir.Load(r.Key, r.Slot)
		require.NoError(t, err)
		e.Close()
		time.Sleep(time.Millisecond)
		h.store("newer\n", 0)
		require.NoError(t, h.dir.Retract(e.Key, e.Meta))
		require.Equal(t, "newer\n", h.has(cachedir.Good))
		h.Drop()
	})
	bubble(t, "nor is what could not be looked at", func(t *testing.T, m *memory) {
		h := newHost(t, swapping{memory: m})
		m.down = true
		require.False(t, h.Watch(run().Key))
		m.down = false
		time.Sleep(time.Hour) // it is asked again
		publish(h, "1\n")
		require.Empty(t, m.values)
		require.Equal(t, "1\n", h.has(cachedir.Good))
	})
	bubble(t, "a tier of the background is not left to who has not watched", func(t *testing.T, m *memory) {
		h, _ := watching(t, m, func(c *Config) {
			c.Tiers[0].Background = true
			c.Tiers = append(c.Tiers, c.Tiers[0])
			c.Tiers[1].Name = "memory://other"
		})
		set(t, m, "since\n")
		publish(h, "late\n")
		h.again().PublishBackground(Result{Key: run().Key, Slot: cachedir.Good, Watched: true})
		require.Equal(t, "since\n", found(t, m))
	})
	bubble(t, "a server that turns out not to be able stores as ever", func(t *testing.T, m *memory) {
		for _, err := range []error{contract.ErrUnsupported, contract.ErrTooLarge} {
			h := newHost(t, swapping{m, err})
			h.leads()
			h.Watch(run().Key)
			set(t, m, "since\n")
			publish(h, "late\n")
			require.Equal(t, "late\n", found(t, m))
			require.Empty(t, m.leases)
		}
	})
}
