// Package masking tells which words of a command line hold a secret, so that they are stored by length and digest
// alone.
//
// It goes by a table of known forms, because looks mislead in both directions: a password is often an ordinary word,
// and a commit, a path or a pod name often looks random. What it asks, in this order: is the word behind a flag, or in
// a place, of which the program is known to hold a secret there (programs.go); is it the value of something whose name
// says so (names.go); is it a token of a known form, or long and random without the structure of a path or of words
// (tokens.go)? A word may be a whole shell text: then each command in it is judged like a command line (text.go), and
// the word is secret if any part is.
package masking

import "strings"

// Version is the version of the table: recipes name it. It rises whenever another word may be masked than before.
const Version = "2"

// LongestShown is the length in bytes up to which a word is shown at all.
const LongestShown = 256

// Words says of each word of a command line whether it holds a secret.
func Words(argv []string) []bool { return mark(argv, 0) }

// Text says whether a text that stands alone holds a secret: a tag, a name, a line.
func Text(s string) bool { return holdsSecret(s, 0, false) }

// Variable says whether a variable of this name holds a secret.
func Variable(name, value string) bool { return rate(name).admits(value) }

// deepest is how many texts within texts are looked into.
const deepest = 4

// line is a command line on the way through its words.
type line struct {
	words   []string
	depth   int
	command int // where the command begins that the present word belongs to
	forms   []form
	carries bool // what follows may be a command of its own
}

// mark judges each word of a command line, which in a text may be the fields of one command.
func mark(words []string, depth int) []bool {
	secret := make([]bool, len(words))
	l := line{words: words, depth: depth, carries: true}
	for i, word := range words {
		if l.begins(i) {
			l.command = i
			l.forms, l.carries = formsOf(word)
			secret[i] = holdsSecret(word, depth, false)
			continue
		}
		secret[i] = l.secretAt(i)
	}
	return secret
}

// begins says whether a command begins with this word: the first, and behind a program that runs others, or one that is
// not known, each name of a known program. So sudo, docker exec and find -exec need not be understood.
func (l *line) begins(i int) bool {
	return i == 0 || l.carries && isKnown(l.words[i])
}

func (l *line) secretAt(i int) bool {
	word, previous := l.words[i], l.words[i-1]
	plain := false
	for _, f := range l.forms {
		if !f.applies(l.words[l.command:i]) {
			continue
		}
		if f.hasSecret(l.words[l.command:], i-l.command) {
			return true
		}
		plain = plain || f.isPlain(word, previous)
	}
	return !plain && (followsName(previous, word) || l.isSet(i)) || holdsSecret(word, l.depth, plain)
}

// isSet finds what a configuration is told to remember: config set requirepass X, git config user.password X, jq --arg
// token X.
func (l *line) isSet(i int) bool {
	name, value := l.words[i-1], l.words[i]
	verb := i - 2
	for verb > l.command && isFlag(l.words[verb]) && l.words[verb] != "--arg" {
		verb--
	}
	if verb < 0 || strings.HasPrefix(name, "-") || strings.Contains(name, "=") || isFileName(name) || isFlag(value) {
		return false
	}
	switch word := l.words[verb]; {
	case word == "config" && !strings.Contains(name, "."):
		return false
	case !isOneOf(word, "config put --arg") && !strings.HasSuffix(word, "set"):
		return false
	}
	return rate(name[strings.LastIndexAny(name, "/:")+1:]).admits(value)
}

// holdsSecret judges a word by itself. Of one that is known to be plain, the names in it say nothing: it may be a
// message.
func holdsSecret(word string, depth int, plain bool) bool {
	text := isText(word)
	if text {
		word = resolve(word)
	}
	switch {
	case word == "":
		return false
	case len(word) > LongestShown || strings.Contains(word, "-----BEGIN") && strings.Contains(word, "PRIVATE KEY"):
		return true
	case hasToken(word) || hasUserinfo(word):
		return true
	case plain:
		return false
	}
	return hasNamedSecret(word) || depth < deepest && text && textHasSecret(word, depth+1)
}
