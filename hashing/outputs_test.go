package hashing

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutputsOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "ab", false},
		{"d/", "d/e", true},
		{"d", "d/*.o", true},
		{"d/*.o", "d/a.c", false},
		{"d/*.o", "d/a.o", true},
		{"*.o", "d/a", false},
		{"**/*.o", "d/", true},
		{"*.o", "*.a", true}, // it is not told
		{"d/*", "e/*", false},
		{"{a,d/*}", "d/e", true},
		{AutoOutputs, "a", true},
		{"./a", "a", true},
	} {
		a, b := OutputSet([]string{"x", c.a}), OutputSet([]string{c.b})
		require.Equal(t, c.want, a.Overlaps(b), "%s %s", c.a, c.b)
		require.Equal(t, c.want, b.Overlaps(a), "%s %s", c.b, c.a)
	}
}

// A recipe says what an output holds if it names the file and has this very content.
func TestSays(t *testing.T) {
	dir, s := here(t)
	put(t, dir, "f", "words")
	put(t, dir, "g", "other")
	s.Argv, s.Files, s.Outputs = append(s.Argv[:1:1], "f"), []string{"g"}, []string{"f", "g", "h"}
	r, outputs := captured(t, s), OutputSet(s.Outputs)
	for name, text := range map[string]string{"f": "words", "g": "other"} {
		require.True(t, r.Says(s, outputs, name, sha256.Sum256([]byte(text))), name)
		require.False(t, r.Says(s, outputs, name, sha256.Sum256([]byte(text+"!"))), name)
		require.False(t, r.Says(s, outputs, "h", sha256.Sum256([]byte(text))), name)
	}
	s.Secret = []byte("key")
	require.True(t, captured(t, s).Says(s, outputs, "f", sha256.Sum256([]byte("words"))))
	require.False(t, r.Says(s, outputs, "f", sha256.Sum256([]byte("words"))), "of another key")
}
