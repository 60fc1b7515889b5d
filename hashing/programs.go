package hashing

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/cachex-cli/cachex/hashing/cmdline"
	"github.com/cachex-cli/cachex/masking"
)

// Program is another program that a run depends on, beside its executable: the interpreter of a script, or what is
// started through env, timeout and the like.
type Program struct {
	Name    string   // as it is looked for
	Dir     string   // where it is looked for, with
	Environ []string // the PATH in this environment
	Path    string   // absolute; empty: it is not found

	kind   string // of its fact
	number string // of the command line: 0 is the whole, 1 what that starts, and so on
	hidden bool   // the name must not be written down
	id     StatID // the state in which it was read
	sum    Digest
	opaque bool // its content cannot be read
}

// Interpreters and programs are added one behind the other, as they start each other.
var (
	interpreterFact = factKind{
		name: "interpreter", add: (*capture).addPrograms, parse: parseProgram, change: changedProgram, order: ofProgram,
		report: reportPrograms, memo: inAddress,
	}
	programFact = factKind{
		name: "program", parse: parseProgram, change: changedProgram, order: ofProgram, report: nothingToReport,
		memo: inAddress,
	}
)

// findPrograms looks up the interpreter of the executable, what is started through prefixes, and their interpreters. It
// is a guess at what others will do (sudo has a PATH of its own), so that nothing is found is a fact like any other.
func (c *capture) findPrograms() (all []Program) {
	line := cmdline.Invocation{Argv: c.spec.Argv, Environ: c.spec.Environ}
	all = c.appendInterpreter(all, line, absolute(c.exe, c.spec.Dir), "0")
	for n, inner := range line.Wrapped() {
		number := strconv.Itoa(n + 1)
		p := c.findProgram(inner, "program", number)
		if p.hidden = holdsSecret(c.spec.Argv, inner.Argv); p.hidden {
			c.seen.NoteBeyond()
		}
		all = append(all, p)
		if p.Path != "" {
			all = c.appendInterpreter(all, inner, p.Path, number)
		}
	}
	return all
}

// holdsSecret reports whether the first word of a command line holds a secret, as a part of the whole or by itself: an
// option that is not known may have made it look like a program.
func holdsSecret(whole, inner []string) bool {
	at := len(whole) - len(inner)
	return at > 0 && whole[at] == inner[0] && masking.Words(whole)[at] || masking.Text(inner[0])
}

// findProgram looks up the first word of a command line.
func (c *capture) findProgram(i cmdline.Invocation, kind, number string) Program {
	p := Program{Name: i.Argv[0], Dir: c.spec.Dir, Environ: i.Environ, kind: kind, number: number}
	for _, dir := range i.Dirs {
		p.Dir = absolute(dir, p.Dir)
	}
	seen := c.seen
	if p.Dir != c.spec.Dir { // names start in the working directory
		seen.NoteBeyond()
		seen = nil
	}
	if path, err := c.resolve(seen, p.Name, p.Dir, p.Environ); err == nil {
		p.Path = absolute(path, p.Dir)
	}
	return p
}

// appendInterpreter adds the program that the first line of a script names; env is looked through.
func (c *capture) appendInterpreter(all []Program, i cmdline.Invocation, script, number string) []Program {
	i.Argv = c.shebang(script)
	if len(i.Argv) == 0 {
		return all
	}
	if i.Argv = append(i.Argv, script); cmdline.ProgramName(i.Argv[0]) == "env" {
		if inner, ok := i.Unwrap(); ok {
			i = inner
		}
	}
	return append(all, c.findProgram(i, "interpreter", number))
}

// longestShebang is how much of the first line Linux reads.
const longestShebang = 256

