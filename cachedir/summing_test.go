package cachedir

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is appended from buffers that are filled anew as soon as they are released has the sums of what they held: from
// its first byte, between small pieces, with followers, and encrypted, where the body is not what was appended.
func TestLastingBuffers(t *testing.T) {
	for name, c := range map[string]struct {
		options   Options
		published bool
	}{
		"plain": {}, "followed": {published: true}, "encrypted": {options: encrypted},
	} {
		t.Run(name, func(t *testing.T) {
			d, r := newDir(t, c.options), runOf("x")
			p, err := d.Begin(r)
			require.NoError(t, err)
			defer p.Discard()
			free := make(chan []byte, 4)
			for range cap(free) {
				free <- make([]byte, 256<<10)
			}
			random := rand.New(rand.NewPCG(1, 2))
			source := make([]byte, 512<<10)
			for i := range source {
				source[i] = byte(random.Uint32())
			}
			var all bytes.Buffer
			for i := range 100 {
				if c.published && i == 50 {
					p.PublishTail(false)
				}
				small := source[random.IntN(len(source)-2*copyLess):][:random.IntN(2*copyLess)]
				all.Write(small)
				require.NoError(t, p.Append(0, small))
				b := <-free
				n := copy(b, source[random.IntN(len(b)):])
				all.Write(b[:n])
				require.NoError(t, p.AppendLasting(0, b[:n]))
				p.Release(func() {
					clear(b)
					free <- b
				})
			}
			require.NoError(t, p.Commit(metaNow()))
			require.Len(t, free, cap(free))
			requireHit(t, d, r, Good, part{0, all.String()})
			e, err := d.Lookup(r.Key, r.Recipe, Good)
			require.NoError(t, err)
			defer e.Close()
			if c.options.Encrypt {
				require.NoError(t, e.Verify())
			} else {
				require.Equal(t, sha256.Sum256(all.Bytes()), e.h.Sum)
			}
		})
	}
}

// Who gives up a recording gets back what it was reading.
func TestDiscardReleases(t *testing.T) {
	p, err := newDir(t, Options{}).Begin(runOf("x"))
	require.NoError(t, err)
	b := []byte(strings.Repeat("x", sumBeside))
	released := 0
	for range 20 {
		require.NoError(t, p.AppendLasting(0, b))
		p.Release(func() { released++ })
	}
	p.Discard()
	require.Equal(t, 20, released)
	require.ErrorIs(t, p.AppendLasting(0, b), ErrClosed)
	p.Release(func() { released++ })
	require.Equal(t, 21, released)
}
