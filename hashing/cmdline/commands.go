package cmdline

import (
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/late"
)

// Command is a command line, or the text of one that a shell is given.
type Command struct {
	Words []string
	Text  string // of a shell, if there are no words
	Part  bool   // there are others beside it in a shell's text
}

// deepestShell is how many shells inside of shells are looked into.
const deepestShell = 4

// Commands returns what a command line leads to as far as its words tell: itself, what programs such as env and timeout
// start, and the texts and commands that shells are given. In a shell's text, a word that the shell would expand is
// returned as it is written.
func Commands(argv []string) []Command {
	if len(argv) == 0 {
		return nil
	}
	return appendCommands(nil, Command{Words: argv}, 0)
}

func appendCommands(all []Command, c Command, depth int) []Command {
	line := Invocation{Argv: c.Words}
	for _, i := range append([]Invocation{line}, line.Wrapped()...) {
		all = append(all, Command{Words: i.Argv, Part: c.Part})
		text := shellText(i.Argv)
		if text == 0 || depth == deepestShell {
			continue
		}
		all = append(all, Command{Text: i.Argv[text], Part: c.Part})
		commands := shellCommands(i.Argv[text], i.Argv[0])
		for _, words := range commands {
			all = appendCommands(all, Command{Words: words, Part: c.Part || len(commands) > 1}, depth+1)
		}
	}
	return all
}

// shellCommands returns the words of each simple command in a shell text. Of one that no parser understands it returns
// too many.
func shellCommands(text, shell string) (commands [][]string) {
	nodes, err := parseShell(text, shell)
	if err != nil {
		isBetween := func(r rune) bool { return strings.ContainsRune("|&;<>(){}`\n", r) }
		for part := range strings.FieldsFuncSeq(text, isBetween) {
			if words := strings.Fields(part); len(words) > 0 {
				commands = append(commands, words)
			}
		}
		return commands
	}
	for _, n := range nodes {
		if n.Kind != late.Call {
			continue
		}
		words := make([]string, len(n.Words))
		for i, word := range n.Words {
			words[i] = word.Text
		}
		commands = append(commands, words)
	}
	return commands
}

// FirstProgram returns the first word of a command line or, where that is a shell with a text, of the first program in
// the text: one that a shell has itself (cd, set) says less.
func FirstProgram(argv []string) string {
	text := shellText(argv)
	if text == 0 {
		return argv[0]
	}
	for _, words := range shellCommands(argv[text], argv[0]) {
		if name := words[0]; !slices.Contains(quietBuiltins, name) && !strings.ContainsAny(name, "$`=\"' ") {
			return name
		}
	}
	return argv[0]
}

// quietBuiltins prepare what comes behind them in a shell text.
var quietBuiltins = []string{
	"cd", "set", "export", "unset", "trap", "umask", "ulimit", "shopt", ".", "source", ":", "true", "local", "exec",
}
