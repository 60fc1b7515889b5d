package hashing

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/probe"
)

var argFact = factKind{
	name: "arg", add: (*capture).addArgFiles, parse: parseArg, change: changedArg, order: ofFound, report: reportArgs,
	// The files are held against it, by where their words stand.
	memo: func(_, left *Spec) { left.IgnoreWords = false },
}

func reportArgs(r *Recipe, _ *Spec, to *Report) {
	if _, ok := r.ArgNames(); !ok {
		to.refuse("a nested run used a file whose name is not to be stored")
	}
}

// ArgState is what was seen of a word that may name a file. A word of the command line that names a regular file is an
// input: of `python3 m.py` also m.py. Its fact refers to the word by its place, so that a secret is not written down as
// a path either:
//
//	arg 2 sha256:...            the second word behind the program names a file with this content
//	arg 2.3 sha256:...          the third literal word of the shell text that is that word
//	arg 2 unreadable sha256:... its content cannot be read: what a look at it says
//	arg 2 unreachable           nobody can look
//
// What names a directory or device, or nothing, has no fact: most words are no names at all.
//
// A file that the command makes is a word, too (gcc -o a.o). A result that was made where there was no such file is
// stored under the recipe of the state after the run, so that it is found where that file is, and not where it was
// removed.
type ArgState struct {
	ArgFile
	State     string // as the recipe says it; empty: it says nothing
	Content   bool   // State is the digest of what the file holds
	Unsure    bool   // it was being written
	directory bool
	id        StatID // of a regular file
}

func (c *capture) addArgFiles() error {
	c.argsFrom = len(c.text)
	for _, a := range ArgFiles(c.spec) {
		state, err := c.argState(a)
		if err != nil {
			return err
		}
		c.seen.Note(a.Name, probe.Word, state.State != "")
		c.args = append(c.args, state)
		c.text = appendArgFact(c.text, &state)
	}
	c.argsTo = len(c.text)
	return nil
}

func appendArgFact(text []byte, a *ArgState) []byte {
	if a.State == "" {
		return text
	}
	text = strconv.AppendInt(append(text, "arg "...), int64(a.Word), 10)
	if a.Literal > 0 {
		text = strconv.AppendInt(append(text, '.'), int64(a.Literal), 10)
	}
	return append(append(append(text, ' '), a.State...), '\n')
}

func parseArg(r *reader, f *Fact) {
	r.named(f, r.place)
	if r.try("unreachable") || r.try("directory") || r.try(looseState) {
		return
	}
	r.try("unreadable ")
	r.sum(plainSum, keyedSum)
}

// place takes the place of a word, and perhaps of a literal in it.
func (r *reader) place() {
	if r.number(); r.try(".") {
		r.number()
	}
}

// changedArg says what became of the file that a word names, if it is still the same word.
func changedArg(d *differ, s states) string {
	switch name := "file " + d.argName(s.name); {
	case !d.same:
		return ""
	case s.had && s.has:
		return name + " changed"
	default:
		return name + cameOrWent(s.has, " appeared", " vanished")
	}
}

// argName names the word at a place, unless it is hidden.
func (d *differ) argName(place string) string {
	number, literal, _ := strings.Cut(place, ".")
	word, _ := strconv.Atoi(number)
	nth, _ := strconv.Atoi(literal)
	spec := Spec{Argv: d.argv}
	for _, a := range mentions(&spec) {
		if a.Word == word && a.Literal == nth && !a.IsHidden() {
			return a.Show()
		}
	}
	return fmt.Sprintf("that word %d names", word+1)
}

// mostUnremembered is the size in bytes of the largest file that is read for each run, where its digest cannot be
// remembered.
const mostUnremembered = 64 << 20

