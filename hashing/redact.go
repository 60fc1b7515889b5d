package hashing

import (
	"fmt"
	"strings"
)

// longestShown is the length in bytes up to which a word is shown at all.
const longestShown = 256

// shortestToken is the number of hex or base64 characters in a row, one of them a digit, that makes a word look like a token.
const shortestToken = 12

// Redact returns how a word of a command line may be shown and stored outside of recipes: as Show does, or, if it looks like a secret,
// only its length. previous is the word before it, or empty.
func Redact(word, previous string) (shown string, secret bool) {
	if isSecret(word, previous) {
		return fmt.Sprintf("(%d secret bytes)", len(word)), true
	}
	return Show(word), false
}

// isSecret decides by looks alone, and rather too often than too seldom: a word hidden in vain costs readability, one shown in vain a
// password. A word may be a whole shell script (sh -c), so what holds between words also holds between the fields of one.
func isSecret(word, previous string) bool {
	if len(word) > longestShown {
		return true
	}
	if word == "" {
		return false
	}
	return asksForSecret(lastField(previous)) || hasNamedSecret(word) || hasSecretField(word) || hasUserinfo(word) || hasToken(word)
}

// speaksOfSecret: the name of a flag, a variable, a header.
func speaksOfSecret(name string) bool {
	name = strings.ToLower(name)
	for _, topic := range []string{"pass", "token", "key", "secret", "auth"} {
		if strings.Contains(name, topic) {
			return true
		}
	}
	return false
}

// asksForSecret: after --password, PASSWORD= and Bearer comes the secret itself.
func asksForSecret(field string) bool {
	field = strings.Trim(field, `'"`)
	if strings.EqualFold(field, "bearer") {
		return true
	}
	name, value, assigns := strings.Cut(field, "=")
	return value == "" && (assigns || strings.HasPrefix(field, "-")) && speaksOfSecret(name)
}

func lastField(s string) string {
	s = strings.TrimRight(s, blanks)
	return s[strings.LastIndexAny(s, blanks)+1:]
}

const blanks = " \t\r\n\v\f"

// hasSecretField looks inside of a shell text or a header: mysql --password x; Authorization: Bearer x.
func hasSecretField(word string) bool {
	if !strings.ContainsAny(word, blanks) {
		return false
	}
	previous := ""
	for field := range strings.FieldsSeq(word) {
		if asksForSecret(previous) {
			return true
		}
		previous = field
	}
	return false
}

// hasNamedSecret finds NAME=value anywhere in the word (--token=x, PGPASSWORD=x, ?api_key=x), and the same said by a header or in JSON
// (X-Api-Key: x, "token":"x").
func hasNamedSecret(word string) bool {
	for i := 1; i < len(word)-1; i++ {
		if word[i] == '=' || word[i] == ':' && (isQuote(word[i-1]) || isQuote(word[i+1]) || strings.IndexByte(blanks, word[i+1]) >= 0) {
			if speaksOfSecret(nameBefore(word[:i])) {
				return true
			}
		}
	}
	return false
}

func isQuote(b byte) bool { return b == '"' || b == '\'' }

// nameBefore returns the name that s ends in, perhaps in quotes.
func nameBefore(s string) string {
	s = strings.TrimRight(s, `'"`)
	i := len(s)
	for i > 0 && (isAlphanumeric(s[i-1]) || strings.IndexByte("_-.", s[i-1]) >= 0) {
		i--
	}
	return s[i:]
}

// hasUserinfo finds scheme://user@host. Only a slash ends the authority here: passwords with ? or # in them are common, if not legal.
func hasUserinfo(word string) bool {
	for {
		_, rest, found := strings.Cut(word, "://")
		if !found {
			return false
		}
		authority := rest
		if end := strings.IndexAny(rest, "/"+blanks); end >= 0 {
			authority = rest[:end]
		}
		if strings.Contains(authority, "@") {
			return true
		}
		word = rest
	}
}

// hasToken finds shortestToken characters of base64 (which has those of hex) in a row, one of them a digit. The slash is one of them,
// so many paths with a digit are hidden too. The characters that only the URL form of base64 has, - and _, are frequent in ordinary
// words: a row with these must also mix cases.
func hasToken(word string) bool {
	var strict, loose row
	for i := range len(word) {
		b := word[i]
		plain := isAlphanumeric(b)
		padding := b == '=' && strict.length > 0 && (i+1 == len(word) || !isAlphanumeric(word[i+1])) // not NAME=value
		if strict.take(b, plain || padding || b == '+' || b == '/') && strict.digit {
			return true
		}
		if loose.take(b, plain || b == '-' || b == '_') && loose.digit && loose.upper && loose.lower {
			return true
		}
	}
	return false
}

// row is what is known of the characters in a row that end here.
type row struct {
	length              int
	digit, upper, lower bool
}

// take goes on by one character, or starts anew after one that does not belong; it says whether the row is long enough.
func (r *row) take(b byte, belongs bool) bool {
	if !belongs {
		*r = row{}
		return false
	}
	r.length++
	r.digit = r.digit || '0' <= b && b <= '9'
	r.upper = r.upper || 'A' <= b && b <= 'Z'
	r.lower = r.lower || 'a' <= b && b <= 'z'
	return r.length >= shortestToken
}

func isAlphanumeric(b byte) bool {
	return '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z'
}
