package hashing

import (
	"fmt"
	"strconv"

	"github.com/cachex-cli/cachex/masking"
)

// Redact returns how a text of the command line may be shown and stored outside of recipes: as Show does, or, if it
// holds a secret, only its length.
func Redact(text string) string {
	if masking.Text(text) {
		return fmt.Sprintf("(%d secret bytes)", len(text))
	}
	return Show(text)
}

// Guard returns a text as recipes show it: as it is, or, if it holds a secret, its length and digest. It is for texts
// of the command line that are stored elsewhere than in a recipe, such as tags.
func Guard(text string, secret []byte) string {
	if !masking.Text(text) {
		return text
	}
	return string(appendMasked(nil, text, secret))
}

// appendGuarded adds a text in quotes, or its length and digest if it holds a secret.
func appendGuarded(text []byte, value string, secret []byte) []byte {
	if masking.Text(value) {
		return appendMasked(text, value, secret)
	}
	return appendQuoted(text, value)
}

// appendMasked adds the length and the digest of what must not be stored.
func appendMasked(text []byte, value string, secret []byte) []byte {
	text = strconv.AppendInt(append(text, "secret "...), int64(len(value)), 10)
	return appendValueSum(append(text, ' '), value, secret)
}
