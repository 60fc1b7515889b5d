package outputs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/hashing"
)

// Tree is where the outputs of one command lie: its working directory, and the directories of those that are named
// absolutely. Names are as in a list. No link leads out of the directory in which a name begins.
type Tree struct {
	dir    string
	work   *os.Root
	others []*os.Root // those of absolute patterns
}

// OpenTree opens the working directory, and of each absolute pattern the directory in which it begins, or the nearest
// one above that is there.
func OpenTree(dir string, patterns []string) (*Tree, error) {
	work, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	t := &Tree{dir: dir, work: work}
	for _, pattern := range patterns {
		if !hashing.IsAbsoluteOutput(pattern) {
			continue
		}
		if err := t.openAbove(path.Dir(hashing.OutputSet([]string{pattern}).Base())); err != nil {
			t.Close()
			return nil, err
		}
	}
	return t, nil
}

func (t *Tree) openAbove(dir string) error {
	for {
		for _, root := range t.others {
			if filepath.ToSlash(root.Name()) == dir {
				return nil
			}
		}
		root, err := os.OpenRoot(filepath.FromSlash(dir))
		if err == nil {
			t.others = append(t.others, root)
			return nil
		}
		above := path.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || above == dir {
			return err
		}
		dir = above
	}
}

// Close closes the directories.
func (t *Tree) Close() {
	_ = t.work.Close()
	for _, root := range t.others {
		_ = root.Close()
	}
}

// Path is where a name lies.
func (t *Tree) Path(name string) string { return hashing.OutputPath(t.dir, name) }

var errNowhere = errors.New("it lies where no output was named")

// at is the directory in which a name begins, and the name from there. What lies in several belongs to the innermost.
func (t *Tree) at(name string) (in *os.Root, below string, err error) {
	if !isAbs(name) {
		return t.work, name, nil
	}
	for _, root := range t.others {
		dir := filepath.ToSlash(root.Name())
		rest, ok := strings.CutPrefix(name, strings.TrimSuffix(dir, "/")+"/")
		if ok && rest != "" && (in == nil || len(rest) < len(below)) {
			in, below = root, rest
		}
	}
	if in == nil {
		return nil, "", errNowhere
	}
	return in, below, nil
}

// isTop reports whether a name is that of a directory in which others begin.
func (t *Tree) isTop(name string) bool {
	for _, root := range t.others {
		if filepath.ToSlash(root.Name()) == name {
			return true
		}
	}
	return name == "."
}

// top names, for people, the directory in which a name begins.
func (t *Tree) top(name string) string {
	if in, _, err := t.at(name); err == nil && in != t.work {
		return hashing.Show(in.Name())
	}
	return "the working directory"
}

// leadsOut reports whether a link leads, by its text alone, out of the directory in which its name begins.
func (t *Tree) leadsOut(name, target string) bool {
	_, below, err := t.at(name)
	return err != nil || leadsOut(below, target)
}

// do calls one of the functions of an os.Root.
func do[R any](t *Tree, name string, f func(in *os.Root, below string) (R, error)) (R, error) {
	in, below, err := t.at(name)
	if err != nil {
		var none R
		return none, err
	}
	return f(in, below)
}

// try is do without a result.
func (t *Tree) try(name string, f func(in *os.Root, below string) error) error {
	in, below, err := t.at(name)
	if err != nil {
		return err
	}
	return f(in, below)
}

func (t *Tree) lstat(name string) (fs.FileInfo, error) { return do(t, name, (*os.Root).Lstat) }

// Readlink returns the text of a link.
func (t *Tree) Readlink(name string) (string, error) { return do(t, name, (*os.Root).Readlink) }
func (t *Tree) open(name string) (*os.File, error)   { return do(t, name, (*os.Root).Open) }
func (t *Tree) remove(name string) error             { return t.try(name, (*os.Root).Remove) }

func (t *Tree) openFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return do(t, name, func(in *os.Root, below string) (*os.File, error) { return in.OpenFile(below, flag, perm) })
}

func (t *Tree) mkdir(name string, perm fs.FileMode) error {
	return t.try(name, func(in *os.Root, below string) error { return in.Mkdir(below, perm) })
}

func (t *Tree) chmod(name string, perm fs.FileMode) error {
	return t.try(name, func(in *os.Root, below string) error { return in.Chmod(below, perm) })
}

func (t *Tree) chtimes(name string, accessed, modified time.Time) error {
	return t.try(name, func(in *os.Root, below string) error { return in.Chtimes(below, accessed, modified) })
}

func (t *Tree) symlink(target, name string) error {
	return t.try(name, func(in *os.Root, below string) error { return in.Symlink(target, below) })
}

// within calls a function with two names in one directory.
func (t *Tree) within(name, beside string, f func(in *os.Root, name, beside string) error) error {
	return t.try(name, func(in *os.Root, below string) error {
		return f(in, below, path.Join(path.Dir(below), path.Base(beside)))
	})
}

func (t *Tree) rename(name, beside string) error { return t.within(name, beside, (*os.Root).Rename) }
func (t *Tree) link(name, beside string) error   { return t.within(name, beside, (*os.Root).Link) }
