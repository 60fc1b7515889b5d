package hashing

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
	return late.Parse(text, programName(shell) == "zsh")
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
