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
	Name  string // what it is about, where a recipe may have several of its kind
	Value string // the rest as it stands there: quoted words, digests, unset
}

// Kinds of facts that are looked for in stored recipes.
const (
	FactNamespace = "namespace"
	FactName      = "name"
	FactFragment  = "fragment"
	FactWord      = "word"
	FactDirectory = "directory"
	FactScope     = "scope"
)

// Text returns what Value quotes, if it is one quoted word and nothing else: a namespace, a scope, a name, a word that
// is no secret.
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
	facts, unknown, err := parseFacts(text)
	if err == nil && unknown > 0 {
		err = fmt.Errorf("line %d: %w", unknown, errRecipe)
	}
	if err != nil {
		return nil, err
	}
	return facts, nil
}

// Facts takes the text of a stored recipe apart as far as this version knows it. A line that another version may have
// written has its first word as kind and the rest as value. Without a result, it is no recipe.
func Facts(text []byte) []Fact {
	facts, _, _ := parseFacts(text)
	return facts
}

// parseFacts returns all lines, and the number of the first that this version does not know; 0: it knows them all.
func parseFacts(text []byte) (facts []Fact, unknown int, err error) {
	if len(text) > MaxRecipe {
		return nil, 0, &TooLarge{Limit: MaxRecipe}
	}
	body, ok := strings.CutPrefix(string(text), header)
	if !ok || body != "" && !strings.HasSuffix(body, "\n") {
		return nil, 0, errRecipe
	}
	var r reader
	for line := range strings.Lines(body) {
		facts = append(facts, Fact{})
		if !r.fact(strings.TrimSuffix(line, "\n"), &facts[len(facts)-1]) && unknown == 0 {
			unknown = len(facts) + 1
		}
	}
	return facts, unknown, nil
}

// fact takes a line apart; false: it is none of a kind that this version knows, in a form that it knows.
func (r *reader) fact(line string, f *Fact) bool {
	name, rest, _ := strings.Cut(line, " ")
	*f = Fact{Kind: name, Value: rest}
	k := factKindOf(name)
	if k == nil {
		return false
	}
	r.rest, r.failed = rest, false
	if k.parse(r, f); r.failed || r.rest != "" {
		*f = Fact{Kind: name, Value: rest}
		return false
	}
	return true
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
	if text, ok := r.plain(); ok {
		return text
	}
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

// plain takes a quoted text in which nothing has to be escaped, several times as fast.
func (r *reader) plain() (string, bool) {
	if !r.startsQuoted() {
		return "", false
	}
	for i := 1; i < len(r.rest); i++ {
		switch b := r.rest[i]; {
		case b == '"':
			text := r.rest[1:i]
			r.rest = r.rest[i+1:]
			return text, true
		case b < ' ' || b > '~' || b == '\\':
			return "", false
		}
	}
	return "", false
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

// named takes the name of a fact off the line, and leaves its value.
func (r *reader) named(f *Fact, take func()) {
	start := r.rest
	take()
	f.Name = start[:len(start)-len(r.rest)]
	r.space()
	f.Value = r.rest
}
