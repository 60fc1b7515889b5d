package cmd

import (
	"fmt"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/hashing/cmdline"
)

// recipeWord is a word of the command of a recipe.
type recipeWord struct {
	text   string // empty if it is a secret
	secret string // what the recipe holds of a secret
}

// commandWords lists the words of a recipe's command, or its name.
func commandWords(recipe []byte) []recipeWord {
	var words []recipeWord
	for _, f := range hashing.Facts(recipe) {
		switch f.Kind {
		case hashing.FactWord:
			words = append(words, recipeWordOf(f, ""))
		case hashing.FactName:
			words = append(words, recipeWordOf(f, "name:"))
		case hashing.FactFragment:
			mark := fragmentMark
			for _, word := range f.Words() {
				words = append(words, recipeWordOf(word, mark))
				mark = ""
			}
		}
	}
	return words
}

// recipeWordOf is a word behind a mark that says what it is.
func recipeWordOf(f hashing.Fact, mark string) recipeWord {
	text, readable := f.Text()
	if !readable {
		return recipeWord{secret: f.Value}
	}
	return recipeWord{text: mark + text}
}

// mask stands for a secret.
const mask = "***"

// masks numbers the secrets of one listing, so that command lines which differ by a secret look different.
type masks map[string]int

func (m masks) of(secret string) string {
	if m[secret] == 0 {
		m[secret] = len(m) + 1
	}
	return fmt.Sprintf("%s%d", mask, m[secret])
}

// line is a command as a person would type it.
func (m masks) line(words []recipeWord) string {
	shown := make([]string, len(words))
	for i, w := range words {
		if w.secret != "" {
			shown[i] = m.of(w.secret)
		} else {
			shown[i] = shellQuote(w.text)
		}
	}
	return strings.Join(shown, " ")
}

// matchRecipe matches a glob against a recipe's command line, as rules do.
func matchRecipe(pattern string, recipe []byte) bool {
	return matchCommand(pattern, cmdline.Commands(matchable(recipe))) != matchesNot
}

// matchable lists the words of a recipe's command as patterns see them: a secret is its mask without a number.
func matchable(recipe []byte) []string {
	var words []string
	for _, w := range commandWords(recipe) {
		if w.secret != "" {
			w.text = mask
		}
		words = append(words, w.text)
	}
	return words
}

// shellQuote quotes a word as a shell would need it, on one line.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-_./:=@%+,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(visible(s), "'", `'\''`) + "'"
}