// argState looks at what a word names. That it cannot be read, or is gone again, does not keep a result from being
// stored; that it would have to be read for too long does.
func (c *capture) argState(f ArgFile) (ArgState, error) {
	const tries = 3 // of a file that is being written
	file := location{f.Name, c.spec.Dir}
	path := file.path()
	for try := 1; ; try++ {
		a := ArgState{ArgFile: f}
		at, err := lookAt(path, true)
		switch {
		case namesNoFile(err):
			return a, nil
		case err != nil:
			a.State = "unreachable"
			return a, nil
		case !at.kind.regular() || isMade(path):
			if a.directory = at.kind == kindDirectory; a.directory && f.isOutput {
				a.State = "directory" // what is put there goes into it
			}
			return a, nil
		case at.id.Size > mostUnremembered && !c.remembers(file, at):
			return a, &InputError{Path: f.Show(), Err: errLarge}
		}
		a.id = at.id
		digest, at, err := c.digestSeen(file, true, at)
		if err == nil {
			a.id = at.id
			a.State, a.Content = string(c.appendContentSum(nil, digest)), true
			return a, nil
		}
		if vanished := errors.Is(err, fs.ErrNotExist); !vanished && !errors.Is(err, errChanged) || try == tries {
			a.Unsure = errors.Is(err, errChanged)
			a.State = string(c.appendContentSum([]byte("unreadable "), a.id.sum()))
			return a, nil
		}
	}
}

// remembers reports whether the digest of a file that is left alone need be made only once.
func (c *capture) remembers(file location, at look) bool {
	_, ok := c.mountOf(file, true, at).identity(file, at.id)
	return ok
}

// appendContentSum adds the digest of a file's content, keyed if there is a key: the content may be as short as a
// secret.
func (c *capture) appendContentSum(text []byte, d Digest) []byte {
	if c.spec.Secret == nil {
		return appendSum(text, d)
	}
	return appendValueSum(text, string(d[:]), c.spec.Secret)
}

// sum is a digest over what a look says.
func (id StatID) sum() Digest {
	b := make([]byte, 0, 40)
	for _, v := range [...]uint64{id.Dev, id.Ino, uint64(id.Size), uint64(id.Mtime), uint64(id.Ctime)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return sha256.Sum256(b)
}

// Reword returns a recipe with the words looked at anew, and all else as it was: another run may have made or changed
// the files that they name. It is what Capture of the same spec returned, not extended.
func Reword(r Recipe, spec Spec, digests Digests) (Recipe, error) {
	if len(r.args) == 0 {
		return r, nil
	}
	return newCapture(spec, digests, time.Now()).reword(r)
}

func (c *capture) reword(r Recipe) (Recipe, error) {
	c.text = append(make([]byte, 0, len(r.Text)), r.Text[:r.argsFrom]...)
	c.itemAt = r.itemAt
	c.exe, c.exeID, c.programs, c.command, c.files = r.Exe, r.exeID, r.programs, r.Command, r.files
	if err := c.add(&argFact); err != nil {
		return r, err
	}
	return c.recipe(), nil
}

// SameButArgs says what Same does, whatever became of the files that words name.
func (r Recipe) SameButArgs(o Recipe) error {
	if !bytes.Equal(r.rest(), o.rest()) {
		return r.firstChange(o)
	}
	return r.sameStates(o)
}

// RestSum is a digest over all that a recipe says but of some words.
func (r Recipe) RestSum(without func(ArgFile) bool) Digest {
	text := r.rest()
	for i := range r.args {
		if a := &r.args[i]; !without(a.ArgFile) {
			text = appendArgFact(text, a)
		}
	}
	return sha256.Sum256(text)
}

// Args returns what was seen of each word that may name a file.
func (r Recipe) Args() []ArgState { return r.args }

// Loosen returns a recipe that says of some words only that they are loose: what they name has no say in it. It is for
// those who share a run, and not for storing. The recipe is not extended.
func (r Recipe) Loosen(loose func(ArgFile) bool) Recipe {
	o := r
	o.args = slices.Clone(r.args)
	o.Text = append([]byte{}, r.Text[:r.argsFrom]...)
	for i := range o.args {
		if a := &o.args[i]; loose(a.ArgFile) {
			*a = ArgState{ArgFile: a.ArgFile, State: looseState}
		}
		o.Text = appendArgFact(o.Text, &o.args[i])
	}
	o.argsTo = len(o.Text)
	o.Key = sha256.Sum256(o.Text)
	return o
}

const looseState = "loose"

// IsLoose reports whether a recipe has a word that is loose.
func IsLoose(text []byte) bool {
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("arg ")) && bytes.HasSuffix(line, []byte(" "+looseState+"\n")) {
			return true
		}
	}
	return false
}

