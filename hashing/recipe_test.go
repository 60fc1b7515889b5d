package hashing

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing/env"
	"github.com/cachex-cli/cachex/masking"
)

// memory is a stat cache that counts.
type memory struct {
	mu     sync.Mutex
	known  map[StatID]Digest
	sums   map[Key]Digest
	hits   int
	misses int
	asked  func(StatID) // called before an answer is given

	manifests map[Key][]byte
	kept      int // manifests
}

func newMemory() *memory {
	return &memory{known: map[StatID]Digest{}, sums: map[Key]Digest{}, manifests: map[Key][]byte{}}
}

func (m *memory) Digest(id StatID) (Digest, bool) {
	if m.asked != nil {
		m.asked(id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.known[id]
	if ok {
		m.hits++
	} else {
		m.misses++
	}
	return d, ok
}

func (m *memory) Remember(id StatID, d Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[id] = d
}

func (m *memory) Sum(name Key) (Digest, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.sums[name]
	return d, ok
}

func (m *memory) RememberSum(name Key, sum Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sums[name] = sum
}

func (m *memory) Manifest(name Key) ([]byte, bool) {
	b, ok := m.manifests[name]
	return b, ok
}

func (m *memory) KeepManifest(name Key, b []byte) {
	m.manifests[name] = b
	m.kept++
}

// put writes a file below dir, with the directories that it needs, and returns its path.
func put(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

// nextTick waits until the clock of files has moved: what is changed then has another time than what was before.
func nextTick(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clock")
	for first := int64(0); ; {
		require.NoError(t, os.WriteFile(path, []byte("tick"), 0o644))
		at, err := lookAt(path, false)
		require.NoError(t, err)
		if first == 0 {
			first = at.id.Ctime
		} else if at.id.Ctime > first {
			return
		}
	}
}

// program writes a file that can be executed.
func program(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := put(t, dir, name, content)
	require.NoError(t, os.Chmod(path, 0o755))
	return path
}

// here returns a real directory, and a spec that runs a program in it.
func here(t *testing.T) (string, Spec) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	program(t, dir, "bin/tool.exe", "MZ a tool")
	return dir, Spec{
		Argv:    []string{"tool.exe", "one", "two"},
		Dir:     dir,
		Environ: []string{"PATH=" + filepath.Join(dir, "bin"), "TZ=UTC", "EMPTY=", "CACHEX_TTL=1h"},
	}
}

func captured(t *testing.T, spec Spec) Recipe {
	t.Helper()
	r, err := Capture(spec, nil)
	require.NoError(t, err)
	facts, err := ParseRecipe(r.Text)
	require.NoError(t, err, "%s", r.Text)
	require.NotEmpty(t, facts)
	require.Equal(t, Key(sha256.Sum256(r.Text)), r.Key)
	return r
}

func TestRecipeText(t *testing.T) {
	dir, spec := here(t)
	stdin := Digest(sha256.Sum256([]byte("in")))
	put(t, dir, "a.txt", "hello")
	spec.Namespace, spec.Scope, spec.Stdin, spec.Pty = "team/app", "v 2", &stdin, true
	spec.Terminal, spec.User = Size{24, 132}, "1234"
	spec.Argv = append(spec.Argv, "it's \"x\"\n", "--token", "hunter2")
	spec.Env = []string{"TZ", "E*", "NONE", "TZ"}
	spec.Files = []string{"gone", "./a.txt"}

	want := strings.NewReplacer("DIR", dir, "MASKING", masking.Version, "PLATFORM", runtime.GOOS+"/"+runtime.GOARCH).Replace(`cachex recipe 1
platform PLATFORM
masking MASKING
namespace "team/app"
word "tool.exe"
word "one"
word "two"
word "it's \"x\"\n"
word "--token"
word secret 7 sha256:f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7
directory path "DIR"
scope "v 2"
user "1234"
executable "DIR/bin/tool.exe" sha256:` + Digest(sha256.Sum256([]byte("MZ a tool"))).String() + `
pty 24x132
stdin sha256:` + stdin.String() + `
env-tools 1 common
env-match "E*"
env-match "NONE"
env-match "TZ"
env "EMPTY" sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
env "NONE" unset
env "TZ" sha256:` + Digest(sha256.Sum256([]byte("UTC"))).String() + `
file-match "a.txt"
file-match "gone"
file "a.txt" plain 5 sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
file "gone" absent
`)
	require.Equal(t, want, string(captured(t, spec).Text))
}

// In a directory that was removed a program can be found, but nothing can be said of its inputs.
func TestUnknownDirectory(t *testing.T) {
	_, spec := here(t)
	spec.Dir = ""
	r, err := Capture(spec, nil)
	var input *InputError
	require.ErrorAs(t, err, &input)
	require.ErrorIs(t, err, errNowhere)
	require.NotEmpty(t, r.Exe)
	spec.Name = "x"
	captured(t, spec)
	spec.Files = []string{"f"}
	_, err = Capture(spec, nil)
	require.ErrorIs(t, err, errNowhere)
}

// A named recipe stands for itself: no words, no executable, no directory; and it needs no command.
func TestRecipeOfName(t *testing.T) {
	_, spec := here(t)
	spec.Name = "user_1"
	named := captured(t, spec)
	require.Equal(t, "cachex recipe 1\nname \"user_1\"\n", string(named.Text))
	require.NotEmpty(t, named.Exe)
	bare := captured(t, Spec{Name: "user_1", Dir: t.TempDir()})
	require.Equal(t, named.Key, bare.Key)
	require.Equal(t, named.Command, bare.Command)
	require.Empty(t, bare.Exe)
}

// The key matrix: for each kind of input, same is the same key, changed is another, reordered is the same where order
// has no meaning.
func TestKeyMatrix(t *testing.T) {
	digest := func(s string) *Digest { d := Digest(sha256.Sum256([]byte(s))); return &d }
	cases := []struct {
		name   string
		setup  func(t *testing.T, dir string, s *Spec)
		change func(t *testing.T, dir string, s *Spec)
		same   bool
	}{
		{"word changed", nil, func(_ *testing.T, _ string, s *Spec) { s.Argv[2] = "three" }, false},
		{"words swapped", nil, func(_ *testing.T, _ string, s *Spec) { s.Argv[1], s.Argv[2] = s.Argv[2], s.Argv[1] }, false},
		{"words joined", nil, func(_ *testing.T, _ string, s *Spec) { s.Argv = []string{"tool.exe", "one two"} }, false},
		{"empty word more", nil, func(_ *testing.T, _ string, s *Spec) { s.Argv = append(s.Argv, "") }, false},
		{"secret word changed", func(_ *testing.T, _ string, s *Spec) { s.Argv[1], s.Argv[2] = "--password", "x" }, func(_ *testing.T, _ string, s *Spec) { s.Argv[2] = "y" }, false},
		{"namespace", nil, func(_ *testing.T, _ string, s *Spec) { s.Namespace = "a" }, false},
		{"scope", nil, func(_ *testing.T, _ string, s *Spec) { s.Scope = "a" }, false},
		{"name", nil, func(_ *testing.T, _ string, s *Spec) { s.Name = "a" }, false},
		{"pty", nil, func(_ *testing.T, _ string, s *Spec) { s.Pty = true }, false},
		{"stdin given", nil, func(_ *testing.T, _ string, s *Spec) { s.Stdin = digest("") }, false},
		{"stdin changed", func(_ *testing.T, _ string, s *Spec) { s.Stdin = digest("a") }, func(_ *testing.T, _ string, s *Spec) { s.Stdin = digest("b") }, false},
		{"directory", nil, func(t *testing.T, dir string, s *Spec) { s.Dir = filepath.Dir(put(t, dir, "sub/x", "")) }, false},
		{"directory, none", func(_ *testing.T, _ string, s *Spec) { s.Cwd = CwdNone }, func(t *testing.T, dir string, s *Spec) { s.Dir = filepath.Dir(put(t, dir, "sub/x", "")) }, true},
		{"directory is another behind a link", func(t *testing.T, dir string, s *Spec) {
			put(t, dir, "r1/x", "")
			put(t, dir, "r2/x", "")
			s.Dir = filepath.Join(dir, "current")
			require.NoError(t, os.Symlink("r1", s.Dir))
		}, func(t *testing.T, _ string, s *Spec) {
			require.NoError(t, os.Remove(s.Dir))
			require.NoError(t, os.Symlink("r2", s.Dir))
		}, false},
		{"directory by its other name", func(t *testing.T, dir string, s *Spec) {
			put(t, dir, "r1/x", "")
			s.Dir = filepath.Join(dir, "current")
			require.NoError(t, os.Symlink("r1", s.Dir))
		}, func(_ *testing.T, dir string, s *Spec) { s.Dir = filepath.Join(dir, "r1") }, false},
		{"another clone of the repository, same place", oneRepo, func(t *testing.T, dir string, s *Spec) {
			clone(t, dir, "r2", "git@h.example:r.git")
			s.Dir = filepath.Join(dir, "r2/sub")
		}, true},
		{"same repository, other place", oneRepo, func(t *testing.T, dir string, s *Spec) { s.Dir = filepath.Dir(put(t, dir, "r1/sub2/x", "")) }, false},
		{"another repository, same place", oneRepo, func(t *testing.T, dir string, s *Spec) {
			clone(t, dir, "r2", "https://h.example/r2")
			s.Dir = filepath.Join(dir, "r2/sub")
		}, false},
		{"two repositories without origin", func(t *testing.T, dir string, s *Spec) {
			oneRepo(t, dir, s)
			put(t, dir, "r1/.git/config", "")
		}, func(t *testing.T, dir string, s *Spec) {
			clone(t, dir, "r2", "")
			s.Dir = filepath.Join(dir, "r2/sub")
		}, false},
		{"two repositories that the user calls the same", func(t *testing.T, dir string, s *Spec) {
			oneRepo(t, dir, s)
			s.Repo = "r"
		}, func(t *testing.T, dir string, s *Spec) {
			clone(t, dir, "r2", "https://h.example/r2")
			s.Dir = filepath.Join(dir, "r2/sub")
		}, true},
		{"what the user calls the repository", oneRepo, func(_ *testing.T, _ string, s *Spec) { s.Repo = "r" }, false},
		{"what the project calls itself", oneRepo, func(_ *testing.T, _ string, s *Spec) { s.ProjectRepo = "p" }, false},
		{"two repositories that call themselves the same", func(t *testing.T, dir string, s *Spec) {
			oneRepo(t, dir, s)
			s.ProjectRepo = "p"
		}, func(t *testing.T, dir string, s *Spec) {
			clone(t, dir, "r2", "https://h.example/r2")
			s.Dir = filepath.Join(dir, "r2/sub")
		}, false},
		{"GIT_DIR", oneRepo, func(_ *testing.T, _ string, s *Spec) { s.Environ = append(s.Environ, "GIT_DIR=.git") }, false},
		{"executable's content", nil, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/tool.exe", "MZ new") }, false},
		{"executable's content, path", func(_ *testing.T, _ string, s *Spec) { s.Exe = ExePath }, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/tool.exe", "MZ new") }, true},
		{"executable's path", nil, movedProgram, false},
		{"executable's path, digest", func(_ *testing.T, _ string, s *Spec) { s.Exe = ExeDigest }, movedProgram, true},
		{"executable's path, path", func(_ *testing.T, _ string, s *Spec) { s.Exe = ExePath }, movedProgram, false},
		{"executable, none", func(_ *testing.T, _ string, s *Spec) { s.Exe = ExeNone }, movedProgram, true},
		{"interpreter", oneScript, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/interp", "MZ new") }, false},
		{"interpreter, digest", func(t *testing.T, dir string, s *Spec) { oneScript(t, dir, s); s.Exe = ExeDigest }, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/interp", "MZ new") }, false},
		{"interpreter, path", func(t *testing.T, dir string, s *Spec) { oneScript(t, dir, s); s.Exe = ExePath }, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/interp", "MZ new") }, true},
		{"interpreter, none", func(t *testing.T, dir string, s *Spec) { oneScript(t, dir, s); s.Exe = ExeNone }, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/interp", "MZ new") }, true},
		{"interpreter gone", oneScript, func(t *testing.T, dir string, _ *Spec) {
			require.NoError(t, os.Remove(filepath.Join(dir, "bin/interp")))
		}, false},
		{"interpreter through env", envScript, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/interp", "MZ new") }, false},
		{"interpreter through env, another in PATH", envScript, func(t *testing.T, dir string, s *Spec) {
			program(t, dir, "bin2/interp", "MZ interp")
			setEnv(s, "PATH="+filepath.Join(dir, "bin2")+":"+filepath.Join(dir, "bin"))
		}, false},
		{"another program beside", envScript, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/other", "MZ") }, true},
		{"program behind env", behindEnv, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/real", "MZ new") }, false},
		{"program behind env, none", func(t *testing.T, dir string, s *Spec) { behindEnv(t, dir, s); s.Exe = ExeNone }, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/real", "MZ new") }, true},
		{"program behind env appears", func(t *testing.T, dir string, s *Spec) {
			behindEnv(t, dir, s)
			require.NoError(t, os.Remove(filepath.Join(dir, "bin/real")))
		}, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/real", "MZ") }, false},
		{"interpreter behind env", func(t *testing.T, dir string, s *Spec) {
			behindEnv(t, dir, s)
			program(t, dir, "bin/interp", "MZ interp")
			program(t, dir, "bin/real", "#!"+dir+"/bin/interp\n")
		}, func(t *testing.T, dir string, _ *Spec) { program(t, dir, "bin/interp", "MZ new") }, false},
		{"variable not asked for", nil, func(_ *testing.T, _ string, s *Spec) { s.Environ = append(s.Environ, "X=1") }, true},
		{"variable changed", func(_ *testing.T, _ string, s *Spec) { s.Env = []string{"TZ"} }, func(_ *testing.T, _ string, s *Spec) { setEnv(s, "TZ=CET") }, false},
		{"variable unset", func(_ *testing.T, _ string, s *Spec) { s.Env = []string{"EMPTY"} }, func(_ *testing.T, _ string, s *Spec) { setEnv(s, "EMPTY") }, false},
		{"variable matches a glob", func(_ *testing.T, _ string, s *Spec) { s.Env = []string{"AWS_*"} }, func(_ *testing.T, _ string, s *Spec) { setEnv(s, "AWS_X=1") }, false},
		{"variable with a slash matches", func(_ *testing.T, _ string, s *Spec) { s.Env = []string{"A*"} }, func(_ *testing.T, _ string, s *Spec) { setEnv(s, "A/B=1") }, false},
		{"own variable and a glob", func(_ *testing.T, _ string, s *Spec) { s.Env = []string{"*"} }, func(_ *testing.T, _ string, s *Spec) { setEnv(s, "CACHEX_TTL=2h") }, true},
		{"own variable by name", func(_ *testing.T, _ string, s *Spec) { s.Env = []string{"CACHEX_TTL"} }, func(_ *testing.T, _ string, s *Spec) { setEnv(s, "CACHEX_TTL=2h") }, false},
		{"variables reordered", func(_ *testing.T, _ string, s *Spec) { s.Env = []string{"A", "TZ"} }, func(_ *testing.T, _ string, s *Spec) {
			s.Env = []string{"TZ", "A", "A"}
			s.Environ = []string{s.Environ[1], s.Environ[0]}
		}, true},
		{"pattern more", func(_ *testing.T, _ string, s *Spec) { s.Env = []string{"T*"} }, func(_ *testing.T, _ string, s *Spec) { s.Env = []string{"T*", "TZ"} }, false},
		{"values under a secret", func(_ *testing.T, _ string, s *Spec) { s.Env = []string{"TZ"} }, func(_ *testing.T, _ string, s *Spec) { s.Secret = []byte("k") }, false},
		{"file changed", oneFile, func(t *testing.T, dir string, _ *Spec) { put(t, dir, "d/f", "2") }, false},
		{"file rewritten", oneFile, func(t *testing.T, dir string, _ *Spec) { put(t, dir, "d/f", "1") }, true},
		{"file touched", oneFile, func(t *testing.T, dir string, _ *Spec) {
			require.NoError(t, os.Chtimes(filepath.Join(dir, "d/f"), time.Time{}, time.Unix(1, 0)))
		}, true},
		{"file vanished", oneFile, func(t *testing.T, dir string, _ *Spec) { require.NoError(t, os.Remove(filepath.Join(dir, "d/f"))) }, false},
		{"file emptied, then vanished", func(t *testing.T, dir string, s *Spec) { put(t, dir, "d/f", ""); s.Files = []string{"d/f"} }, func(t *testing.T, dir string, _ *Spec) {
			require.NoError(t, os.Remove(filepath.Join(dir, "d/f")))
		}, false},
		{"files reordered", func(t *testing.T, dir string, s *Spec) { s.Files = []string{"a", "b/*", "c"} }, func(t *testing.T, dir string, s *Spec) { s.Files = []string{"c", "a", "b/*", "a", "./a/"} }, true},
		{"file beside", oneFile, func(t *testing.T, dir string, _ *Spec) { put(t, dir, "d/g", "") }, true},
		{"file in a directory", oneDirectory, func(t *testing.T, dir string, _ *Spec) { put(t, dir, "d/e/g", "") }, false},
		{"file in a directory renamed", oneDirectory, func(t *testing.T, dir string, _ *Spec) {
			require.NoError(t, os.Rename(filepath.Join(dir, "d/f"), filepath.Join(dir, "d/g")))
		}, false},
		{"empty directory in a directory", oneDirectory, func(t *testing.T, dir string, _ *Spec) {
			require.NoError(t, os.Mkdir(filepath.Join(dir, "d/empty"), 0o755))
		}, false},
		{"file becomes directory", oneDirectory, func(t *testing.T, dir string, _ *Spec) {
			require.NoError(t, os.Remove(filepath.Join(dir, "d/f")))
			require.NoError(t, os.Mkdir(filepath.Join(dir, "d/f"), 0o755))
		}, false},
		{"file matches", oneGlob, func(t *testing.T, dir string, _ *Spec) { put(t, dir, "d/x/y/g.go", "") }, false},
		{"file does not match", oneGlob, func(t *testing.T, dir string, _ *Spec) { put(t, dir, "d/x/y/g.c", "") }, true},
		{"two contents moved between files", func(t *testing.T, dir string, s *Spec) {
			put(t, dir, "d/a", "xy")
			put(t, dir, "d/b", "")
			s.Files = []string{"d"}
		}, func(t *testing.T, dir string, _ *Spec) { put(t, dir, "d/a", "x"); put(t, dir, "d/b", "y") }, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir, spec := here(t)
			if c.setup != nil {
				c.setup(t, dir, &spec)
			}
			before, again := captured(t, spec), captured(t, spec)
			require.Equal(t, before.Key, again.Key)
			require.NoError(t, before.Same(again))
			c.change(t, dir, &spec)
			after := captured(t, spec)
			require.Equal(t, c.same, before.Key == after.Key, "%s\n%s", before.Text, after.Text)
			require.Equal(t, !c.same, len(Diff(before.Text, after.Text)) > 0)
		})
	}
}

func movedProgram(t *testing.T, dir string, s *Spec) {
	program(t, dir, "bin2/tool.exe", "MZ a tool")
	setEnv(s, "PATH="+filepath.Join(dir, "bin2"))
}

// oneScript makes the tool a script.
func oneScript(t *testing.T, dir string, _ *Spec) {
	program(t, dir, "bin/interp", "MZ interp")
	program(t, dir, "bin/tool.exe", "#! "+dir+"/bin/interp -x y\nrest\n")
}

func envScript(t *testing.T, dir string, _ *Spec) {
	program(t, dir, "bin/interp", "MZ interp")
	program(t, dir, "bin/tool.exe", "#!/usr/bin/env interp\n")
}

func behindEnv(t *testing.T, dir string, s *Spec) {
	program(t, dir, "bin/env", "MZ env")
	program(t, dir, "bin/real", "MZ real")
	s.Argv = []string{"env", "-u", "X", "A=1", "real", "--token", "hunter2"}
}

// clone makes a Git repository with the directory sub, as "git clone URL NAME" does; without origin if the URL is
// empty.
func clone(t *testing.T, dir, name, url string) {
	t.Helper()
	put(t, dir, name+"/sub/x", "")
	config := "[core]\n\tbare = false\n"
	if url != "" {
		config += "[remote \"origin\"]\n\turl = " + url + "\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n"
	}
	put(t, dir, name+"/.git/config", config)
}

func oneRepo(t *testing.T, dir string, s *Spec) {
	clone(t, dir, "r1", "https://h.example/r.git")
	s.Dir, s.Cwd = filepath.Join(dir, "r1/sub"), CwdRepo
}

func oneFile(t *testing.T, dir string, s *Spec) {
	put(t, dir, "d/f", "1")
	s.Files = []string{"d/f"}
}

func oneDirectory(t *testing.T, dir string, s *Spec) {
	put(t, dir, "d/f", "1")
	s.Files = []string{"d"}
}

func oneGlob(t *testing.T, dir string, s *Spec) {
	put(t, dir, "d/f.go", "1")
	s.Files = []string{"d/**/*.go"}
}

// setEnv replaces NAME=value, or removes NAME.
func setEnv(s *Spec, variable string) {
	var environ []string
	for _, v := range s.Environ {
		if env.Name(v) != env.Name(variable) {
			environ = append(environ, v)
		}
	}
	if strings.Contains(variable, "=") {
		environ = append(environ, variable)
	}
	s.Environ = environ
}

// P3: what was touched while the command ran is noticed even if it holds again what it held.
func TestSame(t *testing.T) {
	cases := []struct {
		name   string
		change func(t *testing.T, dir string, s *Spec)
		want   string
	}{
		{"nothing", func(*testing.T, string, *Spec) {}, ""},
		{"file beside", func(t *testing.T, dir string, _ *Spec) { put(t, dir, "beside", "") }, ""},
		{"file changed", func(t *testing.T, dir string, _ *Spec) { put(t, dir, "d/f", "2") }, "file d/f changed"},
		{"file rewritten", func(t *testing.T, dir string, _ *Spec) {
			put(t, dir, "new", "1")
			require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "d/f")))
		}, "file d/f was written"},
		{"file touched", func(t *testing.T, dir string, _ *Spec) {
			require.NoError(t, os.Chtimes(filepath.Join(dir, "d/f"), time.Time{}, time.Unix(1, 0)))
		}, "file d/f was written"},
		{"file more", func(t *testing.T, dir string, _ *Spec) { put(t, dir, "d/g", "") }, "file d/g appeared"},
		{"executable rewritten", func(t *testing.T, dir string, _ *Spec) {
			program(t, dir, "new", "MZ a tool")
			require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "bin/tool.exe")))
		}, "tool.exe was written"},
		{"variable", func(_ *testing.T, _ string, s *Spec) { setEnv(s, "TZ=CET") }, "env TZ changed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir, spec := here(t)
			spec.Env = []string{"TZ"}
			oneDirectory(t, dir, &spec)
			before := captured(t, spec)
			c.change(t, dir, &spec)
			err := before.Same(captured(t, spec))
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}

// What cannot be cached can still be run: the program is known.
func TestErrorsLeaveExe(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes 16 MB of words")
	}
	dir, spec := here(t)
	spec.Argv = []string{"tool.exe"}
	const length = 250 // longer words stand there by their digest
	for range MaxRecipe / length {
		spec.Argv = append(spec.Argv, strings.Repeat("word ", length/5))
	}
	r, err := Capture(spec, nil)
	var tooLarge *TooLarge
	require.ErrorAs(t, err, &tooLarge)
	require.Equal(t, filepath.Join(dir, "bin", "tool.exe"), r.Exe)

	spec.Argv = []string{"tool.exe", strings.Repeat("x", 2<<20)}
	require.Less(t, len(captured(t, spec).Text), 1000)
	spec.Argv = spec.Argv[:1]
	for range 13_000 { // 1.3 MB of arguments are legal
		spec.Argv = append(spec.Argv, strings.Repeat("word ", 20))
	}
	captured(t, spec)
}

func TestPatternErrors(t *testing.T) {
	_, spec := here(t)
	cases := []struct {
		kind, pattern, want string
	}{
		{"file", "[", `file pattern "[": syntax error in pattern`},
		{"file", "a/{b,c", `file pattern "a/{b,c": syntax error in pattern`},
		{"file", "a[b/]c", `file pattern "a[b/]c": syntax error in pattern`},
		{"file", "", `file pattern "": empty`},
		{"file", "a\x00b", `file pattern "a\x00b": holds a NUL byte`},
		{"file", "*/../x", `file pattern "*/../x": .. after a special character`},
		{"file", "a/*" + strings.Repeat("/b", 64), "too many path elements"},
		{"file", strings.Repeat("{a/,b}", 11), "too many alternatives"},
		{"file", strings.Repeat("{a,{b,c}}", 40), "too many alternatives"},
		{"env", strings.Repeat("{A,B}", 11), "too many alternatives"},
		{"env", "[", `env pattern "[": syntax error in pattern`},
		{"env", "", `env pattern "": empty`},
		{"env", "A=b", `env pattern "A=b": a name is wanted, not an assignment`},
		{"env", "A\x00", `env pattern "A\x00": holds a NUL byte`},
	}
	for _, c := range cases {
		t.Run(c.kind+" "+c.pattern, func(t *testing.T) {
			s := spec
			if c.kind == "env" {
				s.Env = []string{"TZ", c.pattern}
			} else {
				s.Files = []string{"gone", c.pattern}
			}
			_, err := Capture(s, nil)
			var p *PatternError
			require.ErrorAs(t, err, &p)
			require.Equal(t, c.pattern, p.Pattern)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestParseKey(t *testing.T) {
	k := Key(sha256.Sum256(nil))
	got, err := ParseKey(k.String())
	require.NoError(t, err)
	require.Equal(t, k, got)
	for _, bad := range []string{"", "ab", k.String() + "0", strings.Replace(k.String(), "e", "g", 1)} {
		_, err := ParseKey(bad)
		require.Error(t, err, bad)
	}
}

func TestCommandOf(t *testing.T) {
	dir, spec := here(t)
	id := CommandOf(spec)
	other := spec
	other.Scope, other.Env, other.Files, other.Exe, other.Pty = "v2", []string{"TZ"}, []string{"x"}, ExeNone, true
	require.Equal(t, id, CommandOf(other))
	require.Equal(t, id, captured(t, other).Command)
	require.Contains(t, CommandCandidates(spec), id)
	require.Len(t, CommandCandidates(spec), 2) // not in a repository: path and none
	put(t, dir, ".git/config", "[remote \"origin\"]\nurl = https://h.example/r\n")
	require.Len(t, CommandCandidates(spec), 3)
	for _, mode := range []CwdMode{CwdPath, CwdRepo, CwdNone} {
		other.Cwd = mode
		require.Contains(t, CommandCandidates(spec), CommandOf(other))
	}
	for _, change := range []func(s *Spec){
		func(s *Spec) { s.Namespace = "a" },
		func(s *Spec) { s.Name = "a" },
		func(s *Spec) { s.Argv = []string{"tool.exe"} },
		func(s *Spec) { s.Dir = "/" },
	} {
		changed := spec
		change(&changed)
		require.NotEqual(t, id, CommandOf(changed))
	}
}

func TestNotFoundBeforeAll(t *testing.T) {
	_, spec := here(t)
	spec.Argv[0] = "no-such-tool"
	spec.Files = []string{"["}
	_, err := Capture(spec, nil)
	var notFound *NotFound
	require.ErrorAs(t, err, &notFound)
	require.EqualError(t, err, "no-such-tool: command not found")
	_, err = Capture(Spec{Dir: "/"}, nil)
	require.ErrorAs(t, err, &notFound)
	require.False(t, errors.Is(err, os.ErrNotExist))
}
