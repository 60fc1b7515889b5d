package cmd

import (
	"crypto/sha256"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// A hit leaves a memo, so that the next one of the same command line in the same place takes the short way (package fastpath).
// It says what the answer rests on: every file that was looked at on the way to it, also those that were not there.

// freshChange is how old a change must be before the times of a file are believed to tell it from the next one.
const freshChange = 2 * time.Second

// mayShorten reports whether a hit under these settings rests on nothing but what a memo can hold.
func mayShorten(s Settings, spec hashing.Spec) bool {
	switch {
	case s.Explain || s.ReadOnly || s.NoCache || s.Refresh || s.Stdin || s.Pty || s.Private:
	case s.Secret != nil || s.Early != 0 || s.MaxEntries != 0 || len(s.Remote) > 0 || len(s.Vary) > 0 || len(s.PurgeTag) > 0:
	case s.Cwd == hashing.CwdRepo || spec.Dir == "":
	case slices.ContainsFunc(spec.Env, hashing.IsGlob) || slices.ContainsFunc(spec.Files, hashing.IsGlob):
	default:
		return true
	}
	return false
}

// shorten leaves a memo of a hit. What it holds is looked at twice, and the recipe made anew in between, so that it is what the
// answer was made from and not what changed since.
func (a *App) shorten(dir *cachedir.Dir, s Settings, spec hashing.Spec, out engine.Outcome, began time.Time) {
	invocation, ok := fastpath.Current(append([]string{"cachex"}, a.Args...))
	if !ok || !fastpath.Usable() || invocation.Dir != spec.Dir || fastpath.CacheDir(invocation.Environ) != dir.Path() {
		return
	}
	address, ok := invocation.Address()
	if !ok {
		return
	}
	facts, ok := a.facts(s, spec, began)
	if !ok {
		return
	}
	recipe, err := hashing.Capture(spec, dir.Digests())
	if err != nil || recipe.Key != out.Key {
		return
	}
	if again, ok := a.facts(s, spec, began); !ok || !slices.Equal(again, facts) {
		return
	}
	memo := memoOf(out.Standing)
	memo.Address, memo.Facts, memo.Env = address, facts, a.variables(spec.Env)
	if slot, ok := memo.Encode(); ok {
		dir.PutMemo(slot, func(size int64) int64 { return fastpath.Place(address, size) })
	}
}

func memoOf(st *engine.Standing) fastpath.Memo {
	m := fastpath.Memo{
		Entry: st.Entry, Size: st.Size, Sum: st.Sum, Offset: st.Offset, Merged: st.Merged, Code: st.Code,
		NotBefore: st.NotBefore.UnixNano(), Until: math.MaxInt64, Purges: st.Purges, Hit: st.Hit,
	}
	if !st.Until.IsZero() {
		m.Until = st.Until.UnixNano()
	}
	if st.Alone {
		m.Absent = st.Other
	}
	for _, f := range st.Frames {
		m.Frames = append(m.Frames, fastpath.Frame{Stream: f.Stream, Size: f.Size})
	}
	return m
}

// variables are those of the key.
func (a *App) variables(names []string) (all []fastpath.Variable) {
	for _, name := range names {
		value, set := a.lookupEnv(name)
		v := fastpath.Variable{Name: name, Set: set}
		if set {
			v.Sum = sha256.Sum256([]byte(value))
		}
		all = append(all, v)
	}
	return all
}

// facts is all that the way to an answer looks at outside of the cache directory; false if that is more than can be listed,
// or changed a moment ago.
func (a *App) facts(s Settings, spec hashing.Spec, began time.Time) ([]fastpath.Fact, bool) {
	l := looker{before: began.Add(-freshChange)}
	var files []string
	for _, dir := range userConfigDirs(a.lookupEnv) {
		files = append(files, l.configuration(dir, "config")...)
	}
	files = append(files, l.project(spec.Dir)...)
	if l.failed || !slices.Equal(files, s.files) {
		return nil, false
	}
	l.executable(spec)
	for _, file := range spec.Files {
		l.input(file)
	}
	return l.facts, !l.failed
}

// looker looks at files and keeps what it saw.
type looker struct {
	before time.Time // later changes are not believed to be seen
	facts  []fastpath.Fact
	failed bool
}

// look notes what is there, and returns whether anything is.
func (l *looker) look(path string, kind fastpath.FactKind) (fastpath.FileID, bool) {
	id, ok := fastpath.Identify(path, kind)
	there := id != fastpath.FileID{}
	if !ok || kind != fastpath.Exists && there && id.Ctime >= l.before.UnixNano() {
		l.failed = true
	}
	l.facts = append(l.facts, fastpath.Fact{Path: path, Kind: kind, ID: id})
	return id, there
}

// file notes a file that is read, and a link that leads to it.
func (l *looker) file(path string) (fastpath.FileID, bool) {
	id, there := l.look(path, fastpath.Itself)
	if there && id.Mode&syscall.S_IFMT == syscall.S_IFLNK {
		return l.look(path, fastpath.Followed)
	}
	return id, there
}

// configuration follows soleFile.
func (l *looker) configuration(dir, name string) (found []string) {
	for _, ending := range configEndings() {
		path := filepath.Join(dir, name+ending)
		if _, there := l.file(path); there {
			found = append(found, path)
		}
	}
	return found
}

// project follows projectFile. The working directory is without links, or there is no short way.
func (l *looker) project(dir string) []string {
	root := l.root(dir)
	for at := dir; ; at = filepath.Dir(at) {
		found := l.configuration(at, ".cachex")
		if found != nil || root == "" || at == root {
			return found
		}
	}
}

// root follows hashing.RepoRoot; empty: there is none.
func (l *looker) root(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		for _, mark := range hashing.RepoMarks() {
			if _, there := l.look(filepath.Join(at, mark), fastpath.Exists); there {
				return at
			}
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}

// executable follows hashing.LookPath. What comes before the file in PATH must not be there.
func (l *looker) executable(spec hashing.Spec) {
	exe, err := hashing.LookPath(spec.Argv[0], spec.Dir, spec.Environ)
	if err != nil {
		l.failed = true
		return
	}
	if name := spec.Argv[0]; !strings.Contains(name, "/") {
		path, _ := lookupIn(spec.Environ, "PATH")
		for _, element := range strings.Split(path, ":") {
			file := element + "/" + name
			if element == "" {
				file = name
			}
			if file == exe {
				break
			}
			l.look(file, fastpath.Followed)
		}
	}
	l.file(exe)
}

// input notes a file of the key. Directories are left to those who can list them.
func (l *looker) input(path string) {
	id, there := l.file(path)
	if there && id.Mode&syscall.S_IFMT != syscall.S_IFREG {
		l.failed = true
	}
	l.look(path+"-wal", fastpath.Exists) // beside a database it is worth a warning
}

// finish writes what the short way could not.
func finish(hit *fastpath.Unwritten, stdout, stderr *os.File) int {
	out := [2]*os.File{stdout, stderr}
	err := hit.Rest(func(stream uint8, b []byte) error {
		_, err := out[stream].Write(b)
		return err
	})
	switch {
	case err == nil:
		hit.Log()
		return hit.Code
	case errors.Is(err, syscall.EPIPE):
		runner.Die(int(syscall.SIGPIPE)) // as the command would have
	}
	app := &App{Stdout: stdout, Stderr: stderr}
	return app.exitCode(&engine.DeliveryError{Err: err})
}
