package cmd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain grün 日本": "plain grün 日本", "a\nb\tc": "a b c", "\x1b[31mred\x1b[0m": `\x1b[31mred\x1b[0m`,
		"a\u202eb\u2066c": `a\u202eb\u2066c`, "\r": `\r`,
		"\xff": `\xff`, "\u009b1m": `\u009b1m`, "\ufeff": `\ufeff`, "\a\b\x7f": `\a\b\x7f`, "": "",
	} {
		require.Equal(t, want, visible(text))
	}
}

// However the text is cut into pieces, the same is shown.
func TestVisibleWriter(t *testing.T) {
	const text = "grün \x1b[31m日本\u202e\xff\n\xe6\x97"
	const want = "grün \\x1b[31m日本\\u202e\\xff\n\\xe6\\x97"
	for size := 1; size <= len(text); size++ {
		var b strings.Builder
		w := &visibleWriter{to: &b}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			_, err := w.Write([]byte(rest[:n]))
			require.NoError(t, err)
			rest = rest[n:]
		}
		require.NoError(t, w.Flush())
		require.Equal(t, want, b.String())
	}
}
