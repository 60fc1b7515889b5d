package masking

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// linesOf reads command lines, without comments.
func linesOf(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// wordsOf cuts a line at blanks that are not in quotes.
func wordsOf(line string) []string {
	var words []string
	word, quote, began := "", rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, began = r, true
		case quote == 0 && r == ' ':
			if began {
				words = append(words, word)
			}
			word, began = "", false
		default:
			word, began = word+string(r), true
		}
	}
	if began {
		words = append(words, word)
	}
	return words
}

// Each word with a secret is masked, and no other: lines that people type.
func TestWords(t *testing.T) {
	lines := append(linesOf(t, "testdata/secret.txt"), linesOf(t, "testdata/plain.txt")...)
	require.Greater(t, len(lines), 200)
	for _, line := range lines {
		t.Run(line, func(t *testing.T) {
			words := wordsOf(line)
			want := make([]string, len(words))
			for i, w := range words {
				words[i] = strings.TrimPrefix(w, "@@")
				want[i] = w
			}
			got := make([]string, len(words))
			for i, secret := range Words(words) {
				got[i] = words[i]
				if secret {
					got[i] = "@@" + got[i]
				}
			}
			require.Equal(t, want, got)
		})
	}
}

// Every kind of secret line holds what it should hide.
func TestSecretLinesHaveSecrets(t *testing.T) {
	for _, line := range linesOf(t, "testdata/secret.txt") {
		require.Contains(t, line, "@@")
	}
	for _, line := range linesOf(t, "testdata/plain.txt") {
		require.NotContains(t, line, "@@")
	}
}

// What entries hold is compared with what is masked now: whoever changes the table must give it another version.
func TestVersion(t *testing.T) {
	table := fmt.Sprint(forms, tokenForms, places, followers, strong, weak, endings, ordinary, about, of, asks,
		switches, modes, queried, headers, schemes)
	sum := sha256.Sum256([]byte(table))
	require.Equal(t, "2 5b95554536ed3df6", Version+" "+hex.EncodeToString(sum[:8]),
		"the table changed: raise Version, and put this digest here")
}

func FuzzWords(f *testing.F) {
	for _, name := range []string{"testdata/secret.txt", "testdata/plain.txt"} {
		text, _ := os.ReadFile(name)
		for line := range strings.Lines(string(text)) {
			f.Add(strings.TrimSpace(line))
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Split(line, " ")
		secret := Words(words)
		require.Len(t, secret, len(words))
		for i, w := range words {
			if len(w) > LongestShown {
				require.True(t, secret[i])
			}
			if w == "" {
				require.False(t, secret[i])
			}
		}
		Text(line)
	})
}
