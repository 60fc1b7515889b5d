package hashing

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// P15, clause by clause.
func TestRedact(t *testing.T) {
	cases := []struct {
		previous, word string
		secret         bool
	}{
		// follows a flag whose name speaks of pass, token, key, secret or auth
		{"--password", "hunter2", true},
		{"-password", "hunter2", true},
		{"--PASSPHRASE", "x", true},
		{"--api-key", "x", true},
		{"--oauth-token", "x", true},
		{"--client_secret", "x", true},
		{"--auth", "x", true},
		{"--token", "--verbose", true},
		{"--token=abc", "plan", false},
		{"--user", "hunter2", false},
		{"password", "hunter2", false},
		{"--password", "", false}, // an empty word has no secret
		// follows NAME=
		{"", "--password=hunter2", true},
		{"", "PGPASSWORD=hunter2", true},
		{"", "TOKEN=x", true},
		{"", "env.SECRET_WORD='x'", true},
		{"", "https://host/?api_key=x", true},
		{"", "https://host/?a=b&access_token=x", true},
		{"TOKEN=", "x", true},
		{"", "TOKEN=", false},
		{"", "TZ=UTC", false},
		{"", "--user=hunter2", false},
		{"", "X-Api-Key: x", true},
		{"", "Private-Token:\tx", true},
		{"", `{"user":"me","password":"x"}`, true},
		{"", "user: me", false},
		// userinfo in a URL
		{"", "https://me:pw@host/path", true},
		{"", "postgres://me@host/db", true},
		{"", "--url=redis://:pw@host", true},
		{"", "a://b/c x://me:p?w#@host/", true},
		{"", "https://host/path", false},
		{"", "https://host/@scope/pkg", false},
		{"", "me@host", false},
		// follows Bearer
		{"Bearer", "abc", true},
		{"Authorization: Bearer", "abc", true},
		{"bearer", "abc", true},
		{"", "Authorization: Bearer abc", true},
		{"", "'Bearer' abc", true},
		{"", "x Bearer", false},
		// 12 or more hex or base64 characters with a digit in a row
		{"", "0123456789a", false}, // 11
		{"", "0123456789ab", true}, // 12
		{"", "deadbeefcafe", false},
		{"", "deadbeefcaf0", true},
		{"", "abcdefghijkl", false},
		{"", "abcdefghijk1", true},
		{"", "AKIAIOSFODNN7EXAMPLE", true},
		{"", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", true},
		{"", "aaaa+bbbb/c1", true},
		{"", "YWJjZGVmZw=1", false}, // = is padding, not a character
		{"", "YWJjZGVmZw1=", true},
		{"", "count=100000", false},
		{"", "abcdef 1bcdef", false},
		{"", "550e8400-e29b-41d4-a716-446655440000", true},
		{"", "feature-branch-2", false},
		{"", "max_open_files_100", false},
		{"", "Xk3_9aB-qW2_zzT", true},
		{"", "git log --stat", false},
		{"", "internationalization", false},
		{"", "echo 0123456789abcdef", true},
		// inside of a shell text
		{"-c", "mysql --password hunter2 -e 'select 1'", true},
		{"-c", "mysql '--password' hunter2", true},
		{"-c", "A=b TOKEN=x ./run", true},
		{"-c", "curl -H \"Authorization: Bearer abc\" host", true},
		{"-c", "make test | tail", false},
		{"x --password", "hunter2", true},
		// longer than 256 bytes
		{"", strings.Repeat("a ", 128), false},
		{"", strings.Repeat("a ", 128) + "a", true},
		{"", "", false},
		{"", "\xff\xfe", false},
	}
	for _, c := range cases {
		t.Run(c.previous+" "+c.word, func(t *testing.T) {
			shown, secret := Redact(c.word, c.previous)
			require.Equal(t, c.secret, secret)
			text := string(appendWords(nil, &Spec{Argv: []string{c.previous, c.word}}))
			if c.secret {
				require.NotContains(t, shown, c.word)
				require.NotContains(t, text, c.word)
				require.Contains(t, text, fmt.Sprintf("\nword secret %d sha256:%x\n", len(c.word), sha256.Sum256([]byte(c.word))))
			} else {
				require.Equal(t, Show(c.word), shown)
				require.Contains(t, text, "word "+string(appendQuoted(nil, c.word))+"\n")
			}
		})
	}
}

// Neither a value nor its bare digest appears under a team's secret.
func TestSecretKeysDigests(t *testing.T) {
	spec := Spec{Argv: []string{"x", "--password", "hunter2"}, Environ: []string{"TZ=hunter2"}, Env: []string{"TZ"}}
	text := func(secret string) string {
		spec.Secret = []byte(secret)
		c := &capture{spec: &spec}
		require.NoError(t, c.addCommand())
		require.NoError(t, c.addEnvironment())
		return string(c.text)
	}
	one, two := text("one"), text("two")
	require.NotEqual(t, one, two)
	require.Equal(t, 2, strings.Count(one, "hmac-sha256:"))
	require.NotContains(t, one, "f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7") // sha256sum of hunter2
	require.NotContains(t, one, "hunter2")
}

func TestShow(t *testing.T) {
	for s, want := range map[string]string{
		"go.sum": "go.sum", "a b": `"a b"`, "": `""`, "a\nb": `"a\nb"`, "grün": "grün", "\xff": `"\xff"`, `a"b`: `"a\"b"`, "a\u202eb": `"a\u202eb"`,
	} {
		require.Equal(t, want, Show(s))
	}
}
