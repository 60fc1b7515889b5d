package engine

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
)

// A run may be part of a command that is itself being cached. What the inner result was made from, and how long it
// lives, then holds for the outer one too: nothing may outlive what it was made from. So each inner run tells the outer
// one, by a line in its control file, all that its own key and settings rest on: variables; files, and in what state it
// saw them; its program, and what would come before that in PATH; configuration that was there or not; its tags, with
// the count of purges at which its result stands; what is left of its life; and whether the result may be stored at
// all.
//
// What the outer run cannot look at itself forbids that its result is stored: what --vary prints, unless it has the
// same, for nothing that was read from a cache is executed; and input from a file without a name that lasts.
//
// Before that, when it begins, it writes that a report is to come. One that never comes, because the inner run was
// killed or goes on in the background, leaves open what the outer result is made from.
//
// The outer run learns these inputs as if the command had named them. It holds the state of the files at its own end
// against what the inner runs saw: if it differs, the outer result mixes two states and is not stored.

const (
	reportPrefix = "cachex-nested-3 "      // begins the line of a nested run; the number is the version of the report
	beganPrefix  = "cachex-nested-begins " // begins the line that says that one will come
)

// report is what a nested run tells. Names are bytes: JSON texts hold no others than UTF-8.
type report struct {
	ID      string      `json:"id"`                 // of the run that makes it
	NoStore string      `json:"no_store,omitempty"` // why the outer result must not be stored
	Plain   bool        `json:"plain,omitempty"`    // it was not cached; who observes it has seen what it used
	Private bool        `json:"private,omitempty"`
	Until   int64       `json:"until,omitempty"` // when its life ends, in ns since 1970; 0: never
	Epoch   string      `json:"epoch,omitempty"` // of its tags, in hex
	Tags    []reportTag `json:"tags,omitempty"`
	Env     [][]byte    `json:"env,omitempty"`
	Dir     []byte      `json:"dir,omitempty"`  // that relative files start from
	Real    []byte      `json:"real,omitempty"` // where links in it lead
	Files   [][]byte    `json:"files,omitempty"`
	Sum     string      `json:"sum,omitempty"` // over names and states of all files that these name, in hex

	Contents []reportContent `json:"contents,omitempty"` // of files that count by their content alone
	Lines    []string        `json:"vary,omitempty"`     // digests of facts that the outer run must have itself, in hex
	Needs    string          `json:"needs,omitempty"`    // what these are, and what to do about it
	Before   [][]byte        `json:"before,omitempty"`   // what would be run in place of the program
	Config   [][]byte        `json:"config,omitempty"`   // where configuration was looked for
	Seen     string          `json:"seen,omitempty"`     // the state of these files, in hex
	Makes    [][]byte        `json:"makes,omitempty"`    // patterns of the files that it makes, from Dir
	Terminal bool            `json:"terminal,omitempty"` // it depends on the size of the terminal that it found
}

// reportContent is a file of the program itself, or of what it was fed.
type reportContent struct {
	Path []byte `json:"path"`
	Sum  string `json:"sum"`
}

type reportTag struct {
	Name []byte `json:"name"`
	Seq  uint64 `json:"seq"`
}

func parseReport(text string) (report, error) {
	var n report
	err := json.Unmarshal([]byte(text), &n)
	return n, err
}

// use is the report of a run that used, or made, a result whose state is known.
func (in *inputs) use(m *cachedir.Meta, end time.Time, ends bool) report {
	n := report{Private: m.Private, Epoch: hex.EncodeToString(m.Epoch[:])}
	if ends {
		n.Until = max(end.UnixNano(), 1)
	}
	for _, t := range m.Tags {
		n.Tags = append(n.Tags, reportTag{[]byte(t.Name), min(t.Seq, m.Seq)})
	}
	spec := in.caller.Spec
	if in.learned != nil {
		spec.Env, spec.Files = slices.Concat(spec.Env, in.learned.Env), in.files()
	}
	spec.Env = slices.Concat(spec.Env, in.caller.Conditional())
	to := in.firstRecipe.Report(spec)
	if to.Refusal != "" {
		return report{NoStore: to.Refusal}
	}
	files, sum, err := in.usedFiles(to.Files)
	if err != nil {
		return report{NoStore: err.Error()}
	}
	if n.Files = texts(files); len(files) > 0 {
		n.Sum = sum.String()
	}
	n.Dir, n.Env, n.Before, n.Needs = []byte(to.Dir), texts(to.Env), texts(to.Before), to.Needs
	n.Makes = texts(in.caller.Spec.Outputs)
	n.Config = texts(slices.Concat(in.caller.Configuration, to.Config))
	for _, sum := range to.Lines {
		n.Lines = append(n.Lines, sum.String())
	}
	for _, c := range to.Contents {
		n.Contents = append(n.Contents, reportContent{[]byte(c.Path), c.Sum})
	}
	if real, err := filepath.EvalSymlinks(spec.Dir); err == nil && real != spec.Dir {
		n.Real = []byte(real)
	}
	n.Terminal = to.Terminal && in.caller.atTerminal()
	if to.Stdin {
		in.tellInput(&n)
	}
	return n
}

