package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMaskLines(t *testing.T) {
	long := strings.Repeat("x", mostMasked)
	for text, want := range map[string]string{
		"":              "",
		"::add-mask::a": "::add-mask::a\n",
		"out\n::add-mask::a b\nout ::add-mask::c\n": "::add-mask::a b\n",
		"  ::add-mask::a\r\n\n::add-mask\n":         "  ::add-mask::a\r\n",
		"::add\n-mask::a\n::ADD-MASK::b\n":          "",
		"::add-mask::" + long + "\n::add-mask::b":   "::add-mask::b\n",
		long + "\n::add-mask::a\n":                  "::add-mask::a\n",
	} {
		for _, piece := range []int{1, 3, len(text) + 1} {
			var b strings.Builder
			m := &maskLines{to: &b}
			for rest := text; rest != ""; {
				n := min(piece, len(rest))
				_, err := m.Write([]byte(rest[:n]))
				require.NoError(t, err)
				rest = rest[n:]
			}
			require.NoError(t, m.end())
			require.Equal(t, want, b.String(), "%.40q in pieces of %d", text, piece)
		}
	}
}
