package depfile

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		files []string
		env   []string
	}{
		"gcc": {"x.o: x.c a\\ b/h\\#1.h d$$x.h back\\s.h t\\\tb.h \\\n /usr/include/stdc-predef.h co:l.h é.h\n", []string{
			"x.c", "a b/h#1.h", "d$x.h", `back\s.h`, "t\tb.h", "/usr/include/stdc-predef.h", "co:l.h", "é.h",
		}, nil},
		"gcc -MP":              {"x.o: x.c h.h\nh.h:\n", []string{"x.c", "h.h"}, nil},
		"clang":                {"x.o: x.c \\\n  a\\ b.h\n", []string{"x.c", "a b.h"}, nil},
		"several targets":      {"x.o x.d: x.c\ny.o: x.c y.c\n", []string{"x.c", "y.c"}, nil},
		"targets in two lines": {"a.pb.cc \\\na.pb.h: a.proto\\\n b.proto\n", []string{"a.proto", "b.proto"}, nil},
		"rustc": {
			"m: src/main.rs a$b.rs\n\nsrc/main.rs:\n\n# env-dep:HOME=/x=y\n# env-dep:A\\\\B\n# env-dep:HOME\n# other\n",
			[]string{"src/main.rs", "a$b.rs"},
			[]string{"HOME", `A\B`},
		},
		"Windows":                    {"x.o: C:\\src\\x.c D:\\h.h\r\n", []string{`C:\src\x.c`, `D:\h.h`}, nil},
		"a target with a drive":      {"C:\\x.o: x.c\n", []string{"x.c"}, nil},
		"Windows lines":              {"x.o: x.c \\\r\n h.h\r\n", []string{"x.c", "h.h"}, nil},
		"a space before the colon":   {"x.o : x.c\n", []string{"x.c"}, nil},
		"backslashes before a space": {`x.o: a\\\ b c\\ d\\\\\ e` + "\n", []string{`a\ b`, `c\`, `d\\ e`}, nil},
		"an escaped colon":           {"a\\:b.o: c\\:d.h\n", []string{"c:d.h"}, nil},
		"a backslash and the colon":  {"a\\: x.c\n", []string{"x.c"}, nil},
		"a dollar":                   {"x.o: $HOME/a $$$$ $\n", []string{"$HOME/a", "$$", "$"}, nil},
		"# within a name":            {"x.o: a#b\n", []string{"a#b"}, nil},
		"each once":                  {"x.o: a b a\ny.o: b\n", []string{"a", "b"}, nil},
		"nothing behind the colon":   {"x.o:\n", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(c.text), false)
			require.NoError(t, err)
			require.Equal(t, Inputs{c.files, c.env}, got)
		})
	}
}

func TestUnended(t *testing.T) {
	const protoc = "a.pb.cc \\\na.pb.h: b.proto\\\n a.proto"
	_, err := Parse([]byte(protoc), false)
	require.ErrorIs(t, err, errCut)
	got, err := Parse([]byte(protoc), true)
	require.NoError(t, err)
	require.Equal(t, []string{"b.proto", "a.proto"}, got.Files)
	for _, ended := range []string{"\n", "\\", " \\\n"} {
		_, err = Parse([]byte(protoc+ended), true)
		require.Equal(t, ended == "\n", err == nil, "%q", ended)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		text string
		err  error
		says string
	}{
		{"", errEmpty, "there is no rule in it"},
		{"# nothing\n\n", errEmpty, "there is no rule in it"},
		{"x.o: x.c", errCut, "line 1: it ends in the middle of a line"},
		{"x.o: x.c \\\n", errCut, "line 2: it ends in the middle of a line"},
		{"x.o: x.c \\", errCut, "line 1: it ends in the middle of a line"},
		{"x.o: x.c\n# env-dep:A", errCut, "line 2: it ends in the middle of a line"},
		{"x.o: a\nb.h c.h\n", errNoColon, "line 2: no rule"}, // a newline in a name
		{": x.c\n", errNoColon, "line 1: no rule"},
		{"x.o = x.c\n", errNoColon, "line 1: no rule"},
		{"x.o:x.c\n", errNoColon, "line 1: no rule"},
		{"x.o: x.c\n# env-dep:\n", errNoColon, "line 2: no rule"},
		{"x.o: x\x00.c\n", errCharacter, "line 1: a character that no rule has"},
		{"\x7fELF\x02\x01\x01\x00\n", errCharacter, "line 1: a character that no rule has"},
		{"x.o: x.c\n# \x00\n", errCharacter, "line 2: a character that no rule has"},
		{"x.o: x.c\ry.c\n", errCharacter, "line 1: a character that no rule has"},
		{"x.o: " + strings.Repeat("a ", Limit/2) + "\n", errTooLarge, "it is larger than 10 MiB"},
	} {
		_, err := Parse([]byte(c.text), false)
		require.ErrorIs(t, err, c.err, "%.40q", c.text)
		require.EqualError(t, err, c.says)
	}
}

// What is cut anywhere but at the end of a rule is told from what is whole.
func TestCut(t *testing.T) {
	const whole = "x.o: x.c a\\ b.h \\\n c.h\nc.h:\n# env-dep:A=1\n"
	for n := range len(whole) {
		_, err := Parse([]byte(whole[:n]), false)
		atRule := n > 0 && whole[n-1] == '\n' && (n < 2 || whole[n-2] != '\\')
		require.Equal(t, atRule, err == nil, "%q", whole[:n])
	}
}

// The time grows with the size.
func TestLong(t *testing.T) {
	for _, piece := range []string{"abcdefg.h ", `\\\\\\\\`, `\ `, "a \\\n", "$$", "x:"} {
		text := "x.o: " + strings.Repeat(piece, (Limit-100)/len(piece)) + " z\n"
		got, err := Parse([]byte(text), false)
		require.NoError(t, err)
		require.Equal(t, "z", got.Files[len(got.Files)-1])
	}
}

// quote writes a name as gcc does.
func quote(name string) string {
	var b strings.Builder
	slashes := 0
	for _, c := range []byte(name) {
		switch c {
		case '\\':
			slashes++
		case ' ', '\t':
			b.WriteString(strings.Repeat(`\`, slashes+1))
			slashes = 0
		case '#':
			b.WriteByte('\\')
			slashes = 0
		case '$':
			b.WriteByte('$')
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteByte(c)
	}
	return b.String()
}

func FuzzNames(f *testing.F) {
	f.Add("a b", `c\ d`, "e#f$g", true)
	f.Add("é:", `\\x`, "\t", false)
	f.Fuzz(func(t *testing.T, a, b, c string, long bool) {
		var want []string
		text, between := "x.o:", " "
		if long {
			between = " \\\n "
		}
		for _, name := range []string{a, b, c} {
			isControl := func(r rune) bool { return r < ' ' && r != '\t' }
			if name == "" || strings.ContainsFunc(name, isControl) || strings.HasSuffix(name, `\`) ||
				strings.Contains(name, `\:`) { // which gcc does not tell from a colon
				return
			}
			text += between + quote(name)
			if !slices.Contains(want, name) {
				want = append(want, name)
			}
		}
		got, err := Parse([]byte(text+"\n"), false)
		require.NoError(t, err)
		require.Equal(t, want, got.Files, "%s", text)
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("x.o: x.c a\\ b.h \\\n c\\#.h $$\n# env-dep:A=1\n"), false)
	f.Add([]byte("a \\\nb: c\\\n d"), true)
	f.Fuzz(func(t *testing.T, text []byte, unended bool) {
		before := slices.Clone(text)
		got, err := Parse(text, unended)
		require.Equal(t, before, text)
		if err != nil {
			require.Zero(t, got)
			return
		}
		for _, name := range got.Files {
			require.NotEmpty(t, name)
			require.NotContains(t, name, "\n")
			require.NotContains(t, name, "\x00")
		}
	})
}
