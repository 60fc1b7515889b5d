package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
)

func TestPurgeSince(t *testing.T) {
	const n = 5 * hardPurge // as a server's clock may begin
	for _, c := range []struct {
		last, now int64
		known     bool
		want      cachedir.Purging
	}{
		{n, n, true, cachedir.NoPurge},
		{n, n + softPurge, true, cachedir.SoftPurge},
		{n, n + 3*softPurge, true, cachedir.SoftPurge},
		{n, n + hardPurge, true, cachedir.HardPurge},
		{n, n + softPurge + hardPurge, true, cachedir.HardPurge},
		{n + 7, n + 7 + hardPurge, true, cachedir.HardPurge},
		{n + hardPurge - 1, n + hardPurge, true, cachedir.HardPurge}, // soft ones have added up
		{n, n, false, cachedir.HardPurge},
		{n, n - 1, true, cachedir.HardPurge}, // another count than that of before
		{n, 0, true, cachedir.HardPurge},     // forgotten
		{0, 0, true, cachedir.HardPurge},
		{0, n, true, cachedir.HardPurge},
	} {
		require.Equal(t, c.want, purgeSince(c.last, c.now, c.known), c)
	}
}

func TestTags(t *testing.T) {
	const tag = "users"
	seen := func(h *host) bool { return h.Sync([]cachedir.Tag{{Name: tag}}) }
	bubble(t, "a result goes with its tags", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads(tag)
		a.Publish(a.store("1\n", 0, tag), "")
		_, found := b.Find(question(tag))
		require.True(t, found)
		require.Equal(t, "1\n", b.has(cachedir.Good))
		require.True(t, seen(b))
		require.Equal(t, "1\n", b.has(cachedir.Good))
	})
	bubble(t, "it is not found after a purge on any host", func(t *testing.T, m *memory) {
		for _, soft := range []bool{true, false} {
			a, b := newHost(t, m), newHost(t, m)
			a.leads(tag)
			a.Publish(a.store("1\n", 0, tag), "")
			require.NoError(t, PurgeTag(t.Context(), m, tag, soft))
			_, found := b.Find(question(tag))
			require.False(t, found)
			require.Empty(t, b.has(cachedir.Good))
		}
	})
	bubble(t, "nor stored if the purge came while the command ran", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads(tag)
		require.NoError(t, b.Purge([]string{tag}))
		a.Publish(a.store("1\n", 0, tag), "")
		_, found := newHost(t, m).Find(question(tag))
		require.False(t, found)
	})
	bubble(t, "what is here is purged when a newer count is heard of", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads(tag)
		a.Publish(a.store("1\n", 0, tag), "")
		require.NoError(t, b.Purge([]string{tag}))
		require.True(t, seen(a))
		require.Equal(t, "1\n", a.has(cachedir.Good), "a count is believed for a while")
		time.Sleep(tagsFresh + time.Millisecond)
		require.True(t, seen(a.again()))
		require.Empty(t, a.has(cachedir.Good))
	})
	bubble(t, "and softly by a soft purge", func(t *testing.T, m *memory) {
		a := newHost(t, m)
		a.leads(tag)
		a.Publish(a.store("1\n", 0, tag), "")
		require.NoError(t, PurgeTag(t.Context(), m, tag, true))
		time.Sleep(tagsFresh + time.Millisecond)
		require.True(t, seen(a.again()))
		e, err := a.dir.Lookup(run().Key, recipe, cachedir.Good)
		require.NoError(t, err)
		defer e.Close()
		require.True(t, e.Soft)
	})
	bubble(t, "counts that cannot be asked for admit nothing", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads(tag)
		a.Publish(a.store("1\n", 0, tag), "")
		m.countsDown = true
		_, found := b.Find(question(tag))
		require.False(t, found)
		time.Sleep(tagsFresh + time.Millisecond)
		require.False(t, seen(a.again()))
	})
	bubble(t, "a count that was forgotten is started anew, and nothing stands at it", func(t *testing.T, m *memory) {
		a, b := newHost(t, m), newHost(t, m)
		a.leads(tag)
		a.Publish(a.store("1\n", 0, tag), "")
		clear(m.counts)
		_, found := b.Find(question(tag))
		require.False(t, found)
		b.leads(tag)
		require.NotZero(t, m.counts[tagName(tag)])
		b.Drop()
	})
	bubble(t, "a tag that the command named is stored if nothing was purged since", func(t *testing.T, m *memory) {
		for _, purged := range []bool{false, true} {
			clear(m.values)
			a, b := newHost(t, m), newHost(t, m)
			a.leads()
			if purged {
				require.NoError(t, b.Purge([]string{"another"}))
			}
			r := a.store("1\n", 0, "late")
			a.Publish(r, "")
			m.mu.Lock()
			_, stored := m.values["e/"+openly{}.Names(r.Key[:])[0]]
			m.mu.Unlock()
			require.Equal(t, !purged, stored)
		}
	})
}
