package hashing

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/hashing/cmdline"
)

// outputFact is a pattern of files that the command makes. What they hold is no input; that they are wanted is: a
// result that was stored without them is no answer.
var outputFact = factKind{
	name: "output", add: (*capture).addOutputs, parse: func(r *reader, f *Fact) { f.Name = r.quoted() },
	change: changedOutput, order: ofAsked,
	report: nothingToReport, // they are files of whoever asked for them
	memo:   func(spec, left *Spec) { left.Outputs = withoutPlainOutputs(spec.Outputs) },
}

// Umask returns the permissions without which the run of a recipe with outputs makes files, or one that is observed.
func (r Recipe) Umask() (mask uint16, ok bool) {
	for line := range bytes.Lines(r.Text) {
		if octal, is := bytes.CutPrefix(line, []byte(umaskFact.name+" ")); is {
			n, err := strconv.ParseUint(string(bytes.TrimSpace(octal)), 8, 9)
			return uint16(n), err == nil
		}
	}
	return 0, false
}

// withoutPlainOutputs leaves the patterns that stand for more than one file below the working directory: a memo has
// names, and none where its files were not all that there is. What AutoOutputs stands for is all that the run has made.
func withoutPlainOutputs(patterns []string) (left []string) {
	for _, pattern := range patterns {
		if !IsName(pattern) || IsAbsoluteOutput(pattern) || strings.HasSuffix(pattern, "/") {
			left = append(left, pattern)
		}
	}
	return left
}

// umaskFact says which permissions files were made without: the command does not set them, and a hit gives what it
// finds stored. An observed run may say what files it can make, or ask.
var umaskFact = factKind{
	name:   "umask", // added with the outputs
	parse:  func(r *reader, _ *Fact) { r.digits("01234567", 4, 4) },
	change: changedUmask, order: ofAsked,
	report: nothingToReport, memo: inAddress, // a memo of files has it, and one of what was seen
}

// changedUmask: a run without outputs that is not observed has none.
func changedUmask(_ *differ, s states) string {
	if s.had && s.has {
		return "umask " + s.old + " -> " + s.recent
	}
	return s.changed()
}

var (
	errOutside = errors.New("outputs lie below the working directory")
	errParent  = errors.New("an absolute name of an output has no .. in it")
	errAll     = errors.New("the whole working directory is no output")
	errTop     = errors.New("what lies at the top of the file system is no output")
)

// Temporary files begin so, and go on with 16 hex digits and a number. They are never outputs, nor inputs.
const tempPrefix = ".cachex-"

// TemporaryName is the name of a file that becomes an output, in its directory.
func TemporaryName(name string, word uint64, n int) string {
	return path.Join(path.Dir(name), fmt.Sprintf("%s%016x-%d", tempPrefix, word, n))
}

// IsTemporary tells the names of files that a run makes on their way to become outputs.
func IsTemporary(name string) bool {
	rest, ok := strings.CutPrefix(name[strings.LastIndexByte(name, '/')+1:], tempPrefix)
	word, number, cut := strings.Cut(rest, "-")
	return ok && cut && len(word) == 16 && strings.Trim(word, "0123456789abcdef") == "" &&
		number != "" && strings.Trim(number, "0123456789") == ""
}

// CheckOutput refuses what names no file below the working directory, or absolutely.
func CheckOutput(pattern string) error {
	if !IsAbsoluteOutput(pattern) {
		return CheckLocalOutput(pattern)
	}
	name := tidy(pattern)
	switch above := path.Dir(OutputSet([]string{pattern}).Base()); {
	case strings.Contains(pattern, "\x00"):
		return errNUL
	case slices.Contains(strings.Split(name, "/"), ".."):
		return errParent
	case above == path.Dir(above):
		return errTop
	case IsGlob(name):
		_, err := parseGlobs(name)
		return err
	}
	return nil
}

// CheckLocalOutput refuses what names no file below the working directory.
func CheckLocalOutput(pattern string) error {
	name := tidy(pattern)
	switch {
	case pattern == "":
		return errEmpty
	case strings.Contains(pattern, "\x00"):
		return errNUL
	case name == ".":
		return errAll
	case IsAbsoluteOutput(pattern) || strings.HasPrefix(name, "/") || slices.Contains(strings.Split(name, "/"), ".."):
		return errOutside
	case IsGlob(name):
		_, err := parseGlobs(name)
		return err
	}
	return nil
}

// IsAbsoluteOutput reports whether a pattern begins at the top of the file system.
func IsAbsoluteOutput(pattern string) bool { return filepath.IsAbs(filepath.FromSlash(pattern)) }

