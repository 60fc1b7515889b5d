package cmdline

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShellLiterals(t *testing.T) {
	for text, want := range map[string]string{
		`cat f`:                                            "f",
		`. ./lib; ./tool --conf=c | sort f`:                "./lib ./tool --conf=c f",
		`cat "a b" 'c' d\ e "f$g" $h *.i "j\"k"`:           `a b|c|d e|j"k`,
		`x=f; cat $x; for y in a b; do cat "$y"; done`:     "f a b",
		`sort <in >out 2>&1 >>log 2>>err &>>all`:           "in out",
		"cat <<EOF\nbody\nEOF":                             "",
		`cat <<<word`:                                      "",
		`echo $(cat in) <(cat b)`:                          "in b",
		`sh -c 'cat f' g; env sh -c "cat h"`:               "-c f g sh -c h",
		`[ -f a ] && [[ -f b ]]; if test -e c; then :; fi`: "-f a ] b -e c",
		`if cat f; then`:                                   "if cat f then", // no shell understands it
	} {
		sep := " "
		if strings.Contains(want, "|") {
			sep = "|"
		}
		require.Equal(t, want, strings.Join(textsOf(ShellLiterals(text, "sh")), sep), "%s", text)
	}
	// Too long for a parser, and too deep for one without a bound.
	require.Len(t, ShellLiterals(strings.Repeat("cat f; ", 10_000), "sh"), 20_000)
	ShellLiterals(strings.Repeat("(", longestParsed), "sh")
	ShellLiterals(strings.Repeat("$(", longestParsed/2), "sh")
}

// textsOf are the words of a text but those that it appends to.
func textsOf(words []Literal) (texts []string) {
	for _, w := range words {
		if w.Role != AppendedTo {
			texts = append(texts, w.Text)
		}
	}
	return texts
}

func FuzzShellLiterals(f *testing.F) {
	f.Add("cat 'f' <g | sh -c \"cat h\"")
	f.Fuzz(func(t *testing.T, text string) {
		require.LessOrEqual(t, len(ShellLiterals(text, "zsh")), len(text)+1)
	})
}
