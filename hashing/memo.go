package hashing

import "strings"

// BeyondMemo returns what is left of a spec when all is taken away that a memo of a hit carries. Anything that is left
// forbids one.
func BeyondMemo(spec Spec) Spec {
	left := spec
	for _, k := range kinds {
		if k.memo != nil {
			k.memo(&spec, &left)
		}
	}
	return left
}

// BeyondMemo names a kind of fact in a recipe that no memo carries.
func (r Recipe) BeyondMemo() (kind string, found bool) {
	for _, k := range kinds {
		if k.memo == nil && r.has(k.name+" ") {
			return k.name, true
		}
	}
	return "", false
}

// inAddress is of kinds that take nothing of a spec, and follow from the address of a memo: from the program that makes
// it, the user, the words and the directory; or from what another kind takes.
func inAddress(_, _ *Spec) {}

// beyondLooks are the patterns of which LooksOf does not tell.
func beyondLooks(patterns []string) (beyond []string) {
	for _, pattern := range patterns {
		s := cutSelection(pattern)
		if s.within || s.kind == byGit || s.kind == byGitIn || strings.HasPrefix(pattern, "!") {
			beyond = append(beyond, pattern)
		}
	}
	return beyond
}

func isDirectory(path string) bool {
	at, err := lookAt(path, true)
	return err == nil && at.kind == kindDirectory
}
