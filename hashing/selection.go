package hashing

import (
	"cmp"
	"slices"
	"strings"
)

// A selection is an element of Spec.Files: a name, a glob or a list, and what is left out of the files that it names.
// What is left out belongs to the one selection, so that selections of several people can be put together, and none
// takes anything from another.
type selection struct {
	pattern string // without what says that it is a list
	kind    selectionKind
	except  []string
	base    string  // of a list: the directory where its own name and those in it begin
	within  bool    // the file with the list must lie in base
	left    []cover // except, taken apart
}

type selectionKind uint8

const (
	byPattern selectionKind = iota // a name or a glob
	byFile                         // a file lists the names
	byGit                          // Git lists those of its repository
	byGitIn                        // Git lists those below a directory
)

// Lists begin with these marks.
const (
	listMark    = "@" // and then the name of a file, as in @names.txt
	gitList     = "@git"
	gitListMark = "@git:" // and then the name of a directory
)

// These marks stand between the parts of a selection, in front of the last. No path holds them.
const (
	partMark   = "\x00"
	exceptMark = "\x00!" // a pattern of files that are left out
	fromMark   = "\x00<" // base
	withinMark = "\x00(" // base, and within is set
)

// Except returns a file pattern without the files that others name.
func Except(pattern string, left []string) string {
	return strings.Join(append([]string{pattern}, left...), exceptMark)
}

// From returns a list of files whose names begin in a directory, and not in the working directory. What is no list
// stays as it is.
func From(pattern, dir string) string {
	if !strings.HasPrefix(pattern, listMark) || tidy(dir) == "." {
		return pattern
	}
	return pattern + fromMark + dir
}

// Within is From for the list of somebody who need not be trusted. The file with the list must lie in the directory,
// for its lines are written into recipes.
func Within(pattern, dir string) string { return pattern + withinMark + dir }

// Rebased applies a change to each name and glob of a file pattern. Of a list, that is the directory where its names
// begin.
func Rebased(pattern string, change func(string) string) string {
	s := cutSelection(pattern)
	for i, part := range s.except {
		s.except[i] = change(part)
	}
	switch {
	case s.kind == byPattern:
		pattern = change(s.pattern)
	case s.within:
		pattern = Within(s.listed(), change(s.base))
	default:
		pattern = From(s.listed(), change(s.base))
	}
	return Except(pattern, s.except)
}

// ShowPattern returns a file pattern for people.
func ShowPattern(pattern string) string {
	s := cutSelection(pattern)
	text := Show(s.listed())
	if s.base != "." {
		text += " from " + Show(s.base)
	}
	for _, left := range s.except {
		text += " except " + Show(left)
	}
	return text
}

// cutSelection takes a selection apart.
func cutSelection(text string) selection {
	parts := strings.Split(text, partMark)
	s := selection{pattern: parts[0], base: "."}
	for _, part := range parts[1:] {
		switch mark := partMark + part[:min(1, len(part))]; mark {
		case exceptMark:
			s.except = append(s.except, part[1:])
		case fromMark, withinMark:
			s.base, s.within = tidy(part[1:]), mark == withinMark
		default:
			s.pattern += partMark + part // check refuses it
		}
	}
	s.pattern, s.kind = cutList(s.pattern)
	return s
}

func cutList(pattern string) (string, selectionKind) {
	if pattern == gitList {
		return "", byGit
	}
	if dir, ok := strings.CutPrefix(pattern, gitListMark); ok {
		return dir, byGitIn
	}
	if file, ok := strings.CutPrefix(pattern, listMark); ok {
		return file, byFile
	}
	return pattern, byPattern
}

// parseSelection takes a selection apart, and writes each name in its shortest form.
func parseSelection(text string) selection {
	s := cutSelection(text)
	if s.pattern != "" {
		s.pattern = tidy(s.pattern)
	}
	for i, pattern := range s.except {
		s.except[i] = tidy(pattern)
	}
	s.except = sortedSet(s.except)
	for _, pattern := range s.except {
		s.left = append(s.left, parseCover(pattern))
	}
	return s
}

// listed is the pattern with the mark of a list.
func (s *selection) listed() string {
	switch s.kind {
	case byGit:
		return gitList
	case byGitIn:
		return gitListMark + s.pattern
	case byFile:
		return listMark + s.pattern
	}
	return s.pattern
}

// label is the pattern in a recipe: a name that begins like a list is told from one.
func (s *selection) label() string {
	text := s.listed()
	if _, kind := cutList(text); kind == s.kind {
		return text
	}
	if s.kind == byFile {
		return listMark + "./" + s.pattern
	}
	return "./" + s.pattern
}

func (s *selection) check() error {
	if s.pattern == "" && s.kind != byGit {
		return errEmpty
	}
	for _, pattern := range append(s.except, s.pattern, s.base) {
		if strings.Contains(pattern, partMark) {
			return errNUL
		}
	}
	globs := s.except
	if s.kind == byPattern {
		globs = append(slices.Clip(globs), s.pattern)
	}
	for _, pattern := range globs {
		if !IsGlob(pattern) {
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
	for i := range s.left {
		if s.left[i].covers(name) {
			return true
		}
	}
	return false
}

// selections are those of the spec, sorted, each once.
func (c *capture) selections() []selection {
	var all []selection
	for _, text := range c.spec.Files {
		all = append(all, parseSelection(text))
	}
	order := func(a, b selection) int {
		return cmp.Or(
			strings.Compare(a.label(), b.label()), strings.Compare(a.base, b.base), compareBools(a.within, b.within),
			slices.Compare(a.except, b.except),
		)
	}
	slices.SortFunc(all, order)
	return slices.CompactFunc(all, func(a, b selection) bool { return order(a, b) == 0 })
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func appendSelection(text []byte, s *selection) []byte {
	text = appendQuoted(append(text, "file-match "...), s.label())
	switch {
	case s.within:
		text = appendQuoted(append(text, " within "...), s.base)
	case s.base != ".":
		text = appendQuoted(append(text, " from "...), s.base)
	}
	for _, pattern := range s.except {
		text = appendQuoted(append(text, " except "...), pattern)
	}
	return append(text, '\n')
}
