package hashing

import (
	"crypto/sha256"
	"fmt"
	"path"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing/tools"
	"github.com/cachex-cli/cachex/probe"
)

// closed returns the text of a spec without looking at the world: the executable and the files have a state that
// follows from their names.
func closed(spec Spec) ([]byte, error) {
	r, err := closedCapture(&spec).run()
	return r.Text, err
}

func closedCapture(spec *Spec) *capture {
	return &capture{
		spec: spec,
		resolve: func(_ *probe.Trail, name, _ string, _ []string, _ ...string) (string, error) {
			return "/bin/" + name, nil
		},
		shebang: func(path string) []string {
			if strings.HasSuffix(path, "s") {
				return []string{"/bin/env", "-S" + path}
			}
			return nil
		},
		content: func(_ *capture, name string, _ bool) (Digest, StatID, error) {
			return sha256.Sum256([]byte(name)), StatID{}, nil
		},
		find: func(c *capture) ([]entry, error) {
			var entries []entry
			for _, s := range c.selections() {
				name := s.label()
				e := entry{name: name, kind: []kind{kindAbsent, kindDirectory, kindFIFO}[len(name)%3]}
				if strings.HasSuffix(name, "l") {
					e.link, e.target = true, name[:len(name)/2]
				}
				entries = append(entries, e)
			}
			return entries, nil
		},
	}
}

// meaning is what a spec says, less what has no meaning: two specs of one meaning must share a text, all others must
// not.
func meaning(s Spec) any {
	c := closedCapture(&s)
	_ = c.resolveExecutable()
	m := struct {
		Spec   Spec
		Tools  []string
		Names  []string
		Values []string
	}{Spec: s}
	m.Spec.Environ, m.Spec.Secret, m.Spec.Stdin = nil, nil, nil
	if s.Stdin != nil {
		m.Values = append(m.Values, s.Stdin.String())
	}
	m.Spec.Env, _ = s.patterns()
	m.Tools = c.toolNames()
	m.Spec.Files = []string{}
	for _, s := range c.selections() {
		m.Spec.Files = append(m.Spec.Files, fmt.Sprintf("%q %q %t %q", s.label(), s.base, s.within, s.except))
	}
	m.Names = s.envNames(m.Spec.Env, tools.Patterns(m.Tools))
	for _, name := range m.Names {
		value, ok := s.envValue(name, m.Spec.Env)
		m.Values = append(m.Values, value, map[bool]string{true: "set", false: "unset"}[ok])
	}
	m.Spec.Repo = "" // no directory here is in a repository
	switch {
	case s.Cwd != CwdRepo:
		m.Spec.ProjectRepo = ""
	case s.ProjectRepo == "":
		m.Spec.Cwd = CwdPath
	}
	if m.Spec.Cwd == CwdNone {
		m.Spec.Dir = ""
	}
	if !s.Fragment {
		m.Spec.Variant = nil
	}
	if s.Name != "" {
		m.Spec.Argv, m.Spec.Dir, m.Spec.Cwd, m.Spec.Exe, m.Spec.ProjectRepo = nil, "", 0, 0, ""
	}
	return m
}

// specOf makes a spec from loose parts; lists are cut at commas.
func specOf(argv, labels, env, environ, files, dir string, modes byte) Spec {
	list := func(s string) []string {
		if s == "" {
			return []string{}
		}
		return strings.Split(s, ",")
	}
	s := Spec{
		Argv: strings.Split(argv, ","), Dir: "/no-such/" + dir, Env: list(env), Environ: list(environ), Files: list(files),
		Cwd: CwdMode(modes % 3), Exe: ExeMode(modes / 3 % 4), Pty: modes&64 != 0,
		Terminal: Size{Rows: uint16(modes & 1), Cols: uint16(modes & 2)},
	}
	if modes&128 != 0 {
		s.Stdin = &Digest{modes}
	}
	l := strings.SplitN(labels, ",", 5)
	if len(l) >= 3 {
		s.Namespace, s.Scope, s.Name = l[0], l[1], l[2]
	}
	if words := strings.Split(s.Name, "|"); len(words) > 1 {
		s.Name, s.Fragment, s.Variant = words[0], words[0] != "", words[1:]
	}
	if len(l) == 5 {
		s.Repo, s.ProjectRepo = "of the user", l[4]
	}
	if len(l) >= 4 && l[3] != "" {
		s.Vary = []Vary{{Text: l[3], Output: sha256.Sum256([]byte{modes & 1})}}
	}
	return s
}

