package hashing

import (
	"fmt"
	"slices"
	"strings"
)

// Change is one difference between two recipes of a command.
type Change struct {
	Kind string // of the fact, as in Fact
	Name string // as in Fact; the number of a word
	Text string // for people, on one line: file go.sum changed
}

// Diff says what is different in the recipe of a run from that of an earlier one: what was asked for first, then what
// was found. It returns nothing for equal texts. If one of them is not a recipe it says that, rather than guess.
func Diff(old, recent []byte) []Change {
	if string(old) == string(recent) {
		return nil
	}
	before, err := ParseRecipe(old)
	if err == nil {
		var after []Fact
		if after, err = ParseRecipe(recent); err == nil {
			d := differ{before: indexFacts(before), after: indexFacts(after), argv: plainWords(after)}
			d.words(wordsOf(before), wordsOf(after))
			d.same = len(d.changes) == 0
			d.facts(before, after)
			if d.changes == nil { // two texts that Capture cannot have written for one command
				d.add("recipe", "", "recipe changed")
			}
			return d.changes
		}
	}
	return []Change{{Kind: "recipe", Text: fmt.Sprintf("recipe unknown: %v", err)}}
}

// subject is what a fact is about.
type subject struct{ kind, name string }

type differ struct {
	before, after map[subject]string
	same          bool // the words are the same
	argv          []string
	changes       []Change
}

// indexFacts leaves out words, which have an order. A link may have two facts; their order is fixed.
func indexFacts(facts []Fact) map[subject]string {
	index := make(map[subject]string, len(facts))
	for _, f := range facts {
		if f.Kind != "word" {
			s := subject{f.Kind, f.Name}
			if earlier, ok := index[s]; ok {
				f.Value = earlier + "\n" + f.Value
			}
			index[s] = f.Value
		}
	}
	return index
}

func (d *differ) add(kind, name, text string) {
	d.changes = append(d.changes, Change{Kind: kind, Name: name, Text: text})
}

// words compares the command lines between what they have in common at both ends, so that one word more is one change.
func (d *differ) words(old, recent []string) {
	first := 0
	for first < min(len(old), len(recent)) && old[first] == recent[first] {
		first++
	}
	same := 0
	for same < min(len(old), len(recent))-first && old[len(old)-1-same] == recent[len(recent)-1-same] {
		same++
	}
	old, recent = old[first:len(old)-same], recent[first:len(recent)-same]
	for i := range max(len(old), len(recent)) {
		number := fmt.Sprint(first + i + 1) // the command itself is word 1
		switch {
		case i >= len(old):
			d.add("word", number, "word "+number+" "+shownWord(recent[i])+" added")
		case i >= len(recent):
			d.add("word", number, "word "+number+" "+shownWord(old[i])+" removed")
		case isHidden(old[i]) != isHidden(recent[i]) && d.retabled(): // it may be the same word
		case isHidden(old[i]) || isHidden(recent[i]):
			d.add("word", number, "word "+number+" changed")
		case old[i] != recent[i]:
			d.add("word", number, "word "+number+" "+old[i]+" -> "+recent[i])
		}
	}
}

// retabled says that the two recipes were written under different tables of secrets.
func (d *differ) retabled() bool {
	s := subject{kind: "masking"}
	return d.before[s] != d.after[s]
}

func wordsOf(facts []Fact) []string {
	var words []string
	for _, f := range facts {
		if f.Kind == "word" {
			words = append(words, f.Value)
		}
	}
	return words
}

// plainWords are the words of a recipe, hidden ones empty.
func plainWords(facts []Fact) []string {
	var words []string
	for _, f := range facts {
		if f.Kind == "word" {
			text, _ := f.Text()
			words = append(words, text)
		}
	}
	return words
}

func isHidden(word string) bool { return !strings.HasPrefix(word, `"`) }

func shownWord(word string) string {
	if isHidden(word) {
		return "(secret)"
	}
	return word
}

// changeOrder is where a change stands among others: what is asked for comes before what is found.
type changeOrder uint8

const (
	ofAll     changeOrder = iota // system and sharing
	ofProgram                    // what is started
	ofPlace                      // where
	ofGiven                      // what it is handed
	ofAsked                      // which variables and files
	ofFound                      // in what state they are
	lastOrder = ofFound
)

// facts compares all others.
func (d *differ) facts(before, after []Fact) {
	all := slices.Concat(before, after)
	for order := range lastOrder + 1 {
		for _, k := range kinds {
			if k.order == order {
				d.kind(k, all)
			}
		}
	}
}

// kind compares the facts of a kind, in the order of the recipes.
func (d *differ) kind(k *factKind, all []Fact) {
	seen := map[string]bool{}
	for _, f := range all {
		if f.Kind == k.name && !seen[f.Name] {
			seen[f.Name] = true
			d.compare(k, f.Name)
		}
	}
}

// states are those of a subject in two recipes.
type states struct {
	subject
	old, recent string
	had, has    bool // whether there is one in the old recipe, and in the recent one
}

// changed is what can be said of any fact.
func (s states) changed() string {
	if s.had && s.has {
		return s.kind + " changed"
	}
	return s.kind + cameOrWent(s.has, " added", " removed")
}

func (d *differ) compare(k *factKind, name string) {
	s := states{subject: subject{k.name, name}}
	s.old, s.had = d.before[s.subject]
	s.recent, s.has = d.after[s.subject]
	if s.had == s.has && s.old == s.recent {
		return
	}
	text := s.changed()
	if k.change != nil {
		text = k.change(d, s)
	}
	said := func(c Change) bool { return c.Text == text } // of a file that a pattern and a word name
	if text != "" && !slices.ContainsFunc(d.changes, said) {
		d.add(k.name, name, text)
	}
}

func cameOrWent(came bool, yes, no string) string {
	if came {
		return yes
	}
	return no
}

// asked reports whether the run that has no fact of a name asked for it, by a pattern of a kind. If not, the fact of
// the other is no change of what is named: the change of the pattern says all.
func (d *differ) asked(kind string, s states, covers func(pattern, name string) bool) bool {
	without := d.before
	if s.had {
		without = d.after
	}
	for pattern := range without {
		if pattern.kind == kind && covers(pattern.name, s.name) {
			return true
		}
	}
	return false
}

// shownWord takes a word and shows it.
func (r *reader) shownWord() string {
	start := r.rest
	r.word()
	return shownWord(start[:len(start)-len(r.rest)])
}
