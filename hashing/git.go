package hashing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cachex-cli/cachex/hashing/env"
)

// git asks Git for the names of the files that it tracks and of those that it does not ignore. It is asked each time:
// its answer rests on the index, on ignore files in each directory and elsewhere, on configuration, variables, and on
// what is in every directory; to look at all that is what Git does, in about half the time of git status.
//
// The repository need not be trusted. So nothing that it names is run, nothing is fetched, and nothing is written.
type git struct {
	program string
	environ []string
	dir     string   // of the spec
	at      string   // where Git runs, from there: names in its answer begin here
	paths   []string // what is asked for
	label   string   // of the selection, for errors
}

const gitTodo = "run it in a clone, or name the files in another way, as in --file 'src/**'"

var errNoGit = errors.New("the program git is not in PATH")

// unwantedVariables say how Git takes paths; what is wanted is written in them.
func unwantedVariables() []string {
	return []string{
		"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
	}
}

// localVariables are about one repository, and not about those inside of it: git rev-parse --local-env-vars, less what
// is configuration of the caller.
func localVariables() []string {
	return []string{
		"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE",
		"GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE",
		"GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_INTERNAL_SUPER_PREFIX",
	}
}

// newGit prepares what a selection asks of Git.
func newGit(spec *Spec, s *selection) (*git, error) {
	program, err := LookPath("git", spec.Dir, spec.Environ)
	g := &git{dir: spec.Dir, at: s.base, label: ShowPattern(Rebased(s.listed(), func(string) string { return s.base }))}
	if err != nil {
		return nil, g.cannot(errNoGit)
	}
	g.program = absolute(program, spec.Dir)
	g.environ = append(withoutVariables(spec.Environ, unwantedVariables()),
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", // a clone without all objects would run programs to get them
		"CACHEX_NO_CACHE=true", // git may be a wrapper that calls cachex with these very files
	)
	rest := ""
	if s.kind == byGitIn {
		g.at, rest = nearestDirectory(s.inBase(s.pattern), spec.Dir)
	}
	physical, err := filepath.EvalSymlinks(absolute(g.at, spec.Dir))
	if err != nil {
		return nil, g.cannot(cause(err))
	}
	if err := g.fixTree(); err != nil {
		return nil, err
	}
	// Git names files relative to where it runs, if that is in the working tree: else it goes there first. A path
	// outside of it is an error. So this directory, or a place in it, is always among what is asked for.
	g.paths = []string{literally(physical, rest)}
	if s.kind == byGit {
		g.paths = append(g.paths, ":/")
	}
	return g, nil
}

// fixTree writes variables that say where the repository and its working tree are in a form that means the same
// everywhere: they may be relative, and the first alone makes a working tree of the directory where Git runs.
func (g *git) fixTree() error {
	_, dir := env.Lookup(g.environ, "GIT_DIR")
	if _, tree := env.Lookup(g.environ, "GIT_WORK_TREE"); !dir && !tree {
		return nil
	}
	here := *g
	here.at = "."
	out, err := here.output("rev-parse", "--absolute-git-dir", "--show-toplevel")
	if err != nil {
		return err
	}
	places := strings.SplitN(string(out), "\n", 3)
	if len(places) < 3 {
		return g.cannot(errGitFile)
	}
	g.environ = append(withoutVariables(g.environ, []string{"GIT_DIR", "GIT_WORK_TREE"}),
		"GIT_DIR="+places[0], "GIT_WORK_TREE="+places[1])
	return nil
}

func literally(dir, rest string) string {
	return ":(literal)" + filepath.ToSlash(filepath.Join(dir, filepath.FromSlash(rest)))
}

// nearestDirectory cuts a name behind the part of it that is a directory now. Of what was removed Git still knows what
// it tracks.
func nearestDirectory(name, dir string) (at, rest string) {
	for at = name; ; {
		if look, err := lookAt(absolute(at, dir), true); err == nil && look.kind == kindDirectory {
			return at, rest
		}
		cut := strings.LastIndexByte(at, '/')
		last := at[cut+1:]
		rest = strings.TrimSuffix(last+"/"+rest, "/")
		switch {
		case cut < 0:
			return ".", rest
		case cut == 0:
			return "/", rest
		}
		at = at[:cut]
	}
}

// inside is about the repository in a directory below.
func (g *git) inside(name string) (*git, []string) {
	inner := *g
	inner.at = name
	inner.environ = append(withoutVariables(g.environ, localVariables()), "GIT_DIR=.git") // and no other one, above
	physical, err := filepath.EvalSymlinks(absolute(name, g.dir))
	if err != nil {
		physical = absolute(name, g.dir)
	}
	return &inner, []string{literally(physical, "")}
}

// list returns the names of files, from where Git runs; of a repository inside this one, that of its directory.
func (g *git) list(paths []string) ([]string, error) {
	words := []string{"ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"}
	out, err := g.output(append(words, paths...)...)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Compact(cutNames(append(out, 0))), IsTemporary), nil
}

func (g *git) output(args ...string) ([]byte, error) {
	said := &firstLine{}
	out := &bounded{left: MaxRecipe}
	cmd := g.command(args)
	cmd.Stdout, cmd.Stderr = out, said
	err := cmd.Run()
	switch {
	case out.full:
		return nil, &TooLarge{Limit: MaxRecipe}
	case err == nil:
		return out.bytes, nil
	}
	why := fmt.Errorf("git %s: %w", args[0], said.or(err))
	if g.hasTree() {
		return nil, &InputError{Path: g.label, Err: why}
	}
	return nil, g.cannot(why)
}

// hasTree reports whether Git is in a working tree: then there is no mistake of the caller's.
func (g *git) hasTree() bool {
	out, err := g.command([]string{"rev-parse", "--is-inside-work-tree"}).Output()
	return err == nil && strings.TrimSpace(string(out)) == "true"
}

func (g *git) command(args []string) *exec.Cmd {
	return &exec.Cmd{
		Path: g.program, Dir: absolute(g.at, g.dir), Env: g.environ,
		Args: append([]string{"git", "-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit"}, args...),
	}
}

func (g *git) cannot(err error) error {
	return &PatternError{Kind: "file", Pattern: g.label, Err: err, Todo: gitTodo}
}

// withoutVariables leaves out variables, and all but the first of one name: that is what programs see.
func withoutVariables(environ, variables []string) []string {
	seen := map[string]bool{}
	for _, name := range variables {
		seen[name] = true
	}
	var left []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if !seen[env.Canonical(name)] {
			left = append(left, variable)
		}
		seen[env.Canonical(name)] = true
	}
	return left
}

// bounded takes so many bytes and no more. It has no other method by which it could be given some.
type bounded struct {
	bytes []byte
	left  int
	full  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		b.full = true
		return 0, io.ErrShortWrite
	}
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

// firstLine keeps the beginning of what is written, for people.
type firstLine struct{ text []byte }

func (l *firstLine) Write(p []byte) (int, error) {
	const most = 500
	l.text = append(l.text, p[:min(len(p), most-len(l.text))]...)
	return len(p), nil
}

// or returns the line as an error, without the word with which Git begins; another one if there is none.
func (l *firstLine) or(err error) error {
	line, _, _ := bytes.Cut(l.text, []byte("\n"))
	if line = bytes.TrimPrefix(line, []byte("fatal: ")); len(line) == 0 {
		return err
	}
	return errors.New(strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '?'
	}, string(line)))
}
