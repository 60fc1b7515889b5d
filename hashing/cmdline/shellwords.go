package cmdline

import (
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/late"
)

// ShellTexts returns the indexes of texts that shells are given with -c, the outermost program's or that of one which
// it starts.
func ShellTexts(argv []string) (texts []int) {
	line := Invocation{Argv: argv}
	for _, i := range append([]Invocation{line}, line.Wrapped()...) {
		before := len(argv) - len(i.Argv)
		if text := shellText(i.Argv); text > 0 && before >= 0 && slices.Equal(argv[before:], i.Argv) {
			texts = append(texts, before+text)
		}
	}
	return texts
}

// Literal is a word of a shell text that means itself, and what is done with the file that it may name.
type Literal struct {
	Text string
	Role Role
}

// Role is what a command line does with a file that a word of it names.
type Role uint8

// What is done with a file.
const (
	MayRead    Role = iota // nothing else is known
	Written                // whatever the file held is gone afterwards, and was not read
	AppendedTo             // by a redirection
	GoneOnWith             // by the program: what it held is still there afterwards, and more
)

// ShellLiterals lists the words of a shell text that mean themselves, whatever the shell's state, in their order: no
// variables, no patterns. What a redirection only appends to stands behind all others.
//
// It is made anew each time ([M] 15 to 40 us): most calls that need it start a process, and a memo holds what came of
// it. A text that no parser understands is cut at blanks and operators, so that it has too many words rather than too
// few.
func ShellLiterals(text, shell string) []Literal {
	var l literals
	if l.parse(text, shell, 0) {
		return append(l.words, l.appended...)
	}
	cut := func(r rune) bool { return strings.ContainsRune(" \t\r\n|&;<>()'\"`", r) }
	for word := range strings.FieldsFuncSeq(text, cut) {
		l.appended = append(l.appended, Literal{Text: word})
	}
	return l.appended
}

// literals collects the literal words of a text.
type literals struct{ words, appended []Literal }

func (l *literals) parse(text, shell string, depth int) bool {
	nodes, err := parseShell(text, shell)
	if err != nil {
		return false
	}
	inner := map[*late.Word]bool{} // texts of shells in this text
	names := map[*late.Word]bool{} // what names no file
	role := map[*late.Word]Role{}
	for _, n := range nodes {
		if n.Apart {
			continue
		}
		switch n.Kind {
		case late.Call:
			argv := literalArgv(n.Words)
			for _, i := range ShellTexts(argv) {
				inner[n.Words[i]] = depth < deepestShell
			}
			all := Roles(argv)
			for i, word := range n.Words {
				names[word] = i == 0 && !strings.Contains(argv[0], "/") || i > 0 && IsFilter(argv, i)
				role[word] = all[i]
			}
		case late.Write:
			role[n.Words[0]] = Written
		case late.Append:
			if word := n.Words[0]; word.Literal {
				l.appended = append(l.appended, Literal{word.Text, AppendedTo})
			}
		case late.Argument:
			if word := n.Words[0]; word.Literal && !names[word] {
				if !inner[word] || !l.parse(word.Text, "", depth+1) {
					l.words = append(l.words, Literal{word.Text, role[word]})
				}
			}
		}
	}
	return true
}

// literalArgv is the command line of a command, with empty words where they are not literal.
func literalArgv(words []*late.Word) []string {
	argv := make([]string, len(words))
	for i, word := range words {
		if word.Literal {
			argv[i] = word.Text
		}
	}
	return argv
}
