package hashing

import (
	"errors"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// longestParsed is the length in bytes up to which a shell text is parsed: a parser is recursive, and its stack is
// bounded.
const longestParsed = 16 << 10

var errLongText = errors.New("too long to be parsed")

func parseShell(text, shell string) (*syntax.File, error) {
	if len(text) > longestParsed {
		return nil, errLongText
	}
	variant := syntax.LangBash
	if programName(shell) == "zsh" {
		variant = syntax.LangZsh
	}
	return syntax.NewParser(syntax.Variant(variant)).Parse(strings.NewReader(text), "")
}

// shellText returns the index of the text that a shell is given with -c; 0: there is none.
func shellText(argv []string) int {
	if len(argv) == 0 || !isShell(argv[0]) {
		return 0
	}
	commands := false
	i := 1
	for ; i < len(argv); i++ {
		word := argv[i]
		if word == "--" || word == "-" {
			i++
			break
		}
		if len(word) < 2 || word[0] != '-' && word[0] != '+' {
			break
		}
		if strings.HasPrefix(word, "--") {
			if word == "--rcfile" || word == "--init-file" {
				i++
			}
			continue
		}
		commands = commands || word[0] == '-' && strings.Contains(word, "c")
		i += strings.Count(word, "o") + strings.Count(word, "O") // each takes the next word: -o pipefail
	}
	if !commands || i >= len(argv) {
		return 0
	}
	return i
}

func isShell(program string) bool {
	switch programName(program) {
	case "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh":
		return true
	case "fish": // much of it reads like the others, and the rest is cut at blanks
		return true
	}
	return false
}

// literal returns what a word means, if it means the same in each shell and directory.
func literal(word *syntax.Word) (string, bool) {
	var b strings.Builder
	for _, part := range word.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			if !unescape(&b, p.Value, "") {
				return "", false
			}
		case *syntax.SglQuoted:
			if p.Dollar {
				return "", false
			}
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			for _, part := range p.Parts {
				lit, ok := part.(*syntax.Lit)
				if !ok || p.Dollar {
					return "", false
				}
				unescape(&b, lit.Value, "$`\"\\\n")
			}
		default:
			return "", false
		}
	}
	return b.String(), true
}

// unescape writes a text without its backslashes. escapable lists what they stand before within double quotes; it is
// empty outside of them, where they stand before anything, and where a pattern is no literal.
func unescape(b *strings.Builder, text, escapable string) (ok bool) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && (escapable == "" || strings.IndexByte(escapable, text[i+1]) >= 0):
			if i++; text[i] != '\n' {
				b.WriteByte(text[i])
			}
		case escapable == "" && strings.IndexByte("*?[", c) >= 0:
			return false
		default:
			b.WriteByte(c)
		}
	}
	return true
}
