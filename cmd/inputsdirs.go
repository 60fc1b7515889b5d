package cmd

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// longRule is how many patterns a rule has at most that a person would write down.
const longRule = 100

// wholeDirectories lists the uppermost directories that were listed with all below, and of which every file was read:
// their names say the same as many patterns do. What is in .git counts only if that is named.
func wholeDirectories(read, listed []string) (whole wholes) {
	isRead, isListed := set(read), set(listed)
	dirs := slices.Clone(listed)
	slices.SortFunc(dirs, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	if at := slices.Index(dirs, "."); at > 0 {
		dirs = slices.Insert(slices.Delete(dirs, at, at+1), 0, ".")
	}
	for _, dir := range dirs {
		if whole.cover(dir) {
			continue
		}
		files := 0
		err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
			switch name = filepath.ToSlash(name); {
			case err != nil:
				return err
			case e.IsDir() && name != dir && e.Name() == ".git":
				return filepath.SkipDir
			case e.IsDir() && !isListed[name], e.Type().IsRegular() && !isRead[name]:
				return fs.ErrNotExist
			case e.Type().IsRegular():
				files++
			}
			return nil
		})
		if err == nil && files > 0 {
			whole = append(whole, dir)
		}
	}
	return whole
}

func set(names []string) map[string]bool {
	all := make(map[string]bool, len(names))
	for _, name := range names {
		all[name] = true
	}
	return all
}

// wholes are directories whose names stand for all that is in them.
type wholes []string

func (w wholes) cover(name string) bool {
	return slices.ContainsFunc(w, func(dir string) bool {
		rest, below := strings.CutPrefix(name, dir+"/")
		if dir == "." {
			rest, below = name, filepath.IsLocal(name)
		}
		return name == dir || below && !slices.Contains(strings.Split(rest, "/"), ".git")
	})
}

// without leaves out what is covered.
func (w wholes) without(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), w.cover)
}
