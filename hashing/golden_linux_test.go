package hashing

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/masking"
)

// golden recipes have every kind of fact in the bytes that keys are made of: whoever changes a line here takes all
// stored results away. sha256(x) stands for the digest of x.
var golden = []goldenRecipe{
	{"whole", wholeSpec, `cachex recipe 1
platform PLATFORM
masking MASKING
namespace "team/app"
word "env"
word "real"
word "--token"
word secret 7 sha256(hunter2)
word "f"
word "/dev/fd/FD"
directory path "DIR/link" real "DIR"
scope "v 2"
user "1234"
descriptor FD at 1 of 4 sha256(open)
executable "DIR/bin/env" sha256(MZ env)
program 1 "DIR/bin/real" sha256(#!DIR/bin/interp)
interpreter 1 "DIR/bin/interp" sha256(MZ interp)
pty 24x132
output "b/*.o"
output "d/x"
output "out/"
umask 0022
stdin sha256(in)
vary "date" sha256(today)
strict-env 1
env-tools 1 common go
env-match "E*"
env-match "NONE"
env "EMPTY" sha256()
env "NONE" unset
env "TZ" sha256(UTC)
file-match "d" except "d/x"
file-match "gone"
file "d" directory
file "d/a" plain 5 sha256(hello)
file "gone" absent
arg 4 sha256(words)
arg 5 sha256(open)
learned 01000000000000000000000000000000
env-match "TZ"
env "TZ" sha256(UTC)
file-match "conf"
file "conf" plain 3 sha256(one)
`},
	{"named", func(_ *testing.T, _ string, s *Spec) { s.Name, s.Scope = "user_1", "--password=hunter2" }, `cachex recipe 1
platform PLATFORM
masking MASKING
name "user_1"
scope secret 18 sha256(--password=hunter2)
`},
	{"depfile", func(_ *testing.T, _ string, s *Spec) { s.Name, s.Depfile = "x", "./b//x\".d" }, `cachex recipe 1
platform PLATFORM
masking MASKING
name "x"
depfile "b/x\".d"
`},
	{"fragment", func(_ *testing.T, _ string, s *Spec) {
		s.Name, s.Fragment, s.Variant = "side\xff", true, []string{"a b", "", "x:y", "--password=hunter2"}
	}, `cachex recipe 1
platform PLATFORM
masking MASKING
fragment "side\xff" "a b" "" "x:y" secret 18 sha256(--password=hunter2)
`},
	{"fragment without words", func(_ *testing.T, _ string, s *Spec) {
		s.Name, s.Fragment, s.Scope = "name", true, "v2"
	}, `cachex recipe 1
platform PLATFORM
masking MASKING
fragment "name"
scope "v2"
`},
	{"value", func(_ *testing.T, _ string, s *Spec) {
		s.Name, s.Namespace = "token=\xff\nghp_0123456789abcdefghijABCDEFGHIJ0123", "a/b"
	}, `cachex recipe 1
namespace "a/b"
name "token=\xff\nghp_0123456789abcdefghijABCDEFGHIJ0123"
`},
	{"an item", func(_ *testing.T, _ string, s *Spec) {
		s.Name, s.Item = "n", &Item{Word: "two\nlines", Null: true}
	}, `cachex recipe 1
platform PLATFORM
masking MASKING
name "n"
item null "two\nlines"
`},
	{"observed", observedSpec, `cachex recipe 1
platform PLATFORM
masking MASKING
word "tool.exe"
word "one"
word "two"
directory repo "sub" of "h.example/r"
trace 3 any-times ignore "/x/*" keep "/x/y" except "BUILD_*" except "PATH" only "HOME" only "LI*"
executable none
umask 0022
env-tools 1 common
seen-env "HOME" sha256(home:)
seen-env "LIB" sha256(repo:/lib)
seen cm- "repo:/a.c" plain mode 640 size 6 sha256(int a;)
seen m- "repo:/gone" absent
seen l- "repo:/l" link "a.c" itself
seen mw- "repo:/lib" absent
seen m- "/dev/null" device mode 666
seen n- "home:/empty" directory names sha256()
seen c- "home:/rc" plain size 0 sha256()
`},
	{"observed, of known tools", func(t *testing.T, dir string, s *Spec) {
		observedSpec(t, dir, s)
		s.Trace = &Trace{Except: []string{"PATH"}}
		s.Environ = append(s.Environ, "GREP_COLORS=1", "LS_COLORS=1")
	}, `cachex recipe 1
platform PLATFORM
masking MASKING
word "tool.exe"
word "one"
word "two"
directory repo "sub" of "h.example/r"
trace 3 except "PATH"
executable none
umask 0022
env-tools 1 common
seen-tools 1 grep
seen-env "GREP_COLORS" sha256(1)
seen-env "HOME" sha256(home:)
seen m- "/dev/null" device mode 666
`},
	{"of a repository", func(t *testing.T, dir string, s *Spec) {
		oneRepo(t, dir, s)
		s.ProjectRepo, s.Exe = "p", ExeNone
	}, `cachex recipe 1
platform PLATFORM
masking MASKING
word "tool.exe"
word "one"
word "two"
directory repo "sub" of "h.example/r" project "p"
executable none
env-tools 1 common
env "TZ" sha256(UTC)
`},
}

