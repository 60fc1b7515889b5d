package hashing

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What an observed run of some programs depends on of its environment: the variables of tools, or (empty) all.
func TestPlainTools(t *testing.T) {
	home := t.TempDir()
	for _, test := range []struct {
		argv, programs, want string
		environ              string
	}{
		{"grep x .", "grep", "grep", ""},
		{"grep x .", "", "", ""},
		{"find . -exec wc {} +", "find wc", "coreutils find", ""},
		{"find . -exec sh -c x", "find sh", "", ""},
		{"sort --compress-program=gzip x", "sort gzip", "", ""}, // of which less is known
		{"env", "env", "", ""},
		{"awk {print}", "awk", "", ""},
		{"timeout 9 cat x", "timeout cat", "coreutils", ""},
		{"grep x .", "grep", "", "LD_PRELOAD=/x.so"},
		{"grep x .", "grep", "", "LD_LIBRARY_PATH=/x"},
		{"grep x .", "grep", "grep", "LD_PRELOAD= LD_DEBUG=all"},
		{"git status", "git", "git", ""},
		{"git status", "git git", "git", ""},
		{"git status", "git sh", "", ""}, // a hook, an alias, a filter
		{"git status", "git cat", "", ""},
		{"git --config-env=a.b=X log", "git", "", ""},
		{"find . -exec git log", "find git", "", ""},
		{"jq .a x", "jq", "jq", ""},
		{"jq -r .a x", "jq", "jq", ""},
		{"jq env.HOME x", "jq", "", ""},
		{"jq -n $ENV.HOME", "jq", "", ""},
		{"jq -rf filter x", "jq", "", ""},
		{"jq --from-file filter x", "jq", "", ""},
		{`jq import"m"as$m;m::f x`, "jq", "", ""},
		{"timeout 9 jq env", "timeout jq", "", ""},
		{"gcc -c a.c", "gcc", "cc", ""},
		{"gcc -c a.c", "gcc", "", "COMPILER_PATH=/x"},
		{"gcc -c a.c", "gcc", "", "GCC_SPECS=x"},
		{"gcc -fplugin=x.so -c a.c", "gcc", "", ""},
		{"gcc -specs=x -c a.c", "gcc", "", ""},
		{"gcc @words", "gcc", "", ""},
		{"gcc -Bx -c a.c", "gcc", "", ""},
		{"gcc a.c", "gcc ld", "", ""},
	} {
		spec := Spec{Argv: strings.Fields(test.argv), Environ: append(strings.Fields(test.environ), "HOME="+home)}
		var programs []string
		for program := range strings.FieldsSeq(test.programs) {
			programs = append(programs, pathOfProgram(t, program))
		}
		tools, ok := PlainTools(spec, programs)
		require.Equal(t, test.want, strings.Join(tools, " "), test)
		require.Equal(t, test.want != "", ok, test)
		spec.Trace = &Trace{Only: []string{"X"}}
		_, ok = PlainTools(spec, programs)
		require.False(t, ok, "others are named")
		spec.Trace, spec.Env = nil, []string{"@none"}
		_, ok = PlainTools(spec, programs)
		require.False(t, ok, "no tool is wanted")
	}
}

// pathOfProgram skips what needs a program that is not there, or is another one of its name, as that of busybox.
func pathOfProgram(t *testing.T, program string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skip(err)
	}
	real, err := filepath.EvalSymlinks(path)
	require.NoError(t, err)
	named := strings.Contains(filepath.Base(real), program) || program == "sh" || program == "awk"
	if dir := filepath.Dir(real); !named || dir != "/usr/bin" && dir != "/bin" {
		t.Skip(program + " is " + real)
	}
	return path
}

// A program is known where distributions put it, whatever link leads there, and not by its name elsewhere.
func TestPlainToolsByPlace(t *testing.T) {
	cat := pathOfProgram(t, "cat")
	dir := t.TempDir()
	link, other := filepath.Join(dir, "link"), filepath.Join(dir, "cat")
	require.NoError(t, os.Symlink(cat, link))
	content, err := os.ReadFile(cat)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(other, content, 0o755))
	spec := Spec{Argv: []string{"cat"}}
	_, ok := PlainTools(spec, []string{link})
	require.True(t, ok)
	_, ok = PlainTools(spec, []string{other})
	require.False(t, ok)
	_, ok = PlainTools(spec, []string{filepath.Join(dir, "none")})
	require.False(t, ok)

	old := preloaded
	t.Cleanup(func() { preloaded = old })
	preloaded = filepath.Join(dir, "preloaded")
	require.NoError(t, os.WriteFile(preloaded, nil, 0o644))
	_, ok = PlainTools(spec, []string{cat})
	require.True(t, ok)
	require.NoError(t, os.WriteFile(preloaded, []byte("/lib/x.so"), 0o644))
	_, ok = PlainTools(spec, []string{cat})
	require.False(t, ok)
}

// jq reads a filter in the home directory before each other.
func TestPlainToolsOfJq(t *testing.T) {
	jq, home := pathOfProgram(t, "jq"), t.TempDir()
	spec := Spec{Argv: []string{"jq", "."}, Environ: []string{"HOME=" + home}}
	require.NoError(t, os.Mkdir(filepath.Join(home, ".jq"), 0o755))
	_, ok := PlainTools(spec, []string{jq})
	require.True(t, ok)
	require.NoError(t, os.Remove(filepath.Join(home, ".jq")))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".jq"), []byte("def f: env;"), 0o644))
	_, ok = PlainTools(spec, []string{jq})
	require.False(t, ok)
	spec.Environ = nil
	_, ok = PlainTools(spec, []string{jq})
	require.False(t, ok)
}

// The variables of tools count, those of every program, and those without which few work.
func TestCountedOfPlainTools(t *testing.T) {
	want := []string{"GREP_COLORS", "HOME", "LANG", "LC_ALL", "PATH", "TERM", "TMPDIR", "TZDIR"}
	var environ []string
	for _, name := range append([]string{"CI", "GIT_DIR", "GOFLAGS", "OTHER"}, want...) {
		environ = append(environ, name+"=x")
	}
	require.Equal(t, want, Counted(Spec{Argv: []string{"grep"}, Environ: environ, Trace: &Trace{}}, []string{"grep"}))
}
