package hashing

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// What a run uses above its repository is another thing in a clone that lies elsewhere, if the run asks for it by the
// way upwards: ../conf, or go.work, which is looked for in each directory up to the root. If it asks for it by an
// absolute path it is the same. Nobody can tell which, so with the paths of repositories left out both are compared:
// what is there by the absolute path, and by the way upwards. And for a program that goes up to the root as many
// directories have to be on its way.

// errDepth keeps a set of inputs from being that of a clone in another depth.
var errDepth = errors.New("files above the repository count, and this clone has more or fewer directories above it")

// above lists the directories above a repository but for the root, the lowest first.
func above(repo string) (dirs []root) {
	parents := parentsOf(repo)
	if len(parents) == 0 {
		return []root{{"above0of0:", "/"}} // which says how deep the repository lies
	}
	for i, dir := range parents {
		dirs = append(dirs, root{fmt.Sprintf("above%dof%d:", i+1, len(parents)), dir})
	}
	return dirs
}

func parentsOf(path string) (dirs []string) {
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
	}
	return dirs
}

// nameAbove is a path as it is reached from the repository upwards; empty: it is not.
func (o *observer) nameAbove(path string) string {
	for _, dir := range o.above {
		if isWithin(path, dir.path) {
			return dir.name + path[len(dir.path):]
		}
	}
	return ""
}

// pathAbove is the reverse.
func (o *observer) pathAbove(name string) (path string, ok bool) {
	for _, dir := range o.above {
		if below, ok := strings.CutPrefix(name, dir.name); ok {
			return dir.path + below, true
		}
	}
	return "", false
}

// withAbove adds to sights what lies above the repository by the way upwards.
func (o *observer) withAbove(sights []Sight) (all []Sight) {
	if len(o.roots) == 0 || o.roots[0].name != rootOfRepo {
		return sights
	}
	names := map[string]int{} // how many directories from the repository upwards were asked for each
	for _, s := range sights {
		if dir := filepath.Dir(s.Path); dir == o.roots[0].path || o.isAbove(dir) {
			names[filepath.Base(s.Path)]++
		}
	}
	for _, s := range sights {
		isAbove, searched := o.isAbove(s.Path), names[filepath.Base(s.Path)] > 1 && o.isAbove(filepath.Dir(s.Path))
		named := o.name(s.Path)
		switch {
		case filepath.Dir(s.Path) == "/" && searched && !isAbove:
			all = append(all, s, Sight{filepath.Dir(o.roots[0].path), useAbove})
			continue
		case s.Path == "/", strings.HasPrefix(named, rootOfRepo), !searched && !o.isNear(s.Path, named):
			all = append(all, s)
			continue
		case !isAbove || s.Uses&UseLink == 0 || s.Uses&(UseNames|UseContent|UseInode) != 0:
			all = append(all, s)
		} // else it was looked at on the way to something, to see whether it is a link
		s.Uses |= useAbove
		all = append(all, s)
	}
	return all
}

// public are directories of which what is in them is named by absolute paths.
var public = []string{"/usr", "/usr/local", "/var", "/home", "/tmp"}

// isNear reports whether a path is one that a run may ask for by the way upwards, other than by going up to the root:
// below a directory above the repository, but neither in the home directory nor, by more than one step, in a public
// one.
func (o *observer) isNear(path, named string) bool {
	if strings.HasPrefix(named, rootOfHome) {
		return false
	}
	for i, dir := range o.above {
		if isWithin(path, dir.path) {
			return path == dir.path || i == 0 || !slices.Contains(public, dir.path)
		}
	}
	return false
}

// isWithin reports whether a path is that of a directory, or below it.
func isWithin(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || rest[0] == '/')
}

// isAbove reports whether a path is a directory above the repository.
func (o *observer) isAbove(path string) bool {
	return path == "/" || strings.HasPrefix(o.roots[0].path, path+"/")
}
