package hashing

import "strconv"

// appendWords adds the command line in its order, words that look like secrets by length and digest only.
func appendWords(text []byte, spec *Spec) []byte {
	previous := ""
	for _, word := range spec.Argv {
		text = append(appendWord(append(text, "word "...), word, previous, spec.Secret), '\n')
		previous = word
		if len(text) > MaxRecipe {
			break // Capture refuses it; no need to go on
		}
	}
	return text
}

// appendWord adds a word in quotes, or its length and digest if it looks secret.
func appendWord(text []byte, word, previous string, secret []byte) []byte {
	if !isSecret(word, previous) {
		return appendQuoted(text, word)
	}
	text = strconv.AppendInt(append(text, "secret "...), int64(len(word)), 10)
	return appendValueSum(append(text, ' '), word, secret)
}
