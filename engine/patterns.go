package engine

import (
	"path"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
)

// fewNames is how many files of one directory and one ending are named one by one; more become a glob.
const fewNames = 4

// Patterns returns patterns of files that cover names: globs in place of many files of one directory that end alike.
func Patterns(names []string) []string {
	type group struct{ dir, ext string }
	groups := map[group][]string{}
	for _, name := range names {
		g := group{path.Dir(name), path.Ext(name)}
		groups[g] = append(groups[g], name)
	}
	var patterns []string
	for g, all := range groups {
		if len(all) > fewNames {
			patterns = append(patterns, inDirectory(g.dir, "*"+hashing.EscapeGlob(g.ext)))
			continue
		}
		for _, name := range all {
			patterns = append(patterns, literal(name))
		}
	}
	slices.Sort(patterns)
	return slices.Compact(patterns)
}

// ListPatterns returns patterns of what directories hold.
func ListPatterns(dirs []string) (patterns []string) {
	for _, dir := range dirs {
		patterns = append(patterns, inDirectory(dir, "*"))
	}
	return patterns
}

func inDirectory(dir, glob string) string {
	if dir == "." {
		return glob
	}
	return strings.TrimSuffix(hashing.EscapeGlob(dir), "/") + "/" + glob
}
