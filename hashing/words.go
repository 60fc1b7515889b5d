package hashing

import "github.com/cachex-cli/cachex/masking"

// What changed of words, which have an order, differ.words finds out.
var wordFact = factKind{
	name: FactWord, add: (*capture).addWords, parse: func(r *reader, _ *Fact) { r.word() }, report: nothingToReport,
	memo: memoOfWords,
}

// memoOfWords: some words mean a descriptor, if there is one.
func memoOfWords(spec, left *Spec) {
	if !NamesDescriptors(spec.Argv) {
		left.Argv = nil
	}
}

func (c *capture) addWords() error {
	if c.spec.Name == "" {
		c.text = appendWords(c.text, c.spec)
	}
	return nil
}

// appendWords adds the command line in its order, words that hold secrets by length and digest only.
func appendWords(text []byte, spec *Spec) []byte {
	secret := masking.Words(spec.Argv)
	for i, word := range spec.Argv {
		text = append(text, "word "...)
		if secret[i] {
			text = appendMasked(text, word, spec.Secret)
		} else {
			text = appendQuoted(text, word)
		}
		text = append(text, '\n')
		if len(text) > MaxRecipe {
			break // Capture refuses it; no need to go on
		}
	}
	return text
}
