package hashing

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// As a shell writes them out.
func TestExpandBraces(t *testing.T) {
	cases := []struct {
		pattern string
		want    []string
	}{
		{"a", []string{"a"}},
		{"a{b,c}d", []string{"abd", "acd"}},
		{"{a,b}{c,d}", []string{"ac", "ad", "bc", "bd"}},
		{"a{b,{c,d}e}", []string{"ab", "ace", "ade"}},
		{"{,x}*", []string{"*", "x*"}},
		{"{a}", []string{"a"}},
		{"{}", []string{""}},
		{"a,b", []string{"a,b"}},
		{`\{a,b\}`, []string{`\{a,b\}`}},
		{`{a\,b,c}`, []string{`a\,b`, "c"}},
		{"{[,}],b}", []string{"[,}]", "b"}},
		{`[{,}]`, []string{"[{,}]"}},
		{`[\]{]{a,b}`, []string{`[\]{]a`, `[\]{]b`}},
		{"a/{b/c,d}", []string{"a/b/c", "a/d"}},
	}
	for _, c := range cases {
		t.Run(c.pattern, func(t *testing.T) {
			require.NoError(t, checkGlob(c.pattern))
			require.Equal(t, c.want, expandBraces(c.pattern, isAny))
		})
	}
	require.Equal(t, []string{"{a,b}/c", "{a,b}/d/e"}, expandBraces("{a,b}/{c,d/e}", hasSlash))
}

// The number of alternatives is known before they are written out.
func TestCheckGlobCounts(t *testing.T) {
	nested := "x"
	for range 11 {
		nested = "{a," + nested + "}"
	}
	require.NoError(t, checkGlob(nested)) // 12 alternatives
	require.NoError(t, checkGlob(strings.Repeat("{a,b}", 10)))
	require.ErrorIs(t, checkGlob(strings.Repeat("{a,b}", 11)), errAlternatives)
	require.ErrorIs(t, checkGlob(strings.Repeat("{a,{b,c,d}}", 1000)), errAlternatives)
}

func TestSqueeze(t *testing.T) {
	for part, want := range map[string]string{
		"a": "a", "**": "**", "***": "*", "a**b***": "a*b*", `\**`: `\**`, `\***`: `\**`, "[**]**": "[**]*", "*[a]*": "*[a]*", `**\`: `*\`,
	} {
		require.Equal(t, want, squeeze(part), part)
	}
}

// A walk enters only directories in which something can match.
func TestExpects(t *testing.T) {
	cases := []struct {
		pattern, path     string
		matches, expected bool
	}{
		{"*/b/*.go", "a", false, true},
		{"*/b/*.go", "a/b", false, true},
		{"*/b/*.go", "a/c", false, false},
		{"*/b/*.go", "a/b/c.go", true, false},
		{"*.go", "a", false, false},
		{"**/b/*", "x/y", false, true},
		{"**/b/*", "x/b/y", true, true},
		{"*/**/b", "a", false, true},
	}
	for _, c := range cases {
		globs, err := parseGlobs(c.pattern)
		require.NoError(t, err)
		s := globs[0].enter(0)
		for element := range strings.SplitSeq(c.path, "/") {
			s = globs[0].step(s, element)
		}
		require.Equal(t, c.matches, globs[0].matches(s), c)
		require.Equal(t, c.expected, globs[0].expects(s), c)
	}
}