// Two different specs never share a recipe text, and equal ones always do.
func FuzzTwoSpecs(f *testing.F) {
	add := func(argvA, argvB, labelsA, labelsB, envA, envB, filesA, filesB string) {
		f.Add(argvA, labelsA, envA, "A=1,B=2,", filesA, "d", byte(0), argvB, labelsB, envB, "A=1,B=2", filesB, "d", byte(0))
	}
	add("a,b", "a b", ",,", ",,", "A", "A", "x", "x")
	add("a,b", `a"`+"\nword \"b", ",,", ",,", "", "", "", "")
	add(`a\`, `a\\`, ",,", ",,", "", "", "", "")
	add("a,--token,x", "a,--token,y", "n,,", ",n,", "A,B", "B,A,A", "x,y", "y,./x/")
	add("a,secret 1 sha256:00", "a", ",,n", ",n,", "A*", "A", "{x", "x*")
	add("a", "a", "a\"\nscope \"b,,", "a,b,", "C", "C,D", "a\"\nfile \"b", "a,b")
	add("a", "a", ",,,date", ",,,date\" sha256:00", "", "", "", "")
	add("a", "a", ",,,curl --token x", ",,,curl --token y", "", "", "", "")
	add("a", "a", ",,", ",,", "", "", "x\x00!y\x00!z,./@x", "x\x00!z\x00!./y\x00!z,@x")
	add("a", "a", ",,", ",,", "", "", "x*\x00!y", `x*" except "y`)
	add("a", "a", ",,", ",,", "", "", "@x\x00<y,@git\x00<.,@git:a", "@x\x00(y,@git,@git:./a/")
	add("a", "a", ",,", ",,", "", "", "@x\x00(y\x00!z", `@x\x00(y" except "z`)
	add("a", "a", ",,", ",,", "", "", "@git,@git:git", "@./git,@./git:git")
	add("a", "a", ",,n|a|b", ",,n|a b", "", "", "", "")
	add("a", "a", `,,n|a" "b`, ",,n|a|b", "", "", "", "")
	add("a", "a", ",,n|", ",,n", "", "", "", "")
	add("\xff", "\ufffd", ",\u0080,", ",\x80,", "A\nB", "A,B", "\xff", "\\xff")
	f.Add("a", ",,", "T", "T=,", "x", "d", byte(0), "a", ",,", "T", "", "x", "d", byte(0))
	f.Add("a", ",,", "T", "T=1", "x", "d", byte(1), "a", ",,", "T", "T=1", "x", "d\"\npty yes\n", byte(64))
	f.Add("a", ",,", "T", "T=1", "x", "d", byte(2), "a", ",,", "T", "T=1", "x", "e", byte(2))
	f.Add("a", ",,,,p", "T", "", "x", "d", byte(1), "a", ",,,,", "T", "", "x", "d\" project \"p", byte(1))
	f.Add("go", ",,", "@none", "GOFLAGS=1,LANG=C", "", "d", byte(0), "go", ",,", "@none,@go", "LANG=C", "", "d", byte(0))
	f.Add("go", ",,", "", "GOFLAGS=1", "", "d", byte(0), "go", ",,", "@go", "GOFLAGS=1,W=2", "", "d", byte(0))
	f.Add("go", ",,", "@known", "CC=1", "", "d", byte(0), "go", ",,", "@known,@make", "CC=,MAKEFLAGS=-j", "", "d", byte(0))
	f.Add("env,a", ",,", "", "", "", "d", byte(9), "env,A=1,a", ",,", "", "", "", "d", byte(9))
	f.Add("a", ",,", "T", "T=1", "x", "d", byte(9), "b", ",,", "T", "T=1", "x", "d", byte(129))
	f.Fuzz(func(t *testing.T, argvA, labelsA, envA, environA, filesA, dirA string, modesA byte,
		argvB, labelsB, envB, environB, filesB, dirB string, modesB byte,
	) {
		a := specOf(argvA, labelsA, envA, environA, filesA, dirA, modesA)
		b := specOf(argvB, labelsB, envB, environB, filesB, dirB, modesB)
		textA, err := closed(a)
		if err != nil {
			return
		}
		textB, err := closed(b)
		if err != nil {
			return
		}
		require.Equal(t, reflect.DeepEqual(meaning(a), meaning(b)), string(textA) == string(textB), "%q\n%q", textA, textB)
		for _, text := range [][]byte{textA, textB} {
			facts, err := ParseRecipe(text)
			require.NoError(t, err, "%q", text)
			require.Equal(t, string(text), textOf(facts))
		}
		require.Equal(t, string(textA) == string(textB), len(Diff(textA, textB)) == 0, "%q\n%q", textA, textB)
	})
}

// textOf puts facts together again.
func textOf(facts []Fact) string {
	text := []byte(header)
	for _, f := range facts {
		text = append(text, f.Kind...)
		switch f.Kind {
		case "env", "file", "env-match", "file-match":
			text = appendQuoted(append(text, ' '), f.Name)
		case "interpreter", "program":
			text = append(append(text, ' '), f.Name...)
		}
		if f.Kind == "vary" || f.Kind == "descriptor" || f.Kind == "arg" {
			text = append(append(text, ' '), f.Name...)
		}
		if f.Value != "" {
			text = append(append(text, ' '), f.Value...)
		}
		text = append(text, '\n')
	}
	return string(text)
}

// What is accepted is exactly what it was parsed from; whatever it is, Diff answers.
func FuzzParseRecipe(f *testing.F) {
	sum := strings.Repeat("0", 64)
	for _, facts := range []string{
		"", "platform linux/amd64\n", "word \"a\\n\"\nword secret 3 sha256:" + sum + "\n", "executable \"/x\" sha256:" + sum + "\n", "executable none\n",
		"directory repo \"a\"\n", "pty yes\n", "pty 24x80\n", "pty 024x80\n", "user \"0\"\n", "file-match \"a\" except \"b\" except \"c\"\n", "file-match \"@a\" within \"b\" except \"c\"\nfile-match \"@a\" from \"b\"\n", "descriptor 3 at 0 of 1 sha256:" + sum + "\n", "stdin sha256:" + sum + "\n", "env \"A\" unset\nenv-match \"A*\"\n", "env \"A\" hmac-sha256:" + sum + "\n",
		"file \"a\" exec 0 sha256:" + sum + "\n", "file \"a\" link \"b\" same \"c\"\n", "file \"a\" link \"b\" loop\n", "file \"a\" loop\n", "word `a`\n", "word \"\\u0041\"\n", "word 'a'\n", "scope \"a\"",
		"word \"a\"\narg 1 sha256:" + sum + "\n", "arg 12.3 unreadable hmac-sha256:" + sum + "\n", "arg 1 unreachable\narg 2 loose\n", "arg 01 loose\n", "arg 1. loose\n",
	} {
		f.Add(facts)
	}
	f.Fuzz(func(t *testing.T, body string) {
		_, err := ParseRecipe([]byte(body))
		require.True(t, err != nil || strings.HasPrefix(body, header))
		text := []byte(header + body)
		facts, err := ParseRecipe(text)
		if err == nil {
			require.Equal(t, string(text), textOf(facts))
		}
		base := []byte(header + "word \"a\"\nfile \"a\" absent\n")
		for _, changes := range [][]Change{Diff(base, text), Diff(text, base)} {
			require.Equal(t, string(text) == string(base), len(changes) == 0)
			for _, c := range changes {
				require.NotContains(t, c.Text, "\n")
			}
		}
	})
}

// Cut into parts, a pattern matches what doublestar says that it matches.
func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{
		{"*.go", "a.go"},
		{"**/*.go", "a/b/c.go"},
		{"**/*.go", "c.go"},
		{"a/**/b/**/c", "a/x/b/b/y/c"},
		{"a/**", "a"},
		{"a/**", "a/b/c"},
		{"{a/b,c}/*.{go,c}", "a/b/x.c"},
		{"{**,x}/y", "q/r/y"},
		{"{a,b/{c,d/**}}/e", "b/d/x/e"},
		{"a**/b", "abc/b"},
		{`a\*/b?`, "a*/bc"},
		{"x{,/**}", "x/y"},
		{"a{/b,c}d", "a/bd"},
		{"/*/x", "/a/x"},
		{"**/a/**/a", "a/a"},
		{"{[/],a}", "a"},
		{"*{,a}*/b", "x/y/b"},
		{"[^a[]", "a"},
		{"d*/**", "d"},
		{"**/a***/a", "a/a"},
		{"x**{,0**}", "x"},
	} {
		f.Add(seed[0], seed[1])
	}
	stars := regexp.MustCompile(`\*{3,}`)
	f.Fuzz(func(t *testing.T, pattern, name string) {
		globs, err := parseGlobs(pattern)
		if err != nil || !IsGlob(pattern) || tidy(pattern) != pattern || path.Clean(name) != name || name == "." || name == "/" {
			return
		}
		if !utf8.ValidString(pattern + name) { // doublestar takes all broken characters for one
			return
		}
		// These mean something else to doublestar, which knows nothing of directories: empty elements, dots, classes
		// that reach over a slash.
		want := false
		for _, alternative := range expandBraces(pattern, isAny) {
			if strings.HasPrefix(alternative, "/") != strings.HasPrefix(name, "/") { // absolute and relative
				return
			}
			if alternative == "" || path.Clean(alternative) != alternative || strings.Contains(alternative, "[") && strings.Contains(alternative, "/") {
				return
			}
			// To doublestar d/** is also d, but d*/** is not, nor is d*** also d; here they are.
			if strings.ContainsAny(alternative, `\[`) && strings.Contains(alternative, "***") {
				return
			}
			alternative = stars.ReplaceAllString(alternative, "*")
			for trimmed := alternative; ; trimmed = strings.TrimSuffix(trimmed, "/**") {
				matches, err := doublestar.Match(trimmed, name)
				want = want || matches || err != nil
				if !strings.HasSuffix(trimmed, "/**") {
					break
				}
			}
		}
		require.Equal(t, want, anyMatches(globs, name))
	})
}

func anyMatches(globs []glob, name string) bool {
	for i := range globs {
		g := &globs[i]
		rest, ok := name, true
		switch g.base {
		case ".":
			ok = !strings.HasPrefix(name, "/")
		case "/":
			rest, ok = strings.CutPrefix(name, "/")
		default:
			if name != g.base {
				rest, ok = strings.CutPrefix(name, g.base+"/")
			} else {
				rest = ""
			}
		}
		s := g.enter(0)
		for element := range strings.SplitSeq(rest, "/") {
			if element != "" {
				s = g.step(s, element)
			}
		}
		if ok && g.matches(s) {
			return true
		}
	}
	return false
}
