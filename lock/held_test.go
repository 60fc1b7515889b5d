package lock

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeldTravelsThroughTheEnvironment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a \"b\"\nc")
	require.NoError(t, os.Mkdir(dir, 0o700))
	p, q, other := FileAt(filepath.Join(dir, "p")), FileAt(filepath.Join(dir, "q")), tempFile(t)
	l, m := mustTry(t, p), mustTry(t, q)
	mustTry(t, other)

	outer := ParseHeld(Held{}.With(l))
	require.True(t, outer.Holds(p))
	require.False(t, outer.Holds(q), "held, but by nobody above")

	inner := ParseHeld(outer.With(m))
	require.True(t, inner.Holds(p))
	require.True(t, inner.Holds(q))
	require.False(t, inner.Holds(other))
	require.False(t, inner.Holds(FileAt(filepath.Join(dir, "absent"))))
	require.NoFileExists(t, filepath.Join(dir, "absent"), "a question makes no files")
}

func TestStaleClaimIsNotBelieved(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	held := ParseHeld(Held{}.With(l))
	require.True(t, held.Holds(p))
	require.NoError(t, l.Abandon())
	require.False(t, held.Holds(p), "not held any more, though the record is still there")
	mustTry(t, p)
	require.False(t, held.Holds(p), "held by somebody else")
}

func TestGarbageClaimsArePassedOver(t *testing.T) {
	l := mustTry(t, tempFile(t))
	good := Held{}.With(l)
	for _, value := range []string{
		good, " " + good, "garbage " + good, good + " garbage", nonceA + " /unquoted " + good,
		`"/path" ` + good, nonceA + " " + good, good + " " + nonceA + ` "torn`, "\xff\x00 " + good,
	} {
		h := ParseHeld(value)
		require.Equal(t, []claimed{{l.Nonce(), l.Path()}}, h.claims, "%q", value)
		require.Equal(t, good, h.value)
	}
	require.Empty(t, ParseHeld("").claims)
	require.Empty(t, ParseHeld(strings.Repeat("x ", 1000)).claims)
}

// More than can be read: nobody knows what the ancestors hold, so nobody waits; children inherit that.
func TestTooManyAncestors(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	h := ParseHeld(strings.Repeat(nonceA+` "/a" `, maxHeld/30))
	_, _, err := Wait(guarded(t), p, h, "")
	require.ErrorIs(t, err, ErrDeadlock)
	_, _, err = Wait(guarded(t), p, ParseHeld(h.With(l)), "")
	require.ErrorIs(t, err, ErrDeadlock)

	free, _, err := Wait(guarded(t), tempFile(t), h, "")
	require.NoError(t, err, "what is free needs no wait")
	require.NoError(t, free.Finish(nil))
}

func FuzzParseHeld(f *testing.F) {
	f.Add(nonceA + ` "/a b" ` + nonceB + ` "/c"`)
	f.Add("garbage")
	f.Fuzz(func(t *testing.T, value string) {
		h := ParseHeld(value)
		require.Equal(t, h, ParseHeld(h.value))
	})
}