// OutputPath is where an output lies of which a list has the name.
func OutputPath(dir, name string) string {
	if path := filepath.FromSlash(name); filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}

// OutputsFrom returns patterns with those that are below the working directory named from there. One that has that
// directory in it is refused.
func OutputsFrom(dir string, patterns []string) (all []string, err error) {
	dir = filepath.ToSlash(filepath.Clean(dir))
	for _, pattern := range patterns {
		if IsAbsoluteOutput(pattern) {
			below, isBelow := strings.CutPrefix(filepath.ToSlash(pattern), strings.TrimSuffix(dir, "/")+"/")
			switch {
			case isBelow && !IsGlob(dir) && CheckLocalOutput(below) == nil:
				pattern = below
			case OutputSet([]string{pattern}).Covers(dir):
				return nil, &PatternError{
					Kind: "output", Pattern: pattern, Err: errAll,
					Todo: "name what the command makes there, as in build/app, *.o or out/",
				}
			}
		}
		all = append(all, pattern)
	}
	return all, nil
}

func (c *capture) addOutputs() error {
	patterns := tidyAll(c.spec.Outputs)
	for i, pattern := range c.spec.Outputs {
		if patterns[i] == AutoOutputs && pattern != AutoOutputs { // a file of that name
			patterns[i] = "./" + AutoOutputs
		}
		if strings.HasSuffix(pattern, "/") { // what is in a directory, and no link to it
			patterns[i] += "/"
		}
	}
	for _, pattern := range sortedSet(patterns) {
		c.text = append(appendQuoted(append(c.text, "output "...), pattern), '\n')
	}
	if len(c.spec.Outputs) > 0 || c.spec.Trace != nil {
		c.text = fmt.Appendf(c.text, "umask %04o\n", umask())
	}
	return nil
}

func tidyAll(patterns []string) (all []string) {
	for _, pattern := range patterns {
		all = append(all, tidy(pattern))
	}
	return all
}

func changedOutput(_ *differ, s states) string {
	return "output " + Show(s.name) + cameOrWent(s.has, " added", " removed")
}

// AutoOutputs stands for all that an observed run makes or changes below the working directory.
const AutoOutputs = "auto"

// HasAutoOutputs reports whether it is among patterns.
func HasAutoOutputs(patterns []string) bool { return slices.Contains(patterns, AutoOutputs) }

// Outputs are the patterns of a run's outputs, to hold names against.
type Outputs struct {
	covers []cover
	base   string
}

// OutputSet takes patterns apart.
func OutputSet(patterns []string) Outputs {
	set := Outputs{base: "."}
	if HasAutoOutputs(patterns) {
		set.covers = []cover{{any: true}}
		patterns = slices.DeleteFunc(slices.Clone(patterns), func(p string) bool { return !IsAbsoluteOutput(p) })
	}
	for _, pattern := range tidyAll(patterns) {
		set.covers = append(set.covers, parseCover(pattern))
		set.base = pattern
		if special := strings.IndexAny(pattern, globChars); special >= 0 {
			set.base = tidy(pattern[:strings.LastIndexByte(pattern[:special], '/')+1])
		}
	}
	if len(set.covers) != 1 {
		set.base = "."
	}
	return set
}

// Base is the directory below which all files of the set lie, or the one file of it.
func (o Outputs) Base() string { return o.base }

// Covers reports whether a file is one of the outputs, or lies in a directory that is.
func (o Outputs) Covers(name string) bool {
	return name != "." && slices.ContainsFunc(o.covers, func(c cover) bool {
		if c.any {
			return !IsAbsoluteOutput(name) && !slices.Contains(strings.Split(name, "/"), ".git")
		}
		return c.covers(name) || slices.ContainsFunc(c.globs, func(g glob) bool { return g.isNamed(name) })
	})
}

// Overlaps reports whether two sets may cover the same file.
func (o Outputs) Overlaps(p Outputs) bool {
	return slices.ContainsFunc(o.covers, func(a cover) bool {
		return slices.ContainsFunc(p.covers, func(b cover) bool { return a.meets(&b) || b.meets(&a) })
	})
}

