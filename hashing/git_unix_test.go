//go:build !windows

package hashing

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// gitEnviron is an environment without the configuration of whoever runs the tests.
func gitEnviron(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_CONFIG_NOSYSTEM=1"}
}

// runGit runs git for each line of words.
func runGit(t *testing.T, dir string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		cmd := exec.Command("git", append(
			[]string{"-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"}, strings.Fields(line)...,
		)...)
		cmd.Dir, cmd.Env = dir, gitEnviron(dir)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "git %s: %s", line, out)
	}
}

// inRepo returns an empty directory, and the spec of a run in it.
func inRepo(t *testing.T) (string, Spec) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return dir, Spec{Argv: []string{"/bin/true"}, Dir: dir, Environ: gitEnviron(dir)}
}

// gitted returns the names of the file facts and their kinds, and the whole fact of what is no plain file.
func gitted(t *testing.T, spec Spec) []string {
	t.Helper()
	lines := facts(t, spec)
	for i, line := range lines {
		lines[i], _, _ = strings.Cut(line, " plain ")
	}
	return lines
}

func TestGitNames(t *testing.T) {
	cases := []struct {
		name string
		tree []string // as of tree
		git  []string // words of git commands
		gone []string // what is removed then
		at   string   // where it is asked
		env  []string
		ask  string
		want string
	}{
		{
			"tracked, and not ignored",
			[]string{"a a", "b b", "o o", "sub/c c", ".gitignore *.o\no", "x.o b", "d/e/"},
			[]string{"add a"},
			nil, ".", nil, "@git", ".gitignore a b sub/c",
		},
		{
			"ignored and tracked, and no more tracked",
			[]string{"o a", "p b", ".gitignore o\np"},
			[]string{"add -f o p", "rm -q --cached p"},
			nil, ".", nil, "@git", ".gitignore o",
		},
		{"the whole repository from below", []string{"a a", "s/b b", "s/t/c c"}, nil, nil, "s", nil, "@git", "../a b t/c"},
		{"here", []string{"a a", "s/b b", "s/t/c c"}, nil, nil, "s", nil, "@git:.", "b t/c"},
		{"a part", []string{"a a", "s/b b", "s/t/c c"}, nil, nil, ".", nil, "@git:./s/", "s/b s/t/c"},
		{"a part above", []string{"a a", "s/b b", "r/c c"}, nil, nil, "s", nil, "@git:../r", "../r/c"},
		{"a file", []string{"a a", "s/b b"}, nil, nil, ".", nil, "@git:s/b", "s/b"},
		{"a name that git could take for a pattern", []string{"a*/a a", "ab/b b", ":x/c c"}, nil, nil, ".", nil, "@git:a*", "a*/a"},
		{"names", []string{"-n a", "b\nb b", "c\xffc c", ":(top)d d"}, nil, nil, ".", nil, "@git", `-n :(top)d b\nb c\xffc`},
		{"removed", []string{"a a", "s/b b", "s/c c"}, []string{"add a s/b"}, []string{"a", "s"}, ".", nil, "@git", "a:absent s/b:absent"},
		{"a part that was removed", []string{"a a", "s/t/b b"}, []string{"add a s"}, []string{"s"}, ".", nil, "@git:s/t", "s/t/b:absent"},
		{"a part that never was", []string{"a a"}, nil, nil, ".", nil, "@git:s/t", ""},
		{
			"assumed unchanged, and not checked out",
			[]string{"a a", "b b"},
			[]string{"add a b", "update-index --assume-unchanged a", "update-index --skip-worktree b"},
			[]string{"b"},
			".", nil, "@git", "a b:absent",
		},
		{"no variables of paths", []string{"a* a", "ab b"}, nil, nil, ".", []string{"GIT_LITERAL_PATHSPECS=1"}, "@git:a*", "a*"},
		{
			"another index",
			[]string{"a a", "b b", "o o", ".gitignore o"},
			[]string{"add a", "add -f o"},
			nil,
			".",
			[]string{"GIT_INDEX_FILE=none"},
			"@git", ".gitignore a b",
		},
		{
			"another working tree",
			[]string{"a a", "s/b b"},
			[]string{"add a s"},
			[]string{"a"},
			".",
			[]string{"GIT_DIR=.git", "GIT_WORK_TREE=s"},
			"@git:s", "s/a:absent s/b s/s/b:absent",
		},
		{
			"another working tree, from below",
			[]string{"a a", "s/t/b b"},
			[]string{"add a s"},
			nil,
			"s/t",
			[]string{"GIT_DIR=../../.git", "GIT_WORK_TREE=.."},
			"@git", "../a:absent ../s/t/b:absent b",
		},
		{"a repository inside", []string{"a a", "r/b b", "r/o o"}, []string{"init -q r"}, nil, ".", nil, "@git", "a r/b r/o"},
		{
			"a repository inside, with its own ignored files",
			[]string{"a a", "r/b b", "r/.gitignore b", "r/c c"},
			[]string{"init -q r"},
			nil, ".",
			[]string{"GIT_INDEX_FILE=none"},
			"@git", "a r/.gitignore r/c",
		},
		{
			"a submodule without a repository",
			[]string{"a a", "r/.git/", "r/c c", "r/o o", ".gitignore o"},
			[]string{"update-index --add --cacheinfo 160000,1234567890123456789012345678901234567890,r"},
			nil, ".", nil, "@git", ".gitignore a r:directory r/c r/o",
		},
		{"what looks like one", []string{"a a", "r/.git/x b", "r/c c"}, nil, nil, ".", nil, "@git", "a r/c"},
		{"a link is followed", []string{"a a", "d/b b", "l -> a", "m -> d", "n -> no"}, nil, nil, ".", nil, "@git", "a d/b l:link:a m:link:d:directory m/b n:link:no:absent"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir, spec := inRepo(t)
			tree(t, dir, c.tree...)
			runGit(t, dir, append([]string{"init -q ."}, c.git...)...)
			for _, name := range c.gone {
				require.NoError(t, os.RemoveAll(filepath.Join(dir, name)))
			}
			spec.Dir, spec.Environ = filepath.Join(dir, c.at), append(gitEnviron(dir), c.env...)
			spec.Files = []string{c.ask}
			var got []string
			for _, line := range gitted(t, spec) {
				got = append(got, strings.ReplaceAll(line, " ", ":"))
			}
			require.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

// Submodules are asked themselves, whatever variables say of the repository around them.
func TestGitSubmodules(t *testing.T) {
	dir, spec := inRepo(t)
	other := t.TempDir()
	tree(t, other, "b b", "s/c c", ".gitignore *.o")
	runGit(t, other, "init -q .", "add .", "commit -q -m x")
	tree(t, dir, "a a")
	runGit(t, dir, "init -q .", "submodule add -q "+other+" mod", "submodule add -q "+other+" gone", "add .", "commit -q -m y",
		"submodule deinit -q -f gone")
	tree(t, dir, "mod/x.o x", "mod/new n")
	require.NoError(t, os.Remove(filepath.Join(dir, "mod/b")))
	spec.Dir = dir
	for _, env := range [][]string{nil, {"GIT_DIR=.git"}, {"GIT_DIR=.git", "GIT_INDEX_FILE=.git/index"}} {
		spec.Environ, spec.Files = append(gitEnviron(dir), env...), []string{"@git"}
		require.Equal(t, []string{
			".gitmodules", "a", "gone directory", "mod/.gitignore", "mod/b absent", "mod/new", "mod/s/c",
		}, gitted(t, spec))
	}
	spec.Environ, spec.Files = gitEnviron(dir), []string{"@git:mod/s"}
	require.Equal(t, []string{"mod/s/c"}, gitted(t, spec))
	spec.Dir = filepath.Join(dir, "mod/s")
	spec.Files = []string{"@git"}
	require.Equal(t, []string{"../.gitignore", "../b absent", "../new", "c"}, gitted(t, spec))

	// What the place of its repository was is no answer for what is in it.
	require.NoError(t, os.RemoveAll(filepath.Join(dir, ".git/modules")))
	spec.Dir = dir
	require.Equal(t, []string{
		".gitmodules", "a", "gone directory", "mod directory", "mod/.gitignore", "mod/new", "mod/s directory", "mod/s/c", "mod/x.o",
	}, gitted(t, spec))
}

func TestGitErrors(t *testing.T) {
	dir, spec := inRepo(t)
	outside := t.TempDir()
	spec.Environ = append(gitEnviron(dir), "GIT_CEILING_DIRECTORIES="+filepath.Dir(outside))
	ask := func(want, list string) {
		t.Helper()
		spec.Files = []string{list}
		_, err := Capture(spec, nil)
		var p *PatternError
		require.ErrorAs(t, err, &p)
		require.EqualError(t, err, `file pattern "`+want)
		require.NotEmpty(t, p.Todo)
	}
	spec.Dir = outside
	ask(`@git": git ls-files: not a git repository (or any of the parent directories): .git`, "@git")
	ask(`@git from `+dir+`/no": no such file or directory`, From("@git", dir+"/no"))
	ask(`@git:sub from /": git ls-files: not a git repository (or any of the parent directories): .git`, From("@git:sub", "/"))
	ask(`@list": there is no such list`, "@list")
	ask(`@a/list": there is no such list`, Within("@list", "a"))
	runGit(t, dir, "init -q .")
	spec.Environ = append(gitEnviron(dir), "GIT_DIR="+dir+"/.git", "GIT_WORK_TREE="+dir)
	spec.Files = []string{"@git"}
	_, err := Capture(spec, nil)
	require.ErrorContains(t, err, "is outside repository at")
	spec.Environ = append(gitEnviron(dir), "GIT_DIR="+dir+"/.git", "GIT_WORK_TREE=.")
	runGit(t, dir, "config core.bare true")
	require.Empty(t, facts(t, spec))
	spec.Environ = []string{"PATH=" + dir}
	ask(`@git": the program git is not in PATH`, "@git")

	// What Git says is one line, and for people.
	put(t, dir, "git", "#!/bin/sh\nprintf 'fatal: a\\033[1mb\\nc\\n' >&2; exit 3\n")
	require.NoError(t, os.Chmod(filepath.Join(dir, "git"), 0o755))
	ask(`@git": git ls-files: a?[1mb`, "@git")
}

// Names that cannot all be in a recipe are none that are left out of it.
func TestGitEndless(t *testing.T) {
	dir, spec := inRepo(t)
	put(t, dir, "git", "#!/bin/sh\nexec yes a name\n")
	require.NoError(t, os.Chmod(filepath.Join(dir, "git"), 0o755))
	spec.Environ, spec.Files = []string{"PATH=" + dir + ":/bin:/usr/bin"}, []string{"@git"}
	_, err := Capture(spec, nil)
	var tooLarge *TooLarge
	require.ErrorAs(t, err, &tooLarge)
}

// A list that a project names must be its own: its lines are shown.
func TestListWithin(t *testing.T) {
	dir, spec := inRepo(t)
	tree(t, dir, "secret hunter2", "p/n -> ../secret", "p/e -> ..")
	spec.Dir = filepath.Join(dir, "p")
	for _, list := range []string{"@n", "@e/secret", "@../secret"} {
		spec.Files = []string{Within(list, ".")}
		_, err := Capture(spec, nil)
		var e *InputError
		require.ErrorAs(t, err, &e)
		require.ErrorContains(t, err, "path escapes from parent")
	}
}

// Something is asked of Git where it cannot answer, in whatever was learned: that is a state of its own.
func TestLearnedLists(t *testing.T) {
	dir, spec := inRepo(t)
	spec.Environ = append(gitEnviron(dir), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	r, err := Capture(spec, nil)
	require.NoError(t, err)
	extended := func() string {
		e, err := Extend(r, spec, Learned{Files: []string{"@git", "@list"}}, nil)
		require.NoError(t, err)
		return string(e.Text)
	}
	none := extended()
	require.Contains(t, none, "file \".\" unreachable\nfile \"list\" absent\n")
	runGit(t, dir, "init -q .")
	require.NotEqual(t, none, extended())
}

func TestRebased(t *testing.T) {
	into := func(name string) string { return "up/" + name }
	cases := []struct{ pattern, want string }{
		{"a", "up/a"},
		{Except("a/*", []string{"a/b", "c"}), Except("up/a/*", []string{"up/a/b", "up/c"})},
		{"@git", "@git\x00<up/."},
		{"@git:a", "@git:a\x00<up/."},
		{From("@l", "d"), "@l\x00<up/d"},
		{Except(Within("@l", "d"), []string{"e"}), "@l\x00(up/d\x00!up/e"},
	}
	for _, c := range cases {
		require.Equal(t, c.want, Rebased(c.pattern, into))
		require.Equal(t, c.pattern, Rebased(c.pattern, func(name string) string { return name }))
	}
	require.Equal(t, "@l from d except \"e f\"", ShowPattern(Except(Within("@l", "d"), []string{"e f"})))
}
