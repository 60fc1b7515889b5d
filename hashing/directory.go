package hashing

import (
	"path/filepath"
	"strings"
)

// appendDirectory adds the working directory: the name that the command knows it by, and, where symbolic links are on the way, the place
// that this stands for now (/srv/current is another directory after each release). Or, under CwdRepo, the place below the root of its
// repository, and what names that wherever it is.
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
	root, found := repoRoot(place)
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
