package hashing

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
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
	line := invocation{argv: c.Words}
	for _, i := range append([]invocation{line}, line.wrapped()...) {
		all = append(all, Command{Words: i.argv, Part: c.Part})
		text := shellText(i.argv)
		if text == 0 || depth == deepestShell {
			continue
		}
		all = append(all, Command{Text: i.argv[text], Part: c.Part})
		commands := shellCommands(i.argv[text], i.argv[0])
		for _, words := range commands {
			all = appendCommands(all, Command{Words: words, Part: c.Part || len(commands) > 1}, depth+1)
		}
	}
	return all
}

// shellCommands returns the words of each simple command in a shell text. Of one that no parser understands it returns
// too many.
func shellCommands(text, shell string) (commands [][]string) {
	file, err := parseShell(text, shell)
	if err != nil {
		isBetween := func(r rune) bool { return strings.ContainsRune("|&;<>(){}`\n", r) }
		for part := range strings.FieldsFuncSeq(text, isBetween) {
			if words := strings.Fields(part); len(words) > 0 {
				commands = append(commands, words)
			}
		}
		return commands
	}
	syntax.Walk(file, func(node syntax.Node) bool {
		if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			words := make([]string, len(call.Args))
			for i, word := range call.Args {
				words[i] = spelled(word, text)
			}
			commands = append(commands, words)
		}
		return true
	})
	return commands
}

// spelled returns what a word means if it is literal, else how it is written.
func spelled(word *syntax.Word, text string) string {
	if s, ok := literal(word); ok {
		return s
	}
	return text[word.Pos().Offset():word.End().Offset()]
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
