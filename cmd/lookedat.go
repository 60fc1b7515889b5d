package cmd

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
)

// lookedAt is all that the way to settings looks at, for a call in dir: every file, also those that were not there. False if that
// changed after before, or is not what these settings were made from, or if keys and secrets are read from files besides.
func (a *App) lookedAt(s Settings, dir string, before time.Time) ([]fastpath.Fact, bool) {
	l := looker{call.NewLooker(before)}
	var files []string
	for _, dir := range userConfigDirs(a.LookupEnv) {
		files = append(files, l.configuration(dir, "config")...)
	}
	files = append(files, l.project(dir)...)
	isRead := func(path string, t configText) bool { return path == t.path && t.isRead() } // after l has looked at it
	return l.Facts, !l.Failed && slices.EqualFunc(files, s.files, isRead) && s.KeyFile == "" && s.SecretFile == ""
}

// looker looks where settings are looked for.
type looker struct{ *call.Looker }

// configuration follows soleFile.
func (l looker) configuration(dir, name string) (found []string) {
	for _, ending := range configEndings() {
		path := filepath.Join(dir, name+ending)
		if _, there := l.File(path); there {
			found = append(found, path)
		}
	}
	return found
}

// project follows projectFile. The working directory is without links, or there is no short way.
func (l looker) project(dir string) []string {
	root := l.root(dir)
	for at := dir; ; at = filepath.Dir(at) {
		found := l.configuration(at, ".cachex")
		if found != nil || root == "" || at == root {
			return found
		}
	}
}

// root follows hashing.RepoRoot; empty: there is none.
func (l looker) root(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		for _, mark := range hashing.RepoMarks() {
			if _, there := l.Look(filepath.Join(at, mark), fastpath.Exists); there {
				return at
			}
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}
