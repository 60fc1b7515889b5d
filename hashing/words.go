package hashing

import "github.com/cachex-cli/cachex/masking"

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
