package hashing

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cachex-cli/cachex/hashing/cmdline"
	"github.com/cachex-cli/cachex/hashing/env"
	"github.com/cachex-cli/cachex/masking"
)

// An ArgFile is a word of the command line that may name a file.
type ArgFile struct {
	Word    int    // its index in the command line
	Literal int    // which literal word of a shell text at that index, counted from 1; 0: the word itself
	Name    string // what it may name

	word   string // as it stands there
	hidden bool   // it holds a secret
	goesOn bool   // the command goes on with what is in the file

	isOutput bool
}

// ArgFiles lists the words that a run looks at because they may name a file: all but the program itself. What cannot be
// the name of a file is left out, and so are words that only a named recipe has. Of an observed run it is seen what it
// reads.
func ArgFiles(spec *Spec) []ArgFile {
	if spec.IgnoreWords || spec.Trace != nil || spec.Name != "" {
		return nil
	}
	outputs, all := OutputSet(spec.Outputs), mentions(spec)
	read := map[string]bool{}
	for _, m := range all {
		if m.role != cmdline.Written && !spec.isDepfile(m.Name) && m.covered(outputs, spec) {
			read[filepath.Clean(absolute(m.Name, spec.Dir))] = true
		}
	}
	var args []ArgFile
	for _, m := range all {
		switch covered := m.covered(outputs, spec); {
		case spec.isDepfile(m.Name): // what it held before the run has no say
		case m.role == cmdline.Written && covered && !read[filepath.Clean(absolute(m.Name, spec.Dir))]:
		case m.role == cmdline.AppendedTo && !covered: // as a log: what it held has no say, and differs after each run
		default:
			m.isOutput = covered
			m.goesOn = m.role == cmdline.AppendedTo || m.role == cmdline.GoneOnWith
			args = append(args, m.ArgFile)
		}
	}
	return args
}

// mention is a word that may name a file, and what the command does with that.
type mention struct {
	ArgFile
	role cmdline.Role
}

func (m mention) covered(outputs Outputs, spec *Spec) bool {
	return len(outputs.covers) > 0 && outputs.coversIn(spec.Dir, m.Name)
}

// mentions lists all words that may name files.
func mentions(spec *Spec) (all []mention) {
	words := spec.words()
	texts, masked, roles := cmdline.ShellTexts(words), masking.Words(words), cmdline.Roles(words)
	for i := 1; i < len(words); i++ {
		word := words[i]
		switch {
		case cmdline.IsFilter(words, i):
		case slices.Contains(texts, i):
			// A long text is masked for its length, which says nothing of its words.
			a := ArgFile{Word: i, hidden: masked[i] && len(word) <= masking.LongestShown}
			all = appendLiterals(all, a, cmdline.ShellLiterals(word, words[0]), spec.Environ)
		default:
			m := mention{ArgFile{Word: i, word: word, hidden: masked[i]}, roles[i]}
			all = appendMention(all, m, operand(word))
		}
	}
	return all
}

// appendLiterals adds the literal words of a text.
func appendLiterals(all []mention, text ArgFile, literals []cmdline.Literal, environ []string) []mention {
	words := []string{""} // behind a program of which nothing is known
	for _, l := range literals {
		words = append(words, l.Text)
	}
	masked := masking.Words(words)[1:]
	for n, l := range literals {
		a := ArgFile{Word: text.Word, Literal: n + 1, word: l.Text, hidden: text.hidden || masked[n]}
		all = appendMention(all, mention{a, l.Role}, atHome(operand(l.Text), environ))
	}
	return all
}

func appendMention(all []mention, m mention, name string) []mention {
	if name == "" || strings.Contains(name, "\x00") || !lookable(name) {
		return all
	}
	m.Name = name
	return append(all, m)
}

// atHome does what shells do with a leading ~/ that is not quoted.
func atHome(name string, environ []string) string {
	if below, ok := strings.CutPrefix(name, "~/"); ok {
		home, _ := env.Lookup(environ, "HOME")
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
