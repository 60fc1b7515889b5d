package hashing

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/masking"
)

// A secret is stored by length and digest wherever a word may stand; other words as they are. Which is which, masking
// tests.
func TestSecretsAreMasked(t *testing.T) {
	const word = "--password=hunter2"
	masked := fmt.Sprintf("secret %d sha256:%x", len(word), sha256.Sum256([]byte(word)))
	require.Equal(t, "word \"tool\"\nword "+masked+"\n", string(appendWords(nil, &Spec{Argv: []string{"tool", word}})))
	require.Equal(t, "scope "+masked+"\n", string(appendGuardedLabel(nil, "scope", word, nil)))
	require.Equal(t, masked, Guard(word, nil))
	require.Equal(t, "(18 secret bytes)", Redact(word))

	require.Equal(t, "word \"tool\"\nword \"a b\"\n", string(appendWords(nil, &Spec{Argv: []string{"tool", "a b"}})))
	require.Equal(t, "a b", Guard("a b", nil))
	require.Equal(t, `"a b"`, Redact("a b"))
}

// Neither a value nor its bare digest appears under a team's secret.
func TestSecretKeysDigests(t *testing.T) {
	spec := Spec{Argv: []string{"x", "--password", "hunter2"}, Environ: []string{"TZ=hunter2"}, Env: []string{"TZ", "@none"}}
	text := func(secret string) string {
		spec.Secret = []byte(secret)
		c := &capture{spec: &spec}
		require.NoError(t, c.add(&namespaceFact, &wordFact, &directoryFact, &envMatchFact))
		return string(c.text)
	}
	one, two := text("one"), text("two")
	require.NotEqual(t, one, two)
	require.Equal(t, 2, strings.Count(one, "hmac-sha256:"))
	require.NotContains(t, one, "hunter2")
	require.NotContains(t, one, "f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7") // sha256sum of hunter2
}

// The id of a command comes from its true words, each of them, under the secret if there is one; not from how they are
// masked.
func TestCommandIDs(t *testing.T) {
	dir := t.TempDir()
	specs := []Spec{
		{Argv: []string{"x", "--password", "one"}},
		{Argv: []string{"x", "--password", "two"}},
		{Argv: []string{"x", "--password", "two", ""}},
		{Argv: []string{"x", "--password two"}},
		{Argv: []string{"x", "--password", "two"}, Namespace: "a"},
		{Argv: []string{"x", "--password", "two"}, Secret: []byte("k")},
		{Name: "hunter2"},
		{Name: "token=hunter2"},
		{Name: "token=hunter2", Secret: []byte("k")},
	}
	var ids []CommandID
	for _, s := range specs {
		s.Dir = dir
		ids = append(ids, CommandOf(s))
	}
	for i, id := range ids {
		require.Equal(t, i, slices.Index(ids, id))
	}

	c := &capture{spec: &Spec{Argv: []string{"x", "--password", "one"}, Dir: dir}}
	require.NoError(t, c.add(&wordFact, &directoryFact))
	require.Equal(t, ids[0], c.command)
	require.NotContains(t, string(c.text), "one")
	words := sha256.Sum256([]byte("cachex command 2\nword \"x\"\nword \"--password\"\nword \"one\"\ndirectory path \"" + dir + "\"\n"))
	require.Equal(t, words[:], ids[0][:])
}

// Words that another table masks are not called changed: nobody can tell.
func TestDiffOfAnotherTable(t *testing.T) {
	old := header + "masking 0\nword \"x\"\nword secret 3 sha256:" + strings.Repeat("0", 64) + "\n"
	recent := header + "masking " + masking.Version + "\nword \"x\"\nword \"abc\"\n"
	require.Equal(t, []Change{{Kind: "masking", Text: "another table of secrets"}}, Diff([]byte(old), []byte(recent)))
}

func TestShow(t *testing.T) {
	for s, want := range map[string]string{
		"go.sum": "go.sum", "a b": `"a b"`, "": `""`, "a\nb": `"a\nb"`, "grün": "grün", "\xff": `"\xff"`, `a"b`: `"a\"b"`, "a\u202eb": `"a\u202eb"`,
	} {
		require.Equal(t, want, Show(s))
	}
}
