package hashing

import (
	"os"
	"path/filepath"
	"strings"
)

// appendDirectory adds the working directory: the name that the command knows it by, and, where symbolic links are on the way, the place
// that this stands for now (/srv/current is another directory after each release).
func appendDirectory(text []byte, dir string, mode CwdMode) []byte {
	text = append(text, "directory "...)
	if mode == CwdNone {
		return append(text, "none\n"...)
	}
	place, err := filepath.EvalSymlinks(dir)
	if err != nil {
		place = dir
	}
	if mode == CwdRepo {
		if root, ok := repoRoot(place); ok {
			return append(appendQuoted(append(text, "repo "...), below(root, place)), '\n')
		}
	}
	text = appendQuoted(append(text, "path "...), dir)
	if place != dir {
		text = appendQuoted(append(text, " real "...), place)
	}
	return append(text, '\n')
}

// RepoRoot returns the nearest directory, dir itself or above it, that a version control system marks as its root. Symbolic links in
// dir are resolved first, as these systems do.
func RepoRoot(dir string) (string, bool) {
	place, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", false
	}
	return repoRoot(place)
}

func repoRoot(place string) (string, bool) {
	for {
		if isRepoRoot(place) {
			return place, true
		}
		parent := filepath.Dir(place)
		if parent == place {
			return "", false
		}
		place = parent
	}
}

// below returns where place is below the root, with slashes; "." if it is the root.
func below(root, place string) string {
	rest := strings.TrimLeft(filepath.ToSlash(place[len(root):]), "/")
	if rest == "" {
		return "."
	}
	return rest
}

// RepoMarks are the names that version control systems give what they keep in a root, in the order in which they are looked for.
func RepoMarks() []string { return []string{".git", ".hg", ".jj", ".svn"} }

func isRepoRoot(dir string) bool {
	for _, mark := range RepoMarks() {
		if _, err := os.Lstat(filepath.Join(dir, mark)); err == nil {
			return true
		}
	}
	return false
}
