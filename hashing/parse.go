package hashing

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Fact is one line of a recipe.
type Fact struct {
	Kind  string // its first word
	Name  string // of env, env-match, file, file-match, arg, descriptor and vary: what it is about; of program and interpreter: which command line
	Value string // the rest as it stands there: quoted words, digests, unset
}

// Text returns what Value quotes, if it is one quoted word and nothing else: a namespace, a scope, a name, a word that is no secret.
func (f Fact) Text() (string, bool) {
	r := &reader{rest: f.Value}
	text := r.quoted()
	if r.failed || r.rest != "" {
		return "", false
	}
	return text, true
}

var errRecipe = errors.New("not a recipe")

// ParseRecipe takes a recipe's text apart. It accepts only what Capture can have written, in the way it writes it.
func ParseRecipe(text []byte) ([]Fact, error) {
	if len(text) > MaxRecipe {
		return nil, &TooLarge{Limit: MaxRecipe}
	}
	body, ok := strings.CutPrefix(string(text), header)
	if !ok || body != "" && !strings.HasSuffix(body, "\n") {
		return nil, errRecipe
	}
	var facts []Fact
	for line := range strings.Lines(body) {
		fact, ok := parseFact(strings.TrimSuffix(line, "\n"))
		if !ok {
			return nil, fmt.Errorf("line %d: %w", len(facts)+2, errRecipe)
		}
		facts = append(facts, fact)
	}
	return facts, nil
}

func parseFact(line string) (Fact, bool) {
	kind, rest, _ := strings.Cut(line, " ")
	fact := Fact{Kind: kind, Value: rest}
	r := &reader{rest: rest}
	switch kind {
	case "platform":
		r.platform()
	case "masking":
		r.number()
	case "namespace", "user":
		r.quoted()
	case "word", "scope", "name":
		r.word()
	case "executable":
		r.executable()
	case interpreterFact, programFact:
		r.number()
		fact.Name = rest[:len(rest)-len(r.rest)]
		r.space()
		fact.Value = r.rest
		r.program()
	case "directory":
		r.directory()
	case "pty":
		r.pty()
	case "stdin":
		r.sum(plainSum)
	case "learned":
		r.digits("0123456789abcdef", 32, 32)
	case "vary":
		start := r.rest
		r.word()
		fact.Name = start[:len(start)-len(r.rest)]
		r.space()
		fact.Value = r.rest
		r.sum(plainSum)
	case "arg":
		start := r.rest
		r.place()
		fact.Name = start[:len(start)-len(r.rest)]
		r.space()
		fact.Value = r.rest
		r.argument()
	case "env-match":
		fact.Name, fact.Value = r.quoted(), ""
	case "file-match":
		fact.Name = r.quoted()
		fact.Value = strings.TrimPrefix(r.rest, " ")
		for r.try(" except ") {
			r.quoted()
		}
	case "descriptor":
		fact.Name, fact.Value, _ = strings.Cut(rest, " ")
		r.descriptor()
	case "env":
		fact.Name = r.quoted()
		r.space()
		fact.Value = r.rest
		r.variable()
	case "file":
		fact.Name = r.quoted()
		r.space()
		fact.Value = r.rest
		r.file()
	default:
		return Fact{}, false
	}
	return fact, !r.failed && r.rest == ""
}

// reader takes a line apart from its beginning; failed says that something else was there.
type reader struct {
	rest   string
	failed bool
}

// try takes exactly this text if it is there, and says whether it was.
func (r *reader) try(text string) bool {
	rest, ok := strings.CutPrefix(r.rest, text)
	if ok {
		r.rest = rest
	}
	return ok
}

// expect takes exactly this text.
func (r *reader) expect(text string) {
	if !r.try(text) {
		r.failed = true
	}
}

func (r *reader) space() { r.expect(" ") }

// quoted takes a quoted text, in the one spelling that appendQuoted gives it.
func (r *reader) quoted() string {
	prefix, err := strconv.QuotedPrefix(r.rest)
	if err != nil {
		r.failed = true
		return ""
	}
	text, err := strconv.Unquote(prefix)
	if err != nil || strconv.QuoteToASCII(text) != prefix {
		r.failed = true
		return ""
	}
	r.rest = r.rest[len(prefix):]
	return text
}

func (r *reader) startsQuoted() bool { return strings.HasPrefix(r.rest, `"`) }

// sum takes a digest with one of these algorithms.
func (r *reader) sum(algorithms ...string) {
	for _, algorithm := range algorithms {
		if r.try(algorithm) {
			r.digits("0123456789abcdef", 64, 64)
			return
		}
	}
	r.failed = true
}

// digits takes at least low and at most high of these characters.
func (r *reader) digits(set string, low, high int) {
	n := 0
	for n < len(r.rest) && n < high && strings.IndexByte(set, r.rest[n]) >= 0 {
		n++
	}
	if n < low {
		r.failed = true
	}
	r.rest = r.rest[n:]
}

// number takes a number that is not negative, without leading zeros.
func (r *reader) number() {
	if r.try("0") {
		return
	}
	r.digits("0123456789", 1, 19)
}

func (r *reader) platform() {
	const name = "abcdefghijklmnopqrstuvwxyz0123456789"
	r.digits(name, 1, 32)
	r.expect("/")
	r.digits(name, 1, 32)
}

func (r *reader) pty() {
	if r.try("yes") { // as it was before the size belonged to it
		return
	}
	r.number()
	r.expect("x")
	r.number()
}

func (r *reader) word() {
	if r.startsQuoted() {
		r.quoted()
		return
	}
	r.expect("secret ")
	r.number()
	r.space()
	r.sum(plainSum, keyedSum)
}

func (r *reader) executable() {
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

func (r *reader) program() {
	if r.try("absent") {
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

func (r *reader) directory() {
	if r.try("none") {
		return
	}
	if r.try("repo ") {
		r.quoted()
		r.expect(" of ")
		r.word()
	} else {
		r.expect("path ")
		if r.quoted(); r.try(" real ") {
			r.quoted()
		}
	}
	if r.try(" project ") {
		r.word()
	}
}

// place takes the place of a word, and perhaps of a literal in it.
func (r *reader) place() {
	if r.number(); r.try(".") {
		r.number()
	}
}

func (r *reader) argument() {
	if r.try("unreachable") || r.try(looseState) {
		return
	}
	r.try("unreadable ")
	r.sum(plainSum, keyedSum)
}

func (r *reader) variable() {
	if !r.try("unset") {
		r.sum(plainSum, keyedSum)
	}
}

func (r *reader) descriptor() {
	r.number()
	r.expect(" at ")
	r.number()
	r.expect(" of ")
	r.number()
	r.space()
	r.sum(plainSum)
}

func (r *reader) file() {
	if r.try("link ") {
		r.quoted()
		r.space()
		if r.try("same ") {
			r.quoted()
			return
		}
		if r.try("loop") {
			return
		}
	}
	for _, regular := range []string{"plain ", "exec "} {
		if r.try(regular) {
			r.number()
			r.space()
			r.sum(plainSum)
			return
		}
	}
	for _, other := range []kind{kindAbsent, kindDirectory, kindFIFO, kindSocket, kindDevice, kindUnreachable} {
		if r.try(other.String()) {
			return
		}
	}
	r.failed = true
}
