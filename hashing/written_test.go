package hashing

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Which words name what is written whole (w), gone on with (+), appended to by a redirection (>), or may be read (r).
func TestRoles(t *testing.T) {
	for line, want := range map[string]string{
		"cc -c a.c -o a.o":             "rrrrw",
		"cc --output=a.o a.c":          "rwr",
		"cc -C a.c -o a.o":             "rrrrw",
		"time -a -o log make":          "+++++",
		"env A=1 cp a b/":              "rrrrw",
		"cp -t d a":                    "rrrr",
		"cp -u a b/":                   "rrrr",
		"cp a b":                       "rrr",
		"cp -r a b/":                   "rrrr",
		"tar -czf a.tar b":             "rrwr",
		"tar cf a.tar -C d b":          "rrwrrr",
		"tar rf a.tar b":               "++++",
		"tar --append -f a.tar":        "++++",
		"tee a b":                      "rww",
		"tee -a a":                     "+++",
		"mkdir -p a/b":                 "rrw",
		"mkdir a":                      "rr",
		"rm -rf a b":                   "rrww",
		"zip -o a.zip b":               "++++",
		"env ./zip -o a.zip b":         "+++++",
		"sed -i s/a/b/ f":              "++++",
		"tsc --outDir dist":            "rrw",
		"protoc --cpp_out=gen a.proto": "rwr",
		"gzip -d a.gz":                 "rrr",
		"":                             "",
		"script -a -q log":             "++++",
		"git config -f log --add a b":  "+++++++",
		"dd if=a of=b oflag=append":    "++++",
		"go build -a -o a":             "rrrrw",
		"rustc -C lto -o a a.rs":       "rrrrwr",
		"xgettext -j -o a b":           "+++++",
		"cp":                           "r",
		"timeout 9 nice -n 5 rm /b/c":  "rrrrrrw",
	} {
		words := strings.Fields(line)
		var got strings.Builder
		for _, r := range roles(words) {
			got.WriteByte("rw>+"[r])
		}
		require.Equal(t, want, got.String(), line)
	}
}

// The same in a shell text, with its redirections.
func TestRolesInTexts(t *testing.T) {
	for text, want := range map[string]string{
		"cat a >b":                    "a:r b:w",
		"cat <a >|b":                  "a:r b:w",
		"cat a >>b":                   "a:r b:>",
		"cat a &>b 2>&1":              "a:r b:w",
		"cat <>a":                     "a:r",
		"mkdir -p d && cp a d/":       "-p:r d:w a:r d/:w",
		"sh -c 'cc -o a b >c'; tee d": "-c:r -o:r a:w b:r c:w d:w",
	} {
		var got []string
		for _, w := range shellLiterals(text, "sh") {
			got = append(got, w.text+":"+string("rw>+"[w.role]))
		}
		require.Equal(t, want, strings.Join(got, " "), text)
	}
}

func TestOutputsOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "ab", false},
		{"d/", "d/e", true},
		{"d", "d/*.o", true},
		{"d/*.o", "d/a.c", false},
		{"d/*.o", "d/a.o", true},
		{"*.o", "d/a", false},
		{"**/*.o", "d/", true},
		{"*.o", "*.a", true}, // it is not told
		{"d/*", "e/*", false},
		{"{a,d/*}", "d/e", true},
		{AutoOutputs, "a", true},
		{"./a", "a", true},
	} {
		a, b := OutputSet([]string{"x", c.a}), OutputSet([]string{c.b})
		require.Equal(t, c.want, a.Overlaps(b), "%s %s", c.a, c.b)
		require.Equal(t, c.want, b.Overlaps(a), "%s %s", c.b, c.a)
	}
}

// A recipe says what an output holds if it names the file and has this very content.
func TestSays(t *testing.T) {
	dir, s := here(t)
	put(t, dir, "f", "words")
	put(t, dir, "g", "other")
	s.Argv, s.Files, s.Outputs = append(s.Argv[:1:1], "f"), []string{"g"}, []string{"f", "g", "h"}
	r, outputs := captured(t, s), OutputSet(s.Outputs)
	for name, text := range map[string]string{"f": "words", "g": "other"} {
		require.True(t, r.Says(s, outputs, name, sha256.Sum256([]byte(text))), name)
		require.False(t, r.Says(s, outputs, name, sha256.Sum256([]byte(text+"!"))), name)
		require.False(t, r.Says(s, outputs, "h", sha256.Sum256([]byte(text))), name)
	}
	s.Secret = []byte("key")
	require.True(t, captured(t, s).Says(s, outputs, "f", sha256.Sum256([]byte("words"))))
	require.False(t, r.Says(s, outputs, "f", sha256.Sum256([]byte("words"))), "of another key")
}
