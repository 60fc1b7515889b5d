package hashing

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cachex-cli/cachex/masking"
)

// An ArgFile is a word of the command line that may name a file.
type ArgFile struct {
	Word    int    // its index in the command line
	Literal int    // which literal word of a shell text at that index, counted from 1; 0: the word itself
	Name    string // what it may name

	word   string // as it stands there
	hidden bool   // it holds a secret
}

// ArgFiles lists the words that a run looks at because they may name a file: all but the program itself. What cannot be
// the name of a file is left out, and so are words that only a named recipe has.
func ArgFiles(spec *Spec) []ArgFile {
	if spec.IgnoreWords || spec.Name != "" {
		return nil
	}
	words := spec.words()
	texts, masked := shellTexts(words), masking.Words(words)
	var args []ArgFile
	for i := 1; i < len(words); i++ {
		word := words[i]
		switch {
		case isFilter(words, i):
		case slices.Contains(texts, i):
			// A long text is masked for its length, which says nothing of its words.
			a := ArgFile{Word: i, hidden: masked[i] && len(word) <= masking.LongestShown}
			args = appendLiterals(args, a, shellLiterals(word, words[0]), spec.Environ)
		default:
			args = appendArg(args, ArgFile{Word: i, word: word, hidden: masked[i]}, operand(word))
		}
	}
	return args
}

// appendLiterals adds the literal words of a text.
func appendLiterals(args []ArgFile, text ArgFile, literals, environ []string) []ArgFile {
	masked := masking.Words(append([]string{""}, literals...))[1:] // behind a program of which nothing is known
	for n, literal := range literals {
		a := ArgFile{Word: text.Word, Literal: n + 1, word: literal, hidden: text.hidden || masked[n]}
		args = appendArg(args, a, atHome(operand(literal), environ))
	}
	return args
}

func appendArg(args []ArgFile, a ArgFile, name string) []ArgFile {
	if name == "" || strings.Contains(name, "\x00") || !lookable(name) {
		return args
	}
	a.Name = name
	return append(args, a)
}

// atHome does what shells do with a leading ~/ that is not quoted.
func atHome(name string, environ []string) string {
	if below, ok := strings.CutPrefix(name, "~/"); ok {
		home, _ := lookup(environ, "HOME")
		return home + "/" + below
	}
	return name
}

// operand is what a word may name: of a flag with a value that value, else the whole word.
func operand(word string) string {
	if strings.HasPrefix(word, "-") {
		if _, value, found := strings.Cut(word, "="); found {
			return value
		}
	}
	return word
}

// Show names the file for people. If the word looks secret, its place stands for it.
func (a ArgFile) Show() string {
	if a.IsHidden() {
		return "a file that word " + strconv.Itoa(a.Word+1) + " names"
	}
	return Show(operand(a.word))
}

// IsHidden reports whether the name must not be written down.
func (a ArgFile) IsHidden() bool { return a.hidden }

// isFilter reports whether a word is the dot of `jq .`, which is the whole of the input and not the working directory.
func isFilter(argv []string, i int) bool {
	if argv[i] != "." {
		return false
	}
	switch programName(argv[0]) {
	case "jq", "gojq", "jaq", "yq":
		return true
	}
	return false
}
