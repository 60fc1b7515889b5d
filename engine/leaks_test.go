package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// TestLeaksInPieces: wherever a text is cut, what is in it is found, and nothing else.
func TestLeaksInPieces(t *testing.T) {
	secrets := []hashing.SecretVariable{{Name: "LONG", Value: "one2three4five"}, {Name: "SHORT", Value: "aabaabaa"}}
	for text, want := range map[string]string{
		"one2three4fiv": "", "one2three4five": "LONG", "one2one2three4fivefive": "LONG", "xaabaabaabaay": "SHORT",
		"one2three4fivaabaaba": "", "aabaab": "", "": "",
	} {
		for i := range len(text) + 1 {
			for j := range len(text) - i + 1 {
				l := &leaks{secrets: secrets, longest: len("one2three4five")}
				var err error
				for _, piece := range []string{text[:i], text[i : i+j], text[i+j:]} {
					if e := l.look(runner.Stdout, []byte(piece)); err == nil {
						err = e
					}
				}
				if want == "" {
					require.NoError(t, err, "%q cut at %d and %d", text, i, i+j)
					continue
				}
				var leak *LeakError
				require.ErrorAs(t, err, &leak, "%q cut at %d and %d", text, i, i+j)
				require.Equal(t, want, leak.Variable)
			}
		}
	}
	l := &leaks{secrets: secrets, longest: len("one2three4five")}
	require.NoError(t, l.look(runner.Stdout, []byte("one2three")))
	require.NoError(t, l.look(runner.Stderr, []byte("4five")))
}