// observedSpec is that of a run whose inputs lie in a repository, at home, and elsewhere.
func observedSpec(t *testing.T, dir string, s *Spec) {
	oneRepo(t, dir, s)
	root := filepath.Dir(s.Dir)
	put(t, root, "a.c", "int a;")
	require.NoError(t, os.Chmod(filepath.Join(root, "a.c"), 0o640))
	require.NoError(t, os.Symlink("a.c", filepath.Join(root, "l")))
	put(t, dir, "home/rc", "")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "home/empty"), 0o755))
	s.Environ = []string{s.Environ[0], "HOME=" + filepath.Join(dir, "home"), "LIB=" + filepath.Join(root, "lib"), "SHLVL=3", "CACHEX_TTL=1h"}
	s.Exe, s.IgnoreWords = ExeNone, true
	s.Trace = &Trace{AnyTimes: true, Ignore: []string{"/x/*"}, Keep: []string{"/x/y"}, Except: []string{"BUILD_*", "PATH"}, Only: []string{"LI*", "HOME"}}
}

func observedSights(s Spec) []Sight {
	root := filepath.Dir(s.Dir)
	return []Sight{
		{filepath.Join(root, "a.c"), UseContent | UseMode},
		{filepath.Join(root, "gone"), UseMode},
		{filepath.Join(root, "l"), UseLink},
		{Getenv(s.Environ, "HOME") + "/rc", UseContent},
		{Getenv(s.Environ, "HOME") + "/empty", UseNames},
		{filepath.Join(root, "lib"), UseMode | UseMade},
		{"/dev/null", UseMode},
	}
}

type goldenRecipe struct {
	name string
	spec func(t *testing.T, dir string, s *Spec)
	text string
}

// wholeSpec has all that a run without a name can have.
func wholeSpec(t *testing.T, dir string, s *Spec) {
	behindEnv(t, dir, s)
	program(t, dir, "bin/interp", "MZ interp")
	program(t, dir, "bin/real", "#!"+dir+"/bin/interp")
	put(t, dir, "d/a", "hello")
	put(t, dir, "d/x", "")
	put(t, dir, "f", "words")
	put(t, dir, "conf", "one")
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "link")))
	stdin := Digest(sha256.Sum256([]byte("in")))
	s.Argv = []string{"env", "real", "--token", "hunter2", "f", "/dev/fd/" + strconv.Itoa(inherited(t, put(t, dir, "open", "open")))}
	s.Namespace, s.Scope, s.User, s.Dir = "team/app", "v 2", "1234", filepath.Join(dir, "link")
	s.Pty, s.Terminal, s.Stdin = true, Size{24, 132}, &stdin
	s.StrictEnv = true
	s.Outputs = []string{"out/", "./b/*.o", "d/x"}
	mask := unix.Umask(0o022)
	t.Cleanup(func() { unix.Umask(mask) })
	s.Vary = []Vary{{Text: "date", Output: sha256.Sum256([]byte("today"))}}
	s.Env, s.Files = []string{"NONE", "E*", "@go"}, []string{"gone", Except("d", []string{"d/x"})}
}

// inherited opens a file as a shell does for a command, with one byte read.
func inherited(t *testing.T, path string) int {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	_, err = unix.Read(fd, make([]byte, 1))
	require.NoError(t, err)
	return fd
}

func TestGoldenRecipes(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			dir, spec := here(t)
			g.spec(t, dir, &spec)
			fd := spec.Argv[len(spec.Argv)-1]
			r := captured(t, spec)
			if strings.Contains(g.text, "\nlearned ") {
				var err error
				r, err = Extend(r, spec, Learned{ID: [16]byte{1}, Env: []string{"TZ"}, Files: []string{"conf"}}, nil)
				require.NoError(t, err)
			}
			if r.IsObserved() {
				var err error
				sights := Sights{Paths: observedSights(spec)}
				if strings.Contains(g.text, "\nseen-tools ") {
					sights = Sights{Paths: []Sight{{"/dev/null", UseMode}}, Tools: []string{"grep"}}
				}
				r, err = Observed(r, spec, sights, nil)
				require.NoError(t, err)
				_, err = ParseRecipe(r.Text)
				require.NoError(t, err, "%s", r.Text)
			}
			want := strings.NewReplacer(
				"DIR", dir, "FD", fd[strings.LastIndex(fd, "/")+1:], "MASKING", masking.Version, "PLATFORM", runtime.GOOS+"/"+runtime.GOARCH,
			).Replace(g.text)
			want = regexp.MustCompile(`sha256\(.*\)`).ReplaceAllStringFunc(want, func(s string) string {
				return plainSum + Digest(sha256.Sum256([]byte(s[len("sha256("):len(s)-1]))).String()
			})
			require.Equal(t, want, string(r.Text))
			require.Equal(t, Key(sha256.Sum256([]byte(want))), r.Key)
		})
	}
}

// Whoever adds a kind of fact says in a golden recipe what its lines are.
func TestGoldenHasEachKind(t *testing.T) {
	for _, k := range kinds {
		require.True(t, slices.ContainsFunc(golden, func(g goldenRecipe) bool { return strings.Contains(g.text, "\n"+k.name+" ") }), k.name)
		require.Same(t, k, factKindOf(k.name), "two kinds of one name")
		require.NotNil(t, k.parse, k.name)
	}
}