// meets reports whether the first of two covers may cover something of the second one; that of two names is not told of
// the wider one.
func (c *cover) meets(o *cover) bool {
	if c.any || c.globs == nil && o.globs == nil {
		return c.any || c.covers(o.name)
	}
	below := func(g glob) bool { return g.expectsIn(o.name) }
	if o.globs == nil && (c.covers(o.name) || slices.ContainsFunc(c.globs, below)) {
		return true
	}
	return slices.ContainsFunc(c.bases(), func(base string) bool {
		return slices.ContainsFunc(o.bases(), func(other string) bool {
			return (other == "." || isWithin(base, other)) && (c.globs != nil || o.globs != nil && o.covers(base))
		})
	})
}

// bases are the directories below which all lies that is covered, or the one name.
func (c *cover) bases() (all []string) {
	if c.globs == nil {
		return []string{c.name}
	}
	for i := range c.globs {
		all = append(all, c.globs[i].base)
	}
	return all
}

// isNamed reports whether the glob means a name, or all below it, by its base alone, as b of {a,b} and d of d/** do.
func (g *glob) isNamed(name string) bool {
	rest, below := strings.CutPrefix(name, g.base)
	return below && (rest == "" || rest[0] == '/') && g.matches(g.enter(0))
}

// Expects reports whether outputs may lie in a directory that is none itself.
func (o Outputs) Expects(dir string) bool {
	return slices.ContainsFunc(o.covers, func(c cover) bool {
		return strings.HasPrefix(c.name, dir+"/") ||
			slices.ContainsFunc(c.globs, func(g glob) bool { return g.expectsIn(dir) })
	})
}

// Names reports whether a pattern has exactly this name, and does not only match it.
func (o Outputs) Names(name string) bool {
	return slices.ContainsFunc(o.covers, func(c cover) bool {
		return c.name == name || strings.HasPrefix(c.name, name+"/") ||
			slices.Contains(strings.Split(c.name, "/"), name[strings.LastIndexByte(name, '/')+1:])
	})
}

// expectsIn reports whether the glob may match something in a directory.
func (g *glob) expectsIn(dir string) bool {
	if dir == "." || dir == g.base || strings.HasPrefix(g.base, dir+"/") {
		return true
	}
	if g.base != "." {
		var below bool
		if dir, below = strings.CutPrefix(dir, g.base+"/"); !below {
			return false
		}
	}
	s := g.enter(0)
	for element := range strings.SplitSeq(dir, "/") {
		s = g.step(s, element)
	}
	return g.expects(s)
}

// below is the name of a covered file from the working directory, or the absolute one where it is not below that. The
// name that is given is one of a recipe: it may be absolute, or lead upwards and down again.
func (o Outputs) below(dir, name string) (below string, covered bool) {
	name = filepath.ToSlash(filepath.Clean(absolute(name, dir)))
	if below, ok := strings.CutPrefix(name, strings.TrimSuffix(filepath.ToSlash(filepath.Clean(dir)), "/")+"/"); ok {
		return below, o.Covers(below)
	}
	return name, o.Covers(name)
}

func (o Outputs) coversIn(dir, name string) bool {
	_, covered := o.below(dir, name)
	return covered
}

// SameButOutputs says what SameButArgs does, whatever became of outputs that are inputs, too.
func (r Recipe) SameButOutputs(o Recipe, outputs Outputs) error {
	a, b := r.withoutOutputs(outputs), o.withoutOutputs(outputs)
	if !bytes.Equal(a.Text, b.Text) {
		return a.firstChange(b)
	}
	return a.sameStates(b)
}

// withoutOutputs is what a recipe says of all but outputs and words.
func (r Recipe) withoutOutputs(outputs Outputs) Recipe {
	rest := r
	rest.Text, rest.args = nil, nil
	for line := range bytes.Lines(r.rest()) {
		if !r.isOutputLine(line, outputs) {
			rest.Text = append(rest.Text, line...)
		}
	}
	rest.files = slices.DeleteFunc(slices.Clone(r.files), func(e entry) bool { return outputs.coversIn(r.dir, e.name) })
	return rest
}

func (r Recipe) isOutputLine(line []byte, outputs Outputs) bool {
	quoted, ok := bytes.CutPrefix(line, []byte("file "))
	if !ok {
		return false
	}
	name := reader{rest: string(quoted)}
	text := name.quoted()
	return !name.failed && outputs.coversIn(r.dir, text)
}

// AfterRun returns a recipe with the words in the state that a run has left them in, but those that name outputs: the
// recipe has what they were before it. o is of the same spec, and neither is extended.
func (r Recipe) AfterRun(o Recipe, outputs Outputs) Recipe {
	after := r
	after.args = slices.Clone(o.args)
	after.Text = append([]byte{}, r.Text[:r.argsFrom]...)
	for i := range after.args {
		if outputs.coversIn(r.dir, after.args[i].Name) {
			after.args[i] = r.args[i]
		}
		after.Text = appendArgFact(after.Text, &after.args[i])
	}
	after.argsTo = len(after.Text)
	after.Key = sha256.Sum256(after.Text)
	return after
}

