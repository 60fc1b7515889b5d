package hashing

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseRecipe(t *testing.T) {
	sum := "sha256:" + strings.Repeat("0f", 32)
	good := []struct {
		line string
		fact Fact
	}{
		{`platform linux/amd64`, Fact{"platform", "", "linux/amd64"}},
		{`namespace "a/b"`, Fact{"namespace", "", `"a/b"`}},
		{`fragment "a"`, Fact{"fragment", "", `"a"`}},
		{`fragment "a" "" secret 41 ` + sum + ` "b"`, Fact{"fragment", "", `"a" "" secret 41 ` + sum + ` "b"`}},
		{`word "a\nb"`, Fact{"word", "", `"a\nb"`}},
		{`word secret 0 ` + sum, Fact{"word", "", "secret 0 " + sum}},
		{`word secret 41 hmac-` + sum, Fact{"word", "", "secret 41 hmac-" + sum}},
		{`executable "/x" ` + sum, Fact{"executable", "", `"/x" ` + sum}},
		{`executable "/x"`, Fact{"executable", "", `"/x"`}},
		{`executable ` + sum, Fact{"executable", "", sum}},
		{`executable none`, Fact{"executable", "", "none"}},
		{`interpreter 0 "/x" ` + sum, Fact{"interpreter", "0", `"/x" ` + sum}},
		{`program 12 "/x"`, Fact{"program", "12", `"/x"`}},
		{`program 1 unreadable ` + sum, Fact{"program", "1", "unreadable " + sum}},
		{`program 1 absent`, Fact{"program", "1", "absent"}},
		{`directory path "/x"`, Fact{"directory", "", `path "/x"`}},
		{`directory path "/x" real "/y"`, Fact{"directory", "", `path "/x" real "/y"`}},
		{`directory repo "." of "h.example/r"`, Fact{"directory", "", `repo "." of "h.example/r"`}},
		{`directory repo "." of "r" project secret 41 ` + sum, Fact{"directory", "", `repo "." of "r" project secret 41 ` + sum}},
		{`directory path "/x" real "/y" project "p"`, Fact{"directory", "", `path "/x" real "/y" project "p"`}},
		{`directory none`, Fact{"directory", "", "none"}},
		{`pty yes`, Fact{"pty", "", "yes"}},
		{`stdin ` + sum, Fact{"stdin", "", sum}},
		{`env-match "A*"`, Fact{"env-match", "A*", ""}},
		{`env "A" unset`, Fact{"env", "A", "unset"}},
		{`env "A" hmac-` + sum, Fact{"env", "A", "hmac-" + sum}},
		{`file-match "a b"`, Fact{"file-match", "a b", ""}},
		{`file "a" absent`, Fact{"file", "a", "absent"}},
		{`file "a" exec 10 ` + sum, Fact{"file", "a", "exec 10 " + sum}},
		{`file "\xff" link "b" plain 0 ` + sum, Fact{"file", "\xff", `link "b" plain 0 ` + sum}},
		{`file "a" link "b" same "c"`, Fact{"file", "a", `link "b" same "c"`}},
		{`file "a" link "a" loop`, Fact{"file", "a", `link "a" loop`}},
		{`file "a" socket`, Fact{"file", "a", "socket"}},
	}
	for _, c := range good {
		facts, err := ParseRecipe([]byte(header + c.line + "\n"))
		require.NoError(t, err, c.line)
		require.Equal(t, []Fact{c.fact}, facts)
	}

	for _, line := range []string{
		``, ` `, `nonsense`, `nonsense "a"`, `platform linux`, `platform /amd64`, `platform Linux/amd64`, `platform linux/amd64 `,
		`namespace`, `namespace a`, `namespace "a`, `namespace 'a'`, "namespace `a`", `namespace "\u0041"`, `namespace "\x41"`, `namespace "ä"`, `namespace "a" "b"`, `namespace  "a"`,
		`fragment`, `fragment secret 41 ` + sum, `fragment "a" `, `fragment "a" b`, `fragment "a""b"`, `fragment "a"  "b"`,
		`word secret -1 ` + sum, `word secret 01 ` + sum, `word secret 1 sha256:00`, `word secret 1 ` + strings.ToUpper(sum), `word secret 1 md5:` + sum, `word secret  ` + sum,
		`executable`, `executable none `, `executable "/x" `, `executable "/x" hmac-` + sum, `executable "/x"` + sum, `directory "/x"`, `directory path`, `directory path "/x" "/y"`, `directory repo "x" real "/y"`, `directory repo "x"`, `directory repo "x" of `, `directory none project "p"`, `pty no`, `stdin`, `stdin hmac-` + sum,
		`program "/x" ` + sum, `program 1`, `program 1 `, `program 1 "/x" `, `program 01 absent`, `interpreter 1 "/x" absent`, `interpreter 1 absent x`,
		`env "A"`, `env "A" set`, `env "A"unset`, `env "A" unset unset`, `env-match "A" unset`,
		`file "a"`, `file "a" plain`, `file "a" plain 1`, `file "a" plain 1 hmac-` + sum, `file "a" loop`, `file "a" same "b"`, `file "a" link "b"`, `file "a" link "b" link "c" absent`, `file "a" unknown`, `file "a" absent x`,
	} {
		_, err := ParseRecipe([]byte(header + line + "\n"))
		require.ErrorIs(t, err, errRecipe, line)
	}
	for _, text := range []string{"", "cachex recipe 1", "cachex recipe 2\n", header + "pty yes", "\n" + header} {
		_, err := ParseRecipe([]byte(text))
		require.ErrorIs(t, err, errRecipe, text)
	}
	_, err := ParseRecipe(make([]byte, MaxRecipe+1))
	var tooLarge *TooLarge
	require.ErrorAs(t, err, &tooLarge)
}

func TestFactText(t *testing.T) {
	for value, want := range map[string]string{`"a b"`: "a b", `secret 1 sha256:00`: "", `"a" "b"`: "", ``: "", "`a`": "", "'a'": ""} {
		text, ok := Fact{Value: value}.Text()
		require.Equal(t, want, text)
		require.Equal(t, want != "", ok)
	}
}
