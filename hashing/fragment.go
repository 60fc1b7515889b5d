package hashing

import "strings"

// A fragment is a part of a page that has a name. It does not depend on the command line either, but it is no value:
// its name is in a fact of its own, with the words that tell its variants from each other, so that no name, whatever
// bytes it holds, is taken for the name of something else.
//
// No memo carries it: a fragment is asked for by a page that is being recorded, where no short way is taken.
var fragmentFact = factKind{
	name: FactFragment, add: (*capture).addFragment, parse: parseFragment, change: changedFragment, order: ofProgram,
	report: nothingToReport, // what it is called, and for whom it is, the page around it has said
}

// addFragment adds the name, as it is, and the words, where those that hold a secret appear as in a command line.
func (c *capture) addFragment() error {
	if !c.spec.Fragment {
		return nil
	}
	c.text = appendQuoted(append(c.text, "fragment "...), c.spec.Name)
	for _, word := range c.spec.Variant {
		c.text = appendGuarded(append(c.text, ' '), word, c.spec.Secret)
		if len(c.text) > MaxRecipe {
			break // Capture refuses it; no need to go on
		}
	}
	c.text = append(c.text, '\n')
	c.command = commandID(c.spec, nil)
	return nil
}

func parseFragment(r *reader, _ *Fact) {
	for r.quoted(); r.rest != "" && !r.failed; {
		r.space()
		r.word()
	}
}

// Words takes a fact that consists of several words, such as a fragment's, apart: each as the fact of a word.
func (f Fact) Words() (words []Fact) {
	for r := (&reader{rest: f.Value}); r.rest != "" && !r.failed; {
		start := r.rest
		r.word()
		words = append(words, Fact{Kind: FactWord, Value: start[:len(start)-len(r.rest)]})
		r.try(" ")
	}
	return words
}

func changedFragment(_ *differ, s states) string {
	old, recent := shownWords(s.old), shownWords(s.recent)
	if old == recent || !s.had || !s.has {
		return s.changed()
	}
	return s.kind + " " + old + " -> " + recent
}

func shownWords(value string) string {
	var shown []string
	for _, word := range (Fact{Value: value}).Words() {
		shown = append(shown, shownWord(word.Value))
	}
	return strings.Join(shown, " ")
}