// readShebang returns the interpreter that the first line of a script names, and its argument if there is one; nil: it
// is no script.
func readShebang(path string) []string {
	f, err := openContent(path, true)
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, longestShebang)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	line, _, _ := strings.Cut(string(head[:n]), "\n")
	line, ok := strings.CutPrefix(line, "#!")
	if line = strings.Trim(line, " \t"); !ok || line == "" {
		return nil
	}
	words := []string{line}
	if end := strings.IndexAny(line, " \t"); end > 0 {
		words = []string{line[:end], strings.TrimLeft(line[end:], " \t")}
	}
	if !strings.Contains(words[0], "/") {
		words[0] = "./" + words[0] // the kernel does not search
	}
	return words
}

// addPrograms adds these programs as addExecutable adds the executable. One that cannot be read counts by what a look
// at it says.
func (c *capture) addPrograms() error {
	if c.spec.Name != "" || c.spec.Exe == ExeNone {
		return nil
	}
	c.looked = true
	for _, p := range c.findPrograms() {
		if err := c.read(&p); err != nil {
			return err
		}
		c.text = p.append(c.text, c.spec.Exe)
		c.programs = append(c.programs, p)
	}
	return nil
}

func (c *capture) read(p *Program) error {
	if p.Path == "" || c.spec.Exe == ExePath && !p.hidden {
		return nil
	}
	var err error
	p.sum, p.id, err = c.content(c, p.Path, true)
	if errors.Is(err, errChanged) {
		return &InputError{Path: p.Path, Err: err}
	}
	if err != nil {
		p.opaque, p.sum = true, p.id.sum()
	}
	return nil
}

func (p *Program) append(text []byte, mode ExeMode) []byte {
	text = append(append(append(append(text, p.kind...), ' '), p.number...), ' ')
	if p.Path == "" {
		return append(text, "absent\n"...)
	}
	named := mode != ExeDigest && !p.hidden
	if named {
		text = appendQuoted(text, p.Path)
	}
	if mode != ExePath || p.hidden {
		if named {
			text = append(text, ' ')
		}
		if p.opaque {
			text = append(text, "unreadable "...)
		}
		text = appendSum(text, p.sum)
	}
	return append(text, '\n')
}

// reportPrograms is of both kinds. Of a program that is not there what would be started in its place tells.
func reportPrograms(r *Recipe, spec *Spec, to *Report) {
	for i := range r.programs {
		p := &r.programs[i]
		if p.hidden {
			to.refuse("a nested run starts a program whose name must not be written down")
			return
		}
		to.search(p, spec.Past)
		switch sum, known := p.Sum(); {
		case p.Path == "" || spec.Exe == ExePath: // the executable's content is not told either
		case known:
			to.Contents = append(to.Contents, Content{p.Path, sum.String()})
		default:
			to.refuse("a nested run starts a program that cannot be read")
		}
	}
}

func parseProgram(r *reader, f *Fact) {
	if r.named(f, r.number); r.try("absent") {
		return
	}
	if r.startsQuoted() {
		if r.quoted(); !r.try(" ") {
			return
		}
	}
	r.try("unreadable ")
	r.sum(plainSum)
}

func changedProgram(_ *differ, s states) string {
	oldPath, recentPath := pathOf(s.old), pathOf(s.recent)
	isSum := func(value string) bool { return strings.Contains(value, plainSum) }
	switch {
	case !s.had || !s.has:
		return strings.TrimSuffix(s.kind+" "+oldPath+recentPath, " ") + cameOrWent(s.has, " added", " removed")
	case s.old != "absent" && s.recent != "absent" &&
		(isSum(s.old) != isSum(s.recent) || (oldPath == "") != (recentPath == "")):
		return "" // --exe is another, which the executable tells
	case oldPath == recentPath:
		return strings.TrimSuffix(s.kind+" "+oldPath, " ") + " changed"
	case oldPath == "":
		return s.kind + " " + recentPath + " found"
	case recentPath == "":
		return s.kind + " " + oldPath + " not found"
	}
	return s.kind + " " + oldPath + " -> " + recentPath
}

// IsHidden reports whether the name must not be written down.
func (p *Program) IsHidden() bool { return p.hidden }

// Sum is the digest of the program's content; false if that is not known.
func (p *Program) Sum() (Digest, bool) { return p.sum, p.sum != Digest{} && !p.opaque }
