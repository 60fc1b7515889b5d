package masking

import (
	"slices"
	"strings"
)

// reference stands in a text for what a shell will put there: $NAME, $(command). No word of a command line can hold it.
const reference = 0

// resolve puts a reference in the place of each expansion of a shell text. What is in single quotes is none.
func resolve(text string) string {
	if !strings.ContainsAny(text, "$`") {
		return text
	}
	var b strings.Builder
	single, double := false, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\'' && !double:
			single = !single
		case c == '"' && !single:
			double = !double
		case single:
		case c == '\\' && i+1 < len(text):
			b.WriteByte(c)
			i++
		case c == '`':
			b.WriteByte(reference)
		case c == '$':
			if n := expansion(text[i+1:]); n > 0 || strings.HasPrefix(text[i+1:], "(") {
				b.WriteByte(reference)
				i += n
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// expansion returns the length of the name in an expansion, of which s is what follows the dollar; 0 if it is none.
// What is in $(...) is left there: it is a command.
func expansion(s string) int {
	switch {
	case s == "":
		return 0
	case s[0] == '{':
		return strings.IndexByte(s, '}') + 1
	case isDigit(s[0]) || strings.IndexByte("@*#?$!-", s[0]) >= 0:
		return 1
	}
	n := 0
	for n < len(s) && (isAlphanumeric(s[n]) || s[n] == '_') {
		n++
	}
	return n
}

// isText says whether a word may be more than one: a shell text, a header, a statement.
func isText(word string) bool { return strings.ContainsAny(word, blanks+";|&<`") }

// textHasSecret judges a text like the command lines in it.
func textHasSecret(text string, depth int) bool {
	if hasSQLPassword(text) {
		return true
	}
	commands := split(text)
	for _, fields := range commands {
		for _, secret := range mark(fields, depth) {
			if secret {
				return true
			}
		}
	}
	return pipesSecret(commands)
}

// split cuts a shell text into its commands and these into their fields, without quotes. It need not know all of the
// grammar: what is cut in a wrong place is still looked at.
func split(text string) [][]string {
	var c cutter
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		b := text[i]
		switch {
		case quote != 0 && b == quote:
			quote = 0
		case b == '\\' && quote != '\'' && i+1 < len(text):
			i++
			c.add(text[i])
		case quote != 0:
			c.add(b)
		case b == '\'' || b == '"':
			quote, c.began = b, true
		case strings.IndexByte("\n;|&()`", b) >= 0:
			c.endCommand()
		case strings.IndexByte(blanks+"<>", b) >= 0:
			c.endField()
		default:
			c.add(b)
		}
	}
	c.endCommand()
	return c.commands
}

// cutter collects what split finds.
type cutter struct {
	commands [][]string
	fields   []string
	field    []byte
	began    bool // an empty pair of quotes is a field, too
}

func (c *cutter) add(b byte) { c.field, c.began = append(c.field, b), true }

func (c *cutter) endField() {
	if c.began {
		c.fields = append(c.fields, string(c.field))
	}
	c.field, c.began = c.field[:0], false
}

func (c *cutter) endCommand() {
	if c.endField(); len(c.fields) > 0 {
		c.commands = append(c.commands, c.fields)
	}
	c.fields = nil
}

// pipesSecret finds a secret that one command prints for another one to read: echo hunter2 | docker login
// --password-stdin.
func pipesSecret(commands [][]string) bool {
	reads, prints := false, false
	for _, fields := range commands {
		name := programName(fields[0])
		reads = reads || name == "chpasswd" || name == "sudo" && slices.Contains(fields, "-S") ||
			name == "passwd" && slices.Contains(fields, "--stdin") ||
			slices.ContainsFunc(fields, func(f string) bool {
				return isOneOf(f, "--password-stdin --with-token --token-stdin --passphrase-fd")
			})
		if name == "echo" || name == "printf" {
			prints = prints || slices.ContainsFunc(fields[1:], func(f string) bool {
				return !isFlag(f) && f != `%s\n` && isValue(f)
			})
		}
	}
	return reads && prints
}

// hasSQLPassword finds PASSWORD 'x', PASSWORD('x') and IDENTIFIED BY 'x'.
func hasSQLPassword(text string) bool {
	lower := strings.ToLower(text)
	for _, keyword := range []string{"password", " by"} {
		rest := lower
		for {
			before, behind, found := strings.Cut(rest, keyword)
			if !found {
				break
			}
			rest = behind
			if keyword == " by" && !strings.Contains(before, "identified") {
				continue
			}
			value := strings.TrimLeft(behind, blanks+"=(")
			if len(value) < len(behind) && value != "" && isQuote(value[0]) && isValue(valueOf(value)) {
				return true
			}
		}
	}
	return false
}
