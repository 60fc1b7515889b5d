package hashing

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
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

// shellLiterals lists the words of a shell text that mean themselves, whatever the shell's state, in their order: no
// variables, no patterns. What a redirection only appends to is none of them: as of a log, what was in it before has no
// say, and it differs after each run.
//
// It is made anew each time ([M] 15 to 40 us): most calls that need it start a process, and a memo holds what came of
// it. A text that no parser understands is cut at blanks and operators, so that it has too many words rather than too
// few.
func shellLiterals(text, shell string) []string {
	var l literals
	if !l.parse(text, shell, 0) {
		return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n|&;<>()'\"`", r) })
	}
	return l.words
}

// literals collects the literal words of a text.
type literals struct{ words []string }

func (l *literals) parse(text, shell string, depth int) bool {
	file, err := parseShell(text, shell)
	if err != nil {
		return false
	}
	inner := map[*syntax.Word]bool{} // texts of shells in this text
	names := map[*syntax.Word]bool{} // what names no file
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.CallExpr:
			argv := literalArgv(n)
			for _, i := range shellTexts(argv) {
				inner[n.Args[i]] = depth < deepestShell
			}
			for i, word := range n.Args {
				names[word] = i == 0 && !strings.Contains(argv[0], "/") || i > 0 && isFilter(argv, i)
			}
		case *syntax.Redirect:
			return !isAppended(n)
		case *syntax.Word:
			if text, ok := literal(n); ok && !names[n] {
				if !inner[n] || !l.parse(text, "", depth+1) {
					l.words = append(l.words, text)
				}
			}
		}
		return true
	})
	return true
}

// isAppended reports whether a redirection names no file, or one that it only appends to.
func isAppended(r *syntax.Redirect) bool {
	switch r.Op {
	case syntax.AppOut, syntax.AppClob, syntax.AppAll, syntax.AppAllClob, syntax.DplIn, syntax.DplOut,
		syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
		return true
	}
	return false
}

// literalArgv is the command line of a command, with empty words where they are not literal.
func literalArgv(call *syntax.CallExpr) []string {
	argv := make([]string, len(call.Args))
	for i, word := range call.Args {
		argv[i], _ = literal(word)
	}
	return argv
}
