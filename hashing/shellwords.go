package hashing

import (
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/late"
)

// shellTexts returns the indexes of texts that shells are given with -c, the outermost program's or that of one which
// it starts.
func shellTexts(argv []string) (texts []int) {
	line := invocation{argv: argv}
	for _, i := range append([]invocation{line}, line.wrapped()...) {
		before := len(argv) - len(i.argv)
		if text := shellText(i.argv); text > 0 && before >= 0 && slices.Equal(argv[before:], i.argv) {
			texts = append(texts, before+text)
		}
	}
	return texts
}

// literalWord is a word of a shell text that means itself, and what is done with the file that it may name.
type literalWord struct {
	text string
	role role
}

// role is what a command line does with a file that a word of it names.
type role uint8

const (
	mayRead      role = iota // nothing else is known
	isWritten                // whatever the file held is gone afterwards, and was not read
	isAppendedTo             // by a redirection
	goneOnWith               // by the program: what it held is still there afterwards, and more
)

// shellLiterals lists the words of a shell text that mean themselves, whatever the shell's state, in their order: no
// variables, no patterns. What a redirection only appends to stands behind all others.
//
// It is made anew each time ([M] 15 to 40 us): most calls that need it start a process, and a memo holds what came of
// it. A text that no parser understands is cut at blanks and operators, so that it has too many words rather than too
// few.
func shellLiterals(text, shell string) []literalWord {
	var l literals
	if l.parse(text, shell, 0) {
		return append(l.words, l.appended...)
	}
	cut := func(r rune) bool { return strings.ContainsRune(" \t\r\n|&;<>()'\"`", r) }
	for word := range strings.FieldsFuncSeq(text, cut) {
		l.appended = append(l.appended, literalWord{text: word})
	}
	return l.appended
}

// literals collects the literal words of a text.
type literals struct{ words, appended []literalWord }

func (l *literals) parse(text, shell string, depth int) bool {
	nodes, err := parseShell(text, shell)
	if err != nil {
		return false
	}
	inner := map[*late.Word]bool{} // texts of shells in this text
	names := map[*late.Word]bool{} // what names no file
	role := map[*late.Word]role{}
	for _, n := range nodes {
		if n.Apart {
			continue
		}
		switch n.Kind {
		case late.Call:
			argv := literalArgv(n.Words)
			for _, i := range shellTexts(argv) {
				inner[n.Words[i]] = depth < deepestShell
			}
			all := roles(argv)
			for i, word := range n.Words {
				names[word] = i == 0 && !strings.Contains(argv[0], "/") || i > 0 && isFilter(argv, i)
				role[word] = all[i]
			}
		case late.Write:
			role[n.Words[0]] = isWritten
		case late.Append:
			if word := n.Words[0]; word.Literal {
				l.appended = append(l.appended, literalWord{word.Text, isAppendedTo})
			}
		case late.Argument:
			if word := n.Words[0]; word.Literal && !names[word] {
				if !inner[word] || !l.parse(word.Text, "", depth+1) {
					l.words = append(l.words, literalWord{word.Text, role[word]})
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
