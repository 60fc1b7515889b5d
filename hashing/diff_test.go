package hashing

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDiff(t *testing.T) {
	one, two := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	cases := []struct {
		name        string
		old, recent string // @1 and @2 are digests
		want        []string
	}{
		{"same", `scope "a"`, `scope "a"`, nil},
		{"platform", "platform linux/amd64", "platform darwin/arm64", []string{"platform linux/amd64 -> darwin/arm64"}},
		{"scope", `scope "a"`, `scope "b"`, []string{`scope "a" -> "b"`}},
		{"scope added", ``, `scope "b"`, []string{`scope "b" added`}},
		{"secret scope", `scope secret 40 @1`, `scope secret 40 @2`, []string{"scope changed"}},
		{"secret scope added", ``, `scope secret 40 @2`, []string{"scope (secret) added"}},
		{"umask", "umask 0022", "umask 0077", []string{"umask 0022 -> 0077"}},
		{"umask removed", "umask 0022", ``, []string{"umask removed"}},
		{"umask added", ``, "umask 0022", []string{"umask added"}},
		{"namespace removed", `namespace "a"`, ``, []string{`namespace "a" removed`}},
		{"fragment", `fragment "a" "b"`, `fragment "a" "c d"`, []string{`fragment "a" "b" -> "a" "c d"`}},
		{"secret of a fragment", `fragment "a" secret 40 @1`, `fragment "a" secret 40 @2`, []string{"fragment changed"}},
		{"word", "word \"a\"\nword \"b\"\nword \"c\"", "word \"a\"\nword \"x y\"\nword \"c\"", []string{`word 2 "b" -> "x y"`}},
		{"word added", "word \"a\"\nword \"c\"", "word \"a\"\nword \"b\"\nword \"c\"", []string{`word 2 "b" added`}},
		{"last word removed", "word \"a\"\nword \"c\"", "word \"a\"", []string{`word 2 "c" removed`}},
		{"word repeated", "word \"a\"\nword \"a\"", "word \"a\"", []string{`word 2 "a" removed`}},
		{"secret word", "word \"a\"\nword secret 3 @1", "word \"a\"\nword secret 3 @2", []string{"word 2 changed"}},
		{"secret word removed", "word \"a\"\nword secret 3 @1", "word \"a\"", []string{"word 2 (secret) removed"}},
		{"executable", `executable "/bin/x" @1`, `executable "/bin/x" @2`, []string{"executable /bin/x changed"}},
		{"executable moved", `executable "/bin/x" @1`, `executable "/usr/bin/x" @1`, []string{"executable /bin/x -> /usr/bin/x"}},
		{"executable digest", `executable @1`, `executable @2`, []string{"executable changed"}},
		{"executable mode", `executable "/bin/x" @1`, `executable none`, []string{"executable changed"}},
		{"interpreter", `interpreter 0 "/bin/x" @1`, `interpreter 0 "/bin/x" @2`, []string{"interpreter /bin/x changed"}},
		{"interpreter moved", `interpreter 0 "/bin/x" @1`, `interpreter 0 "/opt/x" @1`, []string{"interpreter /bin/x -> /opt/x"}},
		{"interpreter added", ``, `interpreter 0 "/bin/x" @1`, []string{"interpreter /bin/x added"}},
		{"second program", "program 1 @1\nprogram 2 @1", "program 1 @1\nprogram 2 @2", []string{"program changed"}},
		{"program under another --exe", "executable @1\nprogram 1 @1", "executable \"/x\"\nprogram 1 \"/y\"", []string{"executable changed"}},
		{"program found", `program 1 absent`, `program 1 "/bin/x" @1`, []string{"program /bin/x found"}},
		{"program gone", `program 1 "/bin/x" @1`, `program 1 absent`, []string{"program /bin/x not found"}},
		{"directory", `directory path "/a"`, `directory path "/b c"`, []string{`directory /a -> "/b c"`}},
		{"directory mode", `directory path "/a"`, `directory none`, []string{"directory /a -> none"}},
		{"directory behind a link", `directory path "/a" real "/b"`, `directory path "/a" real "/c"`, []string{"directory /a (/b) -> /a (/c)"}},
		{"directory in repo", `directory repo "a" of "h.example/r"`, `directory repo "b" of "h.example/r"`, []string{`directory repo:a of "h.example/r" -> repo:b of "h.example/r"`}},
		{"directory in another repo", `directory repo "a" of "r"`, `directory repo "a" of secret 41 @1`, []string{`directory repo:a of "r" -> repo:a of (secret)`}},
		{"project", `directory path "/a" project "x"`, `directory path "/a" project "y"`, []string{`directory /a of project "x" -> /a of project "y"`}},
		{"pty", ``, `pty 24x80`, []string{"pty added"}},
		{"pty of another size", `pty 24x80`, `pty 24x132`, []string{"size of the terminal 24x80 -> 24x132"}},
		{"pty of before there were sizes", `pty yes`, `pty 24x132`, []string{"size of the terminal yes -> 24x132"}},
		{"user", `user "1"`, `user "2"`, []string{`user "1" -> "2"`}},
		{"stdin", `stdin @1`, `stdin @2`, []string{"stdin changed"}},
		{"stdin removed", `stdin @1`, ``, []string{"stdin removed"}},
		{"variable", `env "TZ" @1`, `env "TZ" @2`, []string{"env TZ changed"}},
		{"variable set", `env "TZ" unset`, `env "TZ" @2`, []string{"env TZ unset -> set"}},
		{"variable unset", `env "TZ" @1`, `env "TZ" unset`, []string{"env TZ set -> unset"}},
		{"variable matches", `env-match "A*"`, "env-match \"A*\"\nenv \"AB\" @1", []string{"env AB unset -> set"}},
		{"variable asked for", ``, "env-match \"TZ\"\nenv \"TZ\" @1", []string{"env pattern TZ added"}},
		{"variable that a new glob finds", ``, "env-match \"A*\"\nenv \"AB\" @1", []string{"env pattern A* added"}},
		{"variable that a removed glob found", "env-match \"A*\"\nenv \"AB\" @1", ``, []string{"env pattern A* removed"}},
		{"variable that another glob found", "env-match \"A*\"", "env-match \"?B\"\nenv \"AB\" @1", []string{"env pattern A* removed", "env pattern ?B added", "env AB unset -> set"}},
		{"variable not asked for", "env-match \"TZ\"\nenv \"TZ\" unset", ``, []string{"env pattern TZ removed"}},
		{"tools", "env-tools 1 common\nenv \"A\" @1", "env-tools 1 common go path\nenv \"A\" @1\nenv \"GOOS\" @1", []string{"variables of @go, @path added"}},
		{"other tools", "env-tools 1 common go\nenv \"GOOS\" @1", "env-tools 1 common git", []string{"variables of @git added, of @go removed"}},
		{"no tools any more", "env-tools 1 common go\nenv \"GOOS\" @1", ``, []string{"variables of @common, @go removed"}},
		{"tools of other words", "word \"go\"\nenv-tools 1 common go\nenv \"GOOS\" @1", "word \"git\"\nenv-tools 1 common git", []string{`word 1 "go" -> "git"`}},
		{"another table of tools", "env-tools 0 common", "env-tools 1 common", []string{"another table of the variables of known tools"}},
		{"variable of a tool", "env-tools 1 common go", "env-tools 1 common go\nenv \"GOOS\" @1", []string{"env GOOS unset -> set"}},
		{"variable of all tools", "env-tools 1 known\nenv \"CC\" @1", "env-tools 1 known", []string{"env CC set -> unset"}},
		{"variable of no tool", "env-tools 1 common go\nenv-match \"A*\"\nenv \"AB\" @1", "env-tools 1 common go", []string{"env pattern A* removed"}},
		{"file", `file "go.sum" plain 1 @1`, `file "go.sum" plain 2 @2`, []string{"file go.sum changed"}},
		{"file appeared", `file "a" absent`, `file "a" plain 1 @1`, []string{"file a appeared"}},
		{"file vanished", `file "a" plain 1 @1`, `file "a" absent`, []string{"file a vanished"}},
		{"file matches", `file-match "*"`, "file-match \"*\"\nfile \"a b\" plain 1 @1", []string{`file "a b" appeared`}},
		{"file matches no more", "file-match \"*\"\nfile \"a\" plain 1 @1", `file-match "*"`, []string{"file a vanished"}},
		{"file asked for", ``, "file-match \"a\"\nfile \"a\" absent", []string{"file pattern a added"}},
		{"file that a new glob finds", ``, "file-match \"d/**/*.go\"\nfile \"d/a/b.go\" plain 1 @1", []string{"file pattern d/**/*.go added"}},
		{"file in a directory asked for", ``, "file-match \"d\"\nfile \"d\" directory\nfile \"d/a\" plain 1 @1", []string{"file pattern d added"}},
		{"file in a directory appeared", `file-match "d"`, "file-match \"d\"\nfile \"d/a\" plain 1 @1", []string{"file d/a appeared"}},
		{"file below a match appeared", `file-match "{d,e}*"`, "file-match \"{d,e}*\"\nfile \"e1/a\" plain 1 @1", []string{"file e1/a appeared"}},
		{"file that another glob found", "file-match \"**/*.c\"\nfile-match \"/x/*.go\"\nfile-match \"y\"", "file-match \"**/*.go\"\nfile \"a.go\" plain 1 @1", []string{"file pattern **/*.c removed", "file pattern /x/*.go removed", "file pattern y removed", "file pattern **/*.go added"}},
		{"file asked for that exists", ``, "file-match \"a\"\nfile \"a\" plain 1 @1", []string{"file pattern a added"}},
		{"file made executable", `file "a" plain 1 @1`, `file "a" exec 1 @1`, []string{"file a changed: made executable"}},
		{"file not executable", `file "a" exec 1 @1`, `file "a" plain 1 @1`, []string{"file a changed: no longer executable"}},
		{"file executable and changed", `file "a" exec 1 @1`, `file "a" plain 1 @2`, []string{"file a changed"}},
		{"file becomes directory", `file "a" plain 1 @1`, `file "a" directory`, []string{"file a changed: from file to directory"}},
		{"link", `file "a" link "x" plain 1 @1`, `file "a" link "y" plain 1 @1`, []string{"file a changed"}},
		{"link twice", "file \"a\" link \"x\" directory\nfile \"a\" link \"x\" same \"b\"", "file \"a\" link \"x\" directory\nfile \"a\" link \"x\" same \"c\"", []string{"file a changed"}},
		{"link twice, first", "file \"a\" link \"x\" same \"b\"\nfile \"a\" link \"x\" same \"d\"", "file \"a\" link \"x\" same \"c\"\nfile \"a\" link \"x\" same \"d\"", []string{"file a changed"}},
		{"descriptor", "descriptor 3 at 0 of 1 @1", "descriptor 3 at 1 of 1 @1", []string{"what descriptor 3 is changed"}},
		{"descriptor gone", "descriptor 3 at 0 of 1 @1", "pty yes", []string{"pty added", "what descriptor 3 is was removed"}},
		{"another order", "scope \"a\"\npty yes", "pty yes\nscope \"a\"", []string{"recipe changed"}},
		{"several", "scope \"a\"\nenv \"A\" unset\nfile \"f\" absent", "scope \"b\"\nenv \"A\" @1\nfile \"f\" directory", []string{`scope "a" -> "b"`, "env A unset -> set", "file f appeared"}},
		{"not a recipe", `nonsense`, `scope "b"`, []string{"recipe unknown: line 2: not a recipe"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := func(facts string) []byte {
				facts = strings.NewReplacer("@1", one, "@2", two).Replace(facts)
				if facts != "" {
					facts += "\n"
				}
				return []byte(header + facts)
			}
			var got []string
			for _, change := range Diff(text(c.old), text(c.recent)) {
				require.NotEmpty(t, change.Kind)
				got = append(got, change.Text)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// An empty text is what an entry of another making may hold.
func TestDiffOfNothing(t *testing.T) {
	require.Equal(t, "recipe unknown: not a recipe", Diff(nil, []byte(header))[0].Text)
	require.Equal(t, "recipe unknown: not a recipe", Diff([]byte(header), []byte("cachex recipe 2\n"))[0].Text)
}
