package hashing

import (
	"path/filepath"
	"slices"
	"strings"
)

var executableFact = factKind{
	name: "executable", add: (*capture).addExecutable, parse: parseExecutable, change: changedExecutable,
	order: ofProgram, report: reportExecutable, memo: memoOfExecutable,
}

// resolveExecutable comes first: what cannot be started has no recipe. A named recipe may stand without a command.
func (c *capture) resolveExecutable() error {
	if len(c.spec.Argv) == 0 {
		c.seen.NoteBeyond()
		if c.spec.Name != "" {
			return nil
		}
		return &NotFound{}
	}
	exe, err := c.resolve(c.seen, c.spec.Argv[0], c.spec.Dir, c.spec.Environ, c.spec.Past...)
	c.exe = exe
	return err
}

// addExecutable adds path and content of what will be started. A named recipe does not depend on it.
func (c *capture) addExecutable() error {
	if c.spec.Name != "" {
		return nil
	}
	c.text = append(c.text, "executable"...)
	mode := c.spec.Exe
	if mode == ExeContent || mode == ExePath {
		c.text = appendQuoted(append(c.text, ' '), absolute(c.exe, c.spec.Dir))
	}
	if mode == ExeContent || mode == ExeDigest {
		digest, id, err := c.content(c, c.exe, true)
		if err != nil {
			return &InputError{Path: c.exe, Err: err}
		}
		c.text = appendSum(append(c.text, ' '), digest)
		c.exeID = id
	}
	if mode == ExeNone {
		c.text = append(c.text, " none"...)
	}
	c.text = append(c.text, '\n')
	return nil
}

// memoOfExecutable: the file, and what would be found before it, is held against the memo. So are other programs.
func memoOfExecutable(_, left *Spec) { left.Exe, left.Environ = 0, nil }

// reportExecutable tells what was started, and what it was found by.
func reportExecutable(r *Recipe, spec *Spec, to *Report) {
	path := joined(r.Exe, spec.Dir)
	if sum, ok := r.executableSum(); ok {
		to.Contents = append(to.Contents, Content{path, sum})
	}
	if spec.Name == "" && spec.Exe != ExeNone {
		to.search(&Program{Name: spec.Argv[0], Dir: spec.Dir, Environ: spec.Environ, Path: path}, spec.Past)
	}
}

// search tells what comes before a program where it is looked for.
func (to *Report) search(p *Program, past []string) {
	for _, candidate := range Candidates(p.Name, p.Environ) {
		file := joined(candidate, p.Dir)
		if filepath.Clean(file) == filepath.Clean(p.Path) {
			break
		}
		if !slices.Contains(past, candidate) {
			to.Before = append(to.Before, file)
		}
	}
	if filepath.Base(p.Name) == p.Name {
		to.Env = append(to.Env, SearchVariables()...)
	}
}

// executableSum is the digest of the executable that a recipe holds, if it holds one.
func (r *Recipe) executableSum() (sum string, found bool) {
	for line := range strings.Lines(string(r.Text)) {
		if value, ok := strings.CutPrefix(line, "executable "); ok {
			_, sum, found = strings.Cut(strings.TrimSuffix(value, "\n"), plainSum)
			return sum, found
		}
	}
	return "", false
}

func parseExecutable(r *reader, _ *Fact) {
	switch {
	case r.try("none"):
	case r.startsQuoted():
		if r.quoted(); r.try(" ") {
			r.sum(plainSum)
		}
	default:
		r.sum(plainSum)
	}
}

func changedExecutable(_ *differ, s states) string {
	oldPath, recentPath := pathOf(s.old), pathOf(s.recent)
	if s.had && s.has && oldPath == recentPath {
		return strings.TrimSuffix("executable "+oldPath, " ") + " changed"
	}
	if oldPath != "" && recentPath != "" {
		return "executable " + oldPath + " -> " + recentPath
	}
	return "executable changed"
}

// pathOf returns the path that an executable fact begins with, or nothing.
func pathOf(value string) string {
	r := &reader{rest: value}
	if !r.startsQuoted() {
		return ""
	}
	return Show(r.quoted())
}

// absolute joins without cleaning: a/../b is not b if a is a symbolic link.
func absolute(path, dir string) string {
	if dir == "" || filepath.IsAbs(path) {
		return path
	}
	if path, ok := onVolume(path, dir); ok {
		return path
	}
	for strings.HasPrefix(path, "./") {
		path = strings.TrimLeft(path[2:], "/")
	}
	if dir == "/" {
		return dir + path
	}
	return dir + string(filepath.Separator) + path
}
