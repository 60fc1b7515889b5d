package cmdline

import (
	"errors"
	"strings"

	"github.com/cachex-cli/cachex/late"
)

// longestParsed is the length in bytes up to which a shell text is parsed: a parser is recursive, and its stack is
// bounded.
const longestParsed = 16 << 10

var errLongText = errors.New("too long to be parsed")

// parseShell takes a shell text apart.
func parseShell(text, shell string) ([]late.Node, error) {
	if len(text) > longestParsed {
		return nil, errLongText
	}
	return late.Parse(text, ProgramName(shell) == "zsh")
}

// shellText returns the index of the text that a shell is given with -c; 0: there is none.
func shellText(argv []string) int {
	if len(argv) == 0 || !IsShell(argv[0]) {
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

// IsShell reports whether a program is a shell, which takes a text with -c.
func IsShell(program string) bool {
	switch ProgramName(program) {
	case "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh":
		return true
	case "fish": // much of it reads like the others, and the rest is cut at blanks
		return true
	}
	return false
}