// tellInput adds the file that stdin is, if it is one that somebody may change: a pipe, and a file without a name, is
// what the enclosing command has made itself.
func (in *inputs) tellInput(n *report) {
	stdin, err := in.caller.io.stdin.Stat()
	if err == nil && !stdin.Mode().IsRegular() {
		return
	}
	name, err := os.Readlink("/proc/self/fd/0")
	if err != nil {
		n.NoStore = "a nested run reads a file of which no name is known"
		return
	}
	if named, err := os.Stat(name); err == nil && os.SameFile(stdin, named) {
		n.Contents = append(n.Contents, reportContent{[]byte(name), in.stdin.digest.String()})
	}
}

func texts(names []string) (all [][]byte) {
	for _, name := range names {
		all = append(all, []byte(name))
	}
	return all
}

func names(texts [][]byte) (all []string) {
	for _, text := range texts {
		all = append(all, string(text))
	}
	return all
}

// usedFiles adds to files that were asked for those that words name or would name, in the state that the result was
// made from or has left them in: of who encloses this run they are no words. The error says why that cannot be told.
func (in *inputs) usedFiles(files []string) ([]string, hashing.Digest, error) {
	names, _ := in.firstRecipe.ArgNames()
	switch sum := in.recipe.FilesSum(); {
	case in.words.haveLoose:
		return nil, sum, errors.New("a file that a nested run used keeps changing")
	case len(names) == 0:
		return files, sum, nil
	}
	asked, err := hashing.FilesSumOf(in.caller.Spec.Dir, in.caller.Spec.Environ, files, in.dir.Digests())
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(files, names))))
	sum, errAll := hashing.FilesSumOf(in.caller.Spec.Dir, in.caller.Spec.Environ, all, in.dir.Digests())
	// Last: what it finds unchanged was so before.
	now, errNow := hashing.Reword(in.firstRecipe, in.caller.Spec, in.dir.Digests())
	err = errors.Join(err, errAll, errNow)
	if err != nil || asked != in.recipe.FilesSum() || now.Key != in.firstRecipe.Key {
		return nil, sum, errors.New("a file that a nested run used changed")
	}
	return all, sum, nil
}

