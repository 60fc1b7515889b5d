package cmdline

import (
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
		for _, r := range Roles(words) {
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
		for _, w := range ShellLiterals(text, "sh") {
			got = append(got, w.Text+":"+string("rw>+"[w.Role]))
		}
		require.Equal(t, want, strings.Join(got, " "), text)
	}
}
