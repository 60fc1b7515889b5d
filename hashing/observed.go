package hashing

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/hashing/env"
)

// A run that is observed shows itself what it depends on. Its recipe says only what is known before; that is extended
// by each path that the run was seen to use, in the state in which it was, and by its environment. A later run looks at
// the same paths in the same ways: if all are as they were, what the run wrote then is what it would write now.

// Observed returns the recipe r of a run extended by what the run was seen to use, as it is now. What was changed by
// others since the run began may have been another input, and is an error, as is what cannot be compared with a later
// state.
func Observed(r Recipe, spec Spec, run Sights, digests Digests) (Recipe, error) {
	return newObserver(spec, digests).observed(r, run)
}

func (o *observer) observed(r Recipe, run Sights) (Recipe, error) {
	o.recording, o.since, o.busy, o.first = true, run.Since, run.Busy, run.First
	o.shellVariables, o.tools, o.earlier = run.ShellVariables, run.Tools, run.Earlier
	o.onlyNamed, o.variables = o.c.spec.Depfile != "", run.Variables
	sights := o.ordered(o.withAbove(run.Paths))
	lines := make([][]byte, len(sights))
	all := wholeOf(sights)
	err := inParts(len(sights), func(from, to int) (err error) {
		const usual = 192 // bytes of a line
		text := make([]byte, 0, (to-from)*usual)
		for i := from; i < to; i++ {
			begin := len(text)
			if text, err = o.line(text, sights[i], all); err != nil {
				return err
			}
			lines[i] = text[begin:]
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	text := o.environment(slices.Clip(slices.Clone(r.Text)))
	length := 0
	for _, line := range lines {
		length += len(line)
	}
	text = slices.Grow(text, length)
	for _, line := range lines {
		text = append(text, line...)
	}
	if len(text) > MaxRecipe {
		return r, &TooLarge{Limit: MaxRecipe}
	}
	r.Text, r.Key = text, sha256.Sum256(text)
	return r, nil
}

// Unchanged compares what a run was seen to use with the present: observed is its recipe as Observed made it, r that of
// the run that asks, without. The difference is the first, and empty if there is none; err: nobody can tell.
func Unchanged(observed, r Recipe, spec Spec, digests Digests) (difference string, err error) {
	return newObserver(spec, digests).unchanged(observed, r)
}

func (o *observer) unchanged(observed, r Recipe) (difference string, err error) {
	paths, difference, err := o.around(observed, r)
	if err != nil || difference != "" {
		return difference, err
	}
	return o.compare(observed.Key, paths)
}

// around compares what an observed run depends on besides paths, and returns the lines about these.
func (o *observer) around(observed, r Recipe) (paths []byte, difference string, err error) {
	rest, ok := bytes.CutPrefix(observed.Text, r.Text)
	if !ok {
		return nil, "", errRecipe
	}
	for _, name := range ShellVariables() {
		if bytes.Contains(rest, []byte(seenEnvFact.name+" \""+name+"\" ")) {
			o.shellVariables = append(o.shellVariables, name)
		}
	}
	o.tools = seenTools(rest)
	if o.onlyNamed = o.c.spec.Depfile != ""; o.onlyNamed {
		o.variables = namedVariables(rest)
	}
	environment := o.environment(nil)
	before, paths := cutPaths(rest)
	if !bytes.Equal(before, environment) {
		return paths, firstDifference(before, environment), nil
	}
	return paths, "", nil
}

// cutPaths cuts what a recipe says of an observed run where the lines about paths begin.
func cutPaths(rest []byte) (before, paths []byte) {
	at := bytes.Index(rest, []byte("\n"+seenFact.name+" ")) + 1 // 0: no path was seen
	if bytes.HasPrefix(rest, []byte(seenFact.name+" ")) {
		at = 0
	} else if at == 0 {
		at = len(rest)
	}
	return rest[:at], rest[at:]
}

// firstDifference says for people what differs first between two texts of facts.
func firstDifference(old, recent []byte) string {
	changes := Diff(append([]byte(header), old...), append([]byte(header), recent...))
	if len(changes) == 0 {
		return "something changed"
	}
	return changes[0].Text
}

// observer looks at paths for recipes.
type observer struct {
	c       *capture
	since   int64           // no file may have been changed later; 0: whenever
	busy    map[string]bool // directories that may
	first   func(path string) (led, itself File)
	earlier map[string]*Earlier

	recording bool // what is seen is written down for the first time

	above []root // directories above the repository
	roots []root // places whose names are the same everywhere

	tools          []string // whose variables count; nil: all do
	shellVariables []string // those that count
	onlyNamed      bool     // no variables count but these
	variables      []string
	places         sync.Map // what place has found
	groups         func() []int
	user           int
}

// root is a directory that a recipe does not name by its path.
type root struct{ name, path string }

// The roots.
const (
	rootOfRepo = "repo:"
	rootOfHome = "home:"
)

func newObserver(spec Spec, digests Digests) *observer {
	o := &observer{
		c: newCapture(spec, digests, time.Now()), groups: sync.OnceValue(groupsOfProcess), user: os.Geteuid(),
	}
	if spec.Cwd == CwdRepo {
		if repo, ok := RepoRoot(spec.Dir, nil); ok {
			o.roots = append(o.roots, root{rootOfRepo, repo})
			o.above = above(repo)
		}
		if home, ok := env.Lookup(spec.Environ, "HOME"); ok && filepath.IsAbs(home) && filepath.Dir(home) != home {
			o.roots = append(o.roots, root{rootOfHome, filepath.Clean(home)})
		}
	}
	return o
}

// name is a path as a recipe has it.
func (o *observer) name(path string) string {
	for _, root := range o.roots {
		if below, ok := strings.CutPrefix(path, root.path); ok && (below == "" || below[0] == '/') {
			return root.name + below
		}
	}
	return path
}

// path is the reverse.
func (o *observer) path(name string) string {
	for _, root := range o.roots {
		if below, ok := strings.CutPrefix(name, root.name); ok {
			return root.path + below
		}
	}
	return name
}

// ordered puts what lies below the working directory first: it is what changes.
func (o *observer) ordered(sights []Sight) []Sight {
	near := o.c.spec.Dir
	if len(o.roots) > 0 && o.roots[0].name == rootOfRepo {
		near = o.roots[0].path
	}
	near = strings.TrimSuffix(near, "/") + "/"
	sights = slices.Clone(sights)
	slices.SortFunc(sights, func(a, b Sight) int { return strings.Compare(a.Path, b.Path) }) // mostly, they are
	ordered := make([]Sight, 0, len(sights))
	for _, far := range [...]bool{false, true} {
		for _, s := range sights {
			if strings.HasPrefix(s.Path, near) != far {
				ordered = append(ordered, s)
			}
		}
	}
	return ordered
}

// BeforeRun returns what the text of a recipe says that was known before the run: without what the run was seen to use.
func BeforeRun(text []byte) []byte {
	for _, k := range []*factKind{&seenToolsFact, &seenEnvFact, &seenFact} {
		if at := bytes.Index(text, []byte("\n"+k.name+" ")); at >= 0 {
			text = text[:at+1]
		}
	}
	return text
}

// WithObserved returns the recipe that Observed once made of r: text, if it is that.
func (r Recipe) WithObserved(text []byte) (Recipe, bool) {
	rest, ok := bytes.CutPrefix(text, r.Text)
	if !ok || len(rest) > 0 && !bytes.HasPrefix(rest, []byte("seen")) {
		return r, false
	}
	r.Text, r.Key = text, sha256.Sum256(text)
	return r, true
}