func absolute(path, dir string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// apply takes over what a nested run has reported.
func (d *directives) apply(n report, mark cachedir.TagMark, in *inputs) {
	switch {
	case n.Plain && in.firstRecipe.IsObserved():
		return
	case n.Plain:
		d.noStore = "a nested run was not cached"
		return
	case n.NoStore != "":
		d.noStore = n.NoStore
		return
	case n.Epoch != hex.EncodeToString(mark.Epoch[:]):
		d.noStore = "everything was purged"
		return
	case len(n.Real) > 0 && !in.sameLinks(string(n.Dir), string(n.Real)):
		d.noStore = "a nested run is in a directory that a link leads to"
		return
	case n.Terminal && !in.caller.Spec.Pty:
		d.noStore = "a nested run depends on the size of the terminal: give this one --pty"
		return
	case !in.hasLines(n):
		const vary = "what its --vary prints: give this one the same --vary"
		d.noStore = "a nested run depends on " + cmp.Or(n.Needs, vary)
		return
	}
	if file, left := in.notStoredOf(n); left {
		d.noStore = "a nested run makes " + hashing.Show(file) + ": give this one the same --output"
		return
	}
	d.private = d.private || n.Private
	if n.Until != 0 {
		d.until = earlier(d.until, time.Unix(0, n.Until))
	}
	for _, t := range n.Tags {
		d.tags = append(d.tags, cachedir.Tag{Name: string(t.Name), Seq: t.Seq})
	}
	l := hashing.Learned{Env: names(n.Env)}
	for _, pattern := range n.Files {
		l.Files = append(l.Files, hashing.Rebased(
			string(pattern), func(name string) string { return in.rebase(name, string(n.Dir)) },
		))
	}
	for _, name := range slices.Concat(n.Before, n.Config) {
		l.Files = append(l.Files, in.rebase(literal(string(name)), ""))
	}
	for _, c := range n.Contents {
		if string(c.Path) != absolute(in.recipe.Exe, in.caller.Spec.Dir) {
			l.Files = append(l.Files, in.rebase(literal(string(c.Path)), ""))
		}
	}
	known := slices.Concat(in.caller.Spec.Env, in.firstRecipe.EnvTools())
	l = l.Without(hashing.Learned{Env: known, Files: in.caller.Spec.Files})
	d.nestedFiles = append(d.nestedFiles, l.Files...)
	if err := d.learn(l); err != nil {
		d.noStore = "an input of a nested run has no name here: " + err.Error()
	}
}

// rebase names an input of a nested run from this run's directory. Where results are shared between directories, a name
// that begins in this one must stay relative: each has its own.
func (in *inputs) rebase(name, dir string) string {
	spec := &in.caller.Spec
	if !filepath.IsAbs(name) {
		if filepath.Clean(dir) == filepath.Clean(spec.Dir) {
			return name
		}
		name = escapeFor(name, dir) + "/" + name // not cleaned: the way back from a link is not the way there
	}
	root := spec.Dir
	if repo, ok := hashing.RepoRoot(spec.Dir, nil); ok {
		root = repo
	}
	if spec.Cwd == hashing.CwdPath || name != root && !strings.HasPrefix(name, root+string(filepath.Separator)) {
		return name
	}
	if relative, err := filepath.Rel(spec.Dir, name); err == nil {
		return relative
	}
	return name
}

// escapeFor makes a directory stand for itself in front of a pattern.
func escapeFor(pattern, dir string) string {
	if !hashing.IsGlob(pattern) {
		return dir
	}
	return hashing.EscapeGlob(dir)
}

// literal is a pattern that names a file and nothing else.
func literal(name string) string {
	if !hashing.IsGlob(name) {
		return name
	}
	return hashing.EscapeGlob(name)
}

// sameLinks reports whether the links in a directory are those in this run's own: where they lead is in its key.
func (in *inputs) sameLinks(dir, real string) bool {
	below, err := filepath.Rel(in.caller.Spec.Dir, dir)
	if err != nil || in.caller.Spec.Cwd != hashing.CwdPath || !filepath.IsLocal(below) {
		return false
	}
	own, err := filepath.EvalSymlinks(in.caller.Spec.Dir)
	return err == nil && filepath.Join(own, below) == real
}

// notStoredOf names an output of a nested run that is none of this one: a hit would leave it out. An observed run has
// what was made as an input.
func (in *inputs) notStoredOf(n report) (file string, left bool) {
	if in.firstRecipe.IsObserved() {
		return "", false
	}
	own := hashing.OutputSet(in.caller.Spec.Outputs)
	for _, pattern := range names(n.Makes) {
		if !own.IsIn(in.caller.Spec.Dir, pattern, string(n.Dir)) {
			return pattern, true
		}
	}
	return "", false
}

// hasLines reports whether this run has all the facts that a nested one says it must have, in the same directory.
func (in *inputs) hasLines(n report) bool {
	if len(n.Lines) == 0 {
		return true
	}
	own := in.firstRecipe.LineSums()
	return string(n.Dir) == in.caller.Spec.Dir && !slices.ContainsFunc(n.Lines, func(sum string) bool {
		return !slices.ContainsFunc(own, func(d hashing.Digest) bool { return d.String() == sum })
	})
}

// changedSince holds the present state of what nested runs used against what they saw.
func changedSince(reports []report, environ []string, digests hashing.Digests) (changed string) {
	same := func(dir string, files [][]byte, seen string) bool {
		if len(files) == 0 {
			return true
		}
		sum, err := hashing.FilesSumOf(dir, environ, names(files), digests)
		return err == nil && sum.String() == seen
	}
	for _, n := range reports {
		switch {
		case !same(string(n.Dir), n.Files, n.Sum):
			return "a file that a nested run used changed"
		case !same("", n.Config, n.Seen):
			return "the configuration of a nested run changed"
		}
		for _, c := range n.Contents {
			sum, err := hashing.DigestFile(string(c.Path), digests)
			if err != nil || sum.String() != c.Sum {
				return "a program or the input of a nested run changed"
			}
		}
		for _, file := range n.Before {
			if _, err := hashing.LookPath(string(file), "", nil); err == nil {
				return "the program of a nested run changed"
			}
		}
	}
	return ""
}
