package hashing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// A selection is an element of Spec.Files: a name, a glob or a list, and what is left out of the files that it names.
// What is left out belongs to the one selection, so that selections of several people can be put together, and none
// takes anything from another.
type selection struct {
	pattern string
	except  []string
	list    bool // pattern is a file with a list of names, or gitList
}

const (
	listMark = "@"   // begins a list: @names.txt
	gitList  = "git" // the files of the working directory that Git tracks, and those that it does not ignore
)

// exceptMark stands between a pattern and what is left out of it. No path holds it.
const exceptMark = "\x00!"

// Except returns a file pattern without the files that others name.
func Except(pattern string, left []string) string {
	return strings.Join(append([]string{pattern}, left...), exceptMark)
}

// Rebased applies a change to each name and glob of a file pattern; false: it names files by a list, whose names begin
// in the working directory whatever that is called.
func Rebased(pattern string, change func(string) string) (string, bool) {
	if strings.HasPrefix(pattern, listMark) {
		return pattern, false
	}
	parts := strings.Split(pattern, exceptMark)
	for i, part := range parts {
		parts[i] = change(part)
	}
	return strings.Join(parts, exceptMark), true
}

func parseSelection(text string) selection {
	parts := strings.Split(text, exceptMark)
	s := selection{pattern: parts[0], except: parts[1:]}
	if s.pattern, s.list = strings.CutPrefix(s.pattern, listMark); !s.list || s.pattern != gitList {
		s.pattern = tidy(s.pattern)
	}
	for i, pattern := range s.except {
		s.except[i] = tidy(pattern)
	}
	s.except = sortedSet(s.except)
	return s
}

func (s *selection) isGit() bool { return s.list && s.pattern == gitList }

// label is the pattern in a recipe: a name that begins like a list is told from one.
func (s *selection) label() string {
	switch {
	case s.list:
		return listMark + s.pattern
	case strings.HasPrefix(s.pattern, listMark):
		return "./" + s.pattern
	}
	return s.pattern
}

func (s *selection) check() error {
	if s.pattern == "" {
		return errEmpty
	}
	for _, pattern := range append(s.except, s.pattern) {
		if strings.Contains(pattern, "\x00") {
			return errNUL
		}
		if !IsGlob(pattern) || s.list && pattern == s.pattern {
			continue
		}
		if _, err := parseGlobs(pattern); err != nil {
			return err
		}
	}
	return nil
}

// leavesOut reports whether a name is one that the selection does not want.
func (s *selection) leavesOut(name string) bool {
	return slices.ContainsFunc(s.except, func(pattern string) bool { return coversFile(pattern, name) })
}

// selections are those of the spec, sorted, each once.
func (c *capture) selections() []selection {
	var all []selection
	for _, text := range c.spec.Files {
		all = append(all, parseSelection(text))
	}
	order := func(a, b selection) int {
		if by := strings.Compare(a.label(), b.label()); by != 0 {
			return by
		}
		return slices.Compare(a.except, b.except)
	}
	slices.SortFunc(all, order)
	return slices.CompactFunc(all, func(a, b selection) bool { return order(a, b) == 0 })
}

func appendSelection(text []byte, s *selection) []byte {
	text = appendQuoted(append(text, "file-match "...), s.label())
	for _, pattern := range s.except {
		text = appendQuoted(append(text, " except "...), pattern)
	}
	return append(text, '\n')
}

// listed adds the files of a list. The list itself is one of them.
func (w *walk) listed(c *capture, s *selection) error {
	names, err := c.names(w, s)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.named(tidy(name), false); err != nil {
			return err
		}
	}
	return nil
}

func (c *capture) names(w *walk, s *selection) ([]string, error) {
	if s.isGit() {
		return gitNames(c.spec)
	}
	if err := w.named(s.pattern, false); err != nil {
		return nil, err
	}
	text, err := readList(absolute(s.pattern, c.spec.Dir))
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, &InputError{Path: s.pattern, Err: cause(err)}
	}
	return cutList(text), nil
}

func readList(path string) ([]byte, error) {
	f, err := openContent(path, true)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxRecipe+1))
	if err == nil && len(text) > MaxRecipe {
		err = &TooLarge{Limit: MaxRecipe}
	}
	return text, err
}

// cutList cuts a list into names: at NULs if it has one, else at line feeds.
func cutList(text []byte) (names []string) {
	separator := "\n"
	if bytes.IndexByte(text, 0) >= 0 {
		separator = "\x00"
	}
	for name := range strings.SplitSeq(string(text), separator) {
		if separator == "\n" {
			name = strings.TrimSuffix(name, "\r")
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// gitNames asks Git. A repository may name a program that Git would run to know what changed; it is not.
func gitNames(spec *Spec) ([]string, error) {
	bad := func(err error) ([]string, error) { return nil, &InputError{Path: listMark + gitList, Err: err} }
	git, err := LookPath("git", spec.Dir, spec.Environ)
	if err != nil {
		return bad(err)
	}
	var said bytes.Buffer
	cmd := exec.Cmd{
		Path: absolute(git, spec.Dir), Dir: spec.Dir, Env: spec.Environ, Stderr: &said,
		Args: []string{
			"git", "-c", "core.fsmonitor=false", "ls-files", "-z", "--cached", "--others", "--exclude-standard",
		},
	}
	text, err := cmd.Output()
	if err != nil {
		line, _, _ := strings.Cut(said.String(), "\n")
		return bad(fmt.Errorf("git ls-files: %w", errors.Join(err, errors.New(Show(line)))))
	}
	return cutList(append(text, 0)), nil
}
