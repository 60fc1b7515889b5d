package hashing

import (
	"bytes"
	"path/filepath"
	"strings"
)

var directoryFact = factKind{
	name: FactDirectory, add: (*capture).addDirectory, parse: parseDirectory, change: changedDirectory, order: ofPlace,
	report: reportRepo, memo: memoOfDirectory,
}

func (c *capture) addDirectory() error {
	if c.spec.Name == "" {
		start := len(c.text)
		c.text = appendDirectory(c.text, c.spec)
		c.command = commandID(c.spec, c.text[start:])
	}
	return nil
}

// appendDirectory adds the working directory: the name that the command knows it by, and, where symbolic links are on
// the way, the place that this stands for now (/srv/current is another directory after each release). Or, under
// CwdRepo, the place below the root of its repository, and what names that wherever it is.
func appendDirectory(text []byte, spec *Spec) []byte {
	text = append(text, "directory "...)
	if spec.Cwd == CwdNone {
		return append(text, "none\n"...)
	}
	place, err := filepath.EvalSymlinks(spec.Dir)
	if err != nil {
		place = spec.Dir
	}
	if spec.Cwd == CwdPath {
		return append(appendPath(text, spec.Dir, place), '\n')
	}
	text = appendRepo(text, spec, place)
	if spec.ProjectRepo != "" {
		text = appendGuarded(append(text, " project "...), spec.ProjectRepo, spec.Secret)
	}
	return append(text, '\n')
}

func appendPath(text []byte, dir, place string) []byte {
	text = appendQuoted(append(text, "path "...), dir)
	if place != dir {
		text = appendQuoted(append(text, " real "...), place)
	}
	return text
}

// appendRepo adds the place in a repository; the path where there is none, or nothing but its path names it.
func appendRepo(text []byte, spec *Spec, place string) []byte {
	root, found := repoRoot(place, nil)
	if !found {
		return appendPath(text, spec.Dir, place)
	}
	name, ok := spec.repoName(root)
	if !ok {
		return appendPath(text, spec.Dir, place)
	}
	text = appendQuoted(append(text, "repo "...), below(root, place))
	return appendGuarded(append(text, " of "...), name, spec.Secret)
}

// below returns where place is below the root, with slashes; "." if it is the root.
func below(root, place string) string {
	rest := strings.TrimLeft(filepath.ToSlash(place[len(root):]), "/")
	if rest == "" {
		return "."
	}
	return rest
}

// memoOfDirectory: the directory is in the address. Where a repository begins depends on more.
func memoOfDirectory(spec, left *Spec) {
	left.Dir = ""
	if spec.Cwd != CwdRepo {
		left.Cwd = 0
	}
}

// reportRepo: what the repository is called may change, and the result with it.
func reportRepo(_ *Recipe, spec *Spec, to *Report) {
	files, variables := RepoInputs(*spec)
	to.Config, to.Env = append(to.Config, files...), append(to.Env, variables...)
}

func parseDirectory(r *reader, _ *Fact) {
	if r.try("none") {
		return
	}
	if r.try("repo ") {
		r.quoted()
		r.expect(" of ")
		r.word()
	} else {
		r.expect("path ")
		if r.quoted(); r.try(" real ") {
			r.quoted()
		}
	}
	if r.try(" project ") {
		r.word()
	}
}

func changedDirectory(_ *differ, s states) string {
	if s.had && s.has {
		return "directory " + ShowDirectory(s.old) + " -> " + ShowDirectory(s.recent)
	}
	return "directory changed"
}

// ShowDirectory returns the directory of a directory fact for people; one below a repository root is shown as such.
func ShowDirectory(value string) string {
	r := &reader{rest: value}
	var place string
	switch {
	case r.try("repo "):
		place = "repo:" + Show(r.quoted())
		r.expect(" of ")
		place += " of " + r.shownWord() + r.project()
	case r.try("path "):
		place = Show(r.quoted())
		if r.try(" real ") {
			place += " (" + Show(r.quoted()) + ")"
		}
		place += r.project()
	}
	if r.failed || r.rest != "" { // none, or in words of another version
		return Show(value)
	}
	return place
}

// CutDirectory returns what a recipe says before its directory, which is the command, and the value of that fact.
func CutDirectory(recipe []byte) (command, value []byte, ok bool) {
	command, rest, ok := bytes.Cut(recipe, []byte("\ndirectory "))
	value, _, _ = bytes.Cut(rest, []byte("\n"))
	return command, value, ok
}

// DirectoryPath returns the path of a directory fact; empty if the recipe holds none.
func DirectoryPath(value string) string {
	r := &reader{rest: value}
	if !r.try("path ") {
		return ""
	}
	return r.quoted()
}

// project shows what a project file adds to a directory.
func (r *reader) project() string {
	if !r.try(" project ") {
		return ""
	}
	return " of project " + r.shownWord()
}

// LacksRepo reports whether a recipe of a spec that asks for the repository has the path in its place: none was found,
// or nothing names it that means the same everywhere.
func LacksRepo(r Recipe, spec *Spec) bool { return spec.Cwd == CwdRepo && r.has("directory path ") }

// SharesRepo reports whether another clone of the repository, in another place, has the same recipe.
func (r Recipe) SharesRepo() bool { return r.has("directory repo ") }