// WithoutArgs returns a recipe's text without what it says of files that words name.
func WithoutArgs(text []byte) []byte {
	var rest []byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("arg ")) {
			rest = append(rest, line...)
		}
	}
	return rest
}

// Grew reports whether a file that a word names begins with what it held when the word's state was another one, of
// which sum is the digest: something was only appended since.
func (a ArgState) Grew(spec Spec, size int64, sum Digest) bool {
	if !a.Content || size <= 0 || size >= a.id.Size || size > mostUnremembered {
		return false
	}
	f, err := openContent(absolute(a.Name, spec.Dir), true)
	if err != nil {
		return false
	}
	defer f.Close()
	head := sha256.New()
	if n, err := io.CopyN(head, f, size); err != nil || n != size {
		return false
	}
	c := capture{spec: &spec}
	return ArgState{State: string(c.appendContentSum(nil, Digest(head.Sum(nil))))}.Sum() == sum
}

// Sum is a digest of the state.
func (a ArgState) Sum() Digest { return sha256.Sum256([]byte(a.State)) }

// Size is that of the file in bytes; 0 if there is none.
func (a ArgState) Size() int64 { return a.id.Size }

// rest is the text without what it says of words that name files.
func (r Recipe) rest() []byte {
	if len(r.args) == 0 {
		return slices.Clip(r.Text)
	}
	return append(append([]byte{}, r.Text[:r.argsFrom]...), r.Text[r.argsTo:]...)
}

// Uncovered names a word that is a directory of which the files that patterns name cover nothing.
func (r Recipe) Uncovered(patterns []string) (word string, found bool) {
	for i := range r.args {
		if a := &r.args[i]; a.directory && !r.covers(patterns, a.Name) {
			return a.Show(), true
		}
	}
	return "", false
}

// covers reports whether a pattern leads into a directory, or stands for one above it: then somebody has said what
// counts.
func (r Recipe) covers(patterns []string, dir string) bool {
	whole := func(name string) string {
		return strings.TrimSuffix(filepath.ToSlash(filepath.Clean(absolute(name, r.dir))), "/") + "/"
	}
	dir = whole(dir)
	for _, pattern := range patterns {
		if base := whole(r.startOf(pattern)); strings.HasPrefix(dir, base) || strings.HasPrefix(base, dir) {
			return true
		}
	}
	return false
}

// startOf is the directory where the files of a pattern begin, or the file. Those of a list may be anywhere.
func (r Recipe) startOf(pattern string) string {
	s := parseSelection(pattern)
	switch s.kind {
	case byFile:
		return "/"
	case byGit:
		if root, found := RepoRoot(absolute(s.base, r.dir), nil); found {
			return root
		}
		return s.base
	case byGitIn:
		return s.inBase(s.pattern)
	}
	if at := strings.IndexAny(s.pattern, globChars); at >= 0 {
		return s.pattern[:strings.LastIndex(s.pattern[:at], "/")+1]
	}
	return s.pattern
}

// ArgNames lists, as patterns, the files that words name, and those that they would name if they were there: for who
// depends on them without having the words. False if one of them has a name that must not be written down.
func (r Recipe) ArgNames() (names []string, ok bool) {
	ok = true
	for i := range r.args {
		a := &r.args[i]
		switch hidden := a.IsHidden(); {
		case a.directory || hidden && a.State == "":
		case hidden || a.State != "" && !a.Content:
			ok = false
		default:
			names = append(names, EscapeGlob(a.Name))
		}
	}
	return names, ok
}