// BeforeMade returns the recipe of a run that begins where no output is that a word names, and the names of those that
// are there; none: it is this recipe, or one of them is gone on with. It is not extended.
func (r Recipe) BeforeMade(outputs Outputs) (before Recipe, present []string) {
	before = r
	before.args = slices.Clone(r.args)
	before.Text = append([]byte{}, r.Text[:r.argsFrom]...)
	for i := range before.args {
		if a := &before.args[i]; a.State != "" {
			if name, covered := outputs.below(r.dir, a.Name); covered {
				if a.goesOn {
					return r, nil
				}
				*a = ArgState{ArgFile: a.ArgFile}
				present = append(present, name)
			}
		}
		before.Text = appendArgFact(before.Text, &before.args[i])
	}
	before.argsTo = len(before.Text)
	before.Key = sha256.Sum256(before.Text)
	return before, present
}

// MadeBehindFlag names a file that a run has made, of which a word behind -o and the like says so: r is the recipe
// before it, and after the one behind it. Neither is extended.
func (r Recipe) MadeBehindFlag(after Recipe, spec Spec) (name string, found bool) {
	words := spec.words()
	for i := range after.args {
		a := &after.args[i]
		if !a.Content || a.IsHidden() || i >= len(r.args) || r.args[i].State != "" {
			continue
		}
		around, at := words, a.Word
		if a.Literal > 0 {
			around, at = nil, a.Literal-1
			for _, l := range cmdline.ShellLiterals(words[a.Word], words[0]) {
				around = append(around, l.Text)
			}
		}
		if cmdline.IsBehindOutputFlag(around, at) {
			return a.Show(), true
		}
	}
	return "", false
}

// IsIn reports whether all that a pattern means, from another directory, is covered from this one.
func (o Outputs) IsIn(dir, pattern, from string) bool {
	if !IsGlob(pattern) {
		return o.coversIn(dir, absolute(pattern, from))
	}
	if filepath.Clean(dir) == filepath.Clean(from) && slices.ContainsFunc(o.covers, func(c cover) bool {
		return c.name == tidy(pattern)
	}) {
		return true
	}
	base := OutputSet([]string{pattern}).Base()
	return o.coversIn(dir, absolute(base, from))
}

// Says reports whether a recipe says that a regular file holds what an output holds now: then nothing is lost with it
// that a run would not lose, too. The name is one below the working directory, paths are all that lead there.
func (r Recipe) Says(spec Spec, outputs Outputs, name string, sum Digest, paths ...string) bool {
	is := func(n string) bool {
		below, covered := outputs.below(r.dir, n)
		return covered && below == name
	}
	state := string((&capture{spec: &spec}).appendContentSum(nil, sum))
	if slices.ContainsFunc(r.args, func(a ArgState) bool { return a.Content && a.State == state && is(a.Name) }) {
		return true
	}
	end := string(appendSum([]byte{' '}, sum)) + "\n"
	for line := range strings.Lines(string(r.Text)) {
		quoted, ok := strings.CutPrefix(line, "file ")
		if !ok || !strings.HasSuffix(line, end) {
			continue
		}
		if n := (&reader{rest: quoted}).quoted(); is(n) {
			return true
		}
	}
	return r.hasRead(spec, end, paths)
}

// hasRead reports whether a recipe of an observed run says that it has read a file, in a line with such an end.
func (r Recipe) hasRead(spec Spec, end string, paths []string) bool {
	at := bytes.Index(r.Text, []byte("\n"+seenFact.name+" ")) + 1
	if at == 0 {
		return false
	}
	sights, lines, err := newObserver(spec, nil).parse(r.Text[at:])
	if err != nil {
		return false
	}
	for i, s := range sights {
		if s.Uses&UseContent != 0 && slices.Contains(paths, s.Path) && strings.HasSuffix(string(lines[i]), end) {
			return true
		}
	}
	return false
}

// FileDigests returns what gives the digests of regular files, one after another, each by what is remembered of it or
// by reading it. It follows no link.
func FileDigests(digests Digests) func(path string) (Digest, error) {
	c := newCapture(Spec{}, digests, time.Now())
	return func(path string) (Digest, error) {
		digest, _, err := c.digestOf(path, false)
		return digest, err
	}
}
