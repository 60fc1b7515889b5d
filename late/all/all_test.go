package all

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/late"
)

// Nodes come in the order of the text, words behind what they belong to. What is not literal is as it is written.
func TestParse(t *testing.T) {
	kinds := map[late.Kind]string{late.Call: "call", late.Write: "write", late.Append: "append", late.Argument: "word"}
	for text, want := range map[string]string{
		"a 'b c' \"d\"": "call:a,b c,d word:a word:b c word:d",
		"a $b *.c":      "call:a,($b),(*.c) word:a word:($b) word:(*.c)",
		"a >b c":        "call:a,c word:a word:c write:b word:b",
		"a >>b <c":      "call:a word:a append:b [word:b] word:c",
		"a 2>&1":        "call:a word:a [word:1]",
		"A=1":           "word:1",
		"a >>$(b >c >>d)": "call:a word:a append:($(b >c >>d)) [word:($(b >c >>d))] [call:b] [word:b] [write:c] [word:c] " +
			"[append:d] [word:d]",
		"a >>b; c >>d":       "call:a word:a append:b [word:b] call:c word:c append:d [word:d]",
		"a\\ b":              "call:a b word:a b",
		"cat <<x\n$(y)\nx\n": "call:cat word:cat [word:x] [word:($(y)\nx)] [call:y] [word:y]",
	} {
		nodes, err := parse(text, false)
		require.NoError(t, err, text)
		var got []string
		for _, n := range nodes {
			var words []string
			for _, w := range n.Words {
				if !w.Literal {
					words = append(words, "("+w.Text+")")
				} else {
					words = append(words, w.Text)
				}
			}
			shown := fmt.Sprintf("%s:%s", kinds[n.Kind], strings.Join(words, ","))
			if n.Apart {
				shown = "[" + shown + "]"
			}
			got = append(got, shown)
		}
		require.Equal(t, want, strings.Join(got, " "), text)
	}
	_, err := parse("a (", false)
	require.Error(t, err)
	_, err = parse("echo ${(U)a}", true)
	require.NoError(t, err)
	_, err = parse("a <<x$y[\nx\n^", true) // which makes version 3.14.1 of the parser panic
	require.Error(t, err)
}
