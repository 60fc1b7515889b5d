// Package depfile reads the Makefile rules in which compilers write down what they have read: gcc, clang, rustc, protoc
// and those that write as they do. It looks at no file.
package depfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What stands in such a file:
//
//	x.o: x.c a\ b.h \          targets, a colon with a space or the end of the line behind it, prerequisites;
//	 c\#1.h d$$e.h             a backslash at the end goes on in the next line
//	a\ b.h:                    a rule that keeps make quiet when a header is gone
//	# env-dep:CARGO_PKG_NAME=x of rustc: a variable that was asked for
//
// A backslash before a space, a tab or # means that character, and so before a colon; in front of a space or a tab
// backslashes are doubled, elsewhere they stand for themselves. $$ is a dollar, and a dollar alone is one, too. That is
// how gcc writes; who writes in another way names files that do not exist.

// Limit is the size in bytes of a file that is read.
const Limit = 10 << 20

// Inputs are what a run has depended on, each once, in the order in which they are named.
type Inputs struct {
	Files []string // as the run names them: relative ones to its working directory
	Env   []string // names of variables
}

var (
	errEmpty     = errors.New("there is no rule in it")
	errCut       = errors.New("it ends in the middle of a line")
	errTooLarge  = fmt.Errorf("it is larger than %d MiB", Limit>>20)
	errCharacter = errors.New("a character that no rule has")
	errNoColon   = errors.New("no rule")
)

// lineError is what is wrong with a line, counted from 1.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

func (e *lineError) Unwrap() error { return e.err }

// Parse takes the text of a file apart. All of it must be rules, and the last one must have ended; unended: its writer,
// like protoc, puts no newline behind the last name.
func Parse(text []byte, unended bool) (Inputs, error) {
	switch {
	case len(text) > Limit:
		return Inputs{}, errTooLarge
	case len(bytes.TrimSpace(text)) == 0:
		return Inputs{}, errEmpty
	case unended && text[len(text)-1] != '\n':
		text = append(slices.Clip(text), '\n')
	}
	p := parser{rest: text, line: 1, files: set{}, env: set{}}
	for len(p.rest) > 0 {
		if err := p.rule(); err != nil {
			return Inputs{}, &lineError{p.line, err}
		}
	}
	if p.rules == 0 {
		return Inputs{}, errEmpty
	}
	return p.inputs, nil
}

type set map[string]bool

// add appends a name that was not there before.
func (s set) add(list *[]string, name string) {
	if !s[name] {
		s[name] = true
		*list = append(*list, name)
	}
}

type parser struct {
	rest       []byte
	line       int
	rules      int
	inputs     Inputs
	files, env set
}

// rule takes a line, with those that it goes on in.
func (p *parser) rule() error {
	if p.rest[0] == '#' {
		return p.comment()
	}
	targets, colon := 0, false
	for {
		name, end, err := p.word(!colon)
		switch {
		case err != nil:
			return err
		case name != "" && colon:
			p.files.add(&p.inputs.Files, name)
		case name != "":
			targets++
		}
		switch end {
		case ':':
			colon = true
		case '\n':
			if colon != (targets > 0) {
				return errNoColon
			}
			if colon {
				p.rules++
			}
			p.line++
			return nil
		}
	}
}

// mark stands in front of a variable that rustc has looked at.
const mark = "# env-dep:"

func (p *parser) comment() error {
	end := bytes.IndexByte(p.rest, '\n')
	if end < 0 {
		return errCut
	}
	line := string(bytes.TrimSuffix(p.rest[:end], []byte("\r")))
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' }) {
		return errCharacter
	}
	if variable, ok := strings.CutPrefix(line, mark); ok {
		name, _, _ := strings.Cut(variable, "=")
		name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(name)
		if name == "" {
			return errNoColon
		}
		p.env.add(&p.inputs.Env, name)
	}
	p.rest = p.rest[end+1:]
	p.line++
	return nil
}

// word takes the next word, which may be empty, and what it ends in: a space, a newline, or the colon behind targets.
func (p *parser) word(inTargets bool) (name string, end byte, err error) {
	var b []byte
	for len(p.rest) > 0 {
		c := p.rest[0]
		switch {
		case c == '\\':
			ends := false
			if b, ends = p.backslashes(b); ends {
				return string(b), ' ', nil
			}
			continue
		case c == ' ' || c == '\t':
			p.rest = p.rest[1:]
			return string(b), ' ', nil
		case newline(p.rest) > 0:
			p.rest = p.rest[newline(p.rest):]
			return string(b), '\n', nil
		case c < ' ':
			return "", 0, errCharacter
		case c == ':' && inTargets && atEnd(p.rest[1:]):
			p.rest = p.rest[1:]
			return string(b), ':', nil
		case c == '$' && bytes.HasPrefix(p.rest, []byte("$$")):
			p.rest = p.rest[1:]
		}
		b, p.rest = append(b, c), p.rest[1:]
	}
	return "", 0, errCut
}

// backslashes takes some, and what they are about. ends: the word is over.
func (p *parser) backslashes(b []byte) (_ []byte, ends bool) {
	n := len(p.rest) - len(bytes.TrimLeft(p.rest, `\`))
	p.rest = p.rest[n:]
	isSpace := len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\t')
	isMarked := len(p.rest) > 0 && (p.rest[0] == '#' || p.rest[0] == ':' && !atEnd(p.rest[1:]))
	switch {
	case newline(p.rest) > 0:
		p.rest = p.rest[newline(p.rest):]
		p.line++
		return appendBackslashes(b, n-1), true
	case isSpace && n%2 == 0:
		return appendBackslashes(b, n/2), true
	case isSpace:
		b = appendBackslashes(b, n/2)
	case isMarked:
		b = appendBackslashes(b, n-1)
	default:
		return appendBackslashes(b, n), false
	}
	b, p.rest = append(b, p.rest[0]), p.rest[1:]
	return b, false
}

func appendBackslashes(b []byte, n int) []byte { return append(b, bytes.Repeat([]byte(`\`), n)...) }

// newline is the length of the end of a line that text begins with; 0: it is none.
func newline(text []byte) int {
	switch {
	case bytes.HasPrefix(text, []byte("\n")):
		return 1
	case bytes.HasPrefix(text, []byte("\r\n")):
		return 2
	}
	return 0
}

// atEnd reports whether text begins with what a colon must have behind it to end targets.
func atEnd(text []byte) bool {
	return len(text) == 0 || text[0] == ' ' || text[0] == '\t' || newline(text) > 0
}
