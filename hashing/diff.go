package hashing

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Change is one difference between two recipes of a command.
type Change struct {
	Kind string // of the fact, as in Fact
	Name string // as in Fact; the number of a word
	Text string // for people, on one line: file go.sum changed
}

// Diff says what is different in the recipe of a run from that of an earlier one: what was asked for first, then what was found. It
// returns nothing for equal texts. If one of them is not a recipe it says that, rather than guess.
func Diff(old, recent []byte) []Change {
	if string(old) == string(recent) {
		return nil
	}
	before, err := ParseRecipe(old)
	if err == nil {
		var after []Fact
		if after, err = ParseRecipe(recent); err == nil {
			d := differ{before: indexFacts(before), after: indexFacts(after), argv: plainWords(after)}
			d.words(wordsOf(before), wordsOf(after))
			d.same = len(d.changes) == 0
			d.facts(before, after)
			if d.changes == nil { // two texts that Capture cannot have written for one command
				d.add("recipe", "", "recipe changed")
			}
			return d.changes
		}
	}
	return []Change{{Kind: "recipe", Text: fmt.Sprintf("recipe unknown: %v", err)}}
}

// subject is what a fact is about.
type subject struct{ kind, name string }

type differ struct {
	before, after map[subject]string
	same          bool // the words are the same
	argv          []string
	changes       []Change
}

// indexFacts leaves out words, which have an order. A link may have two facts; their order is fixed.
func indexFacts(facts []Fact) map[subject]string {
	index := make(map[subject]string, len(facts))
	for _, f := range facts {
		if f.Kind != "word" {
			s := subject{f.Kind, f.Name}
			if earlier, ok := index[s]; ok {
				f.Value = earlier + "\n" + f.Value
			}
			index[s] = f.Value
		}
	}
	return index
}

func (d *differ) add(kind, name, text string) {
	d.changes = append(d.changes, Change{Kind: kind, Name: name, Text: text})
}

// words compares the command lines between what they have in common at both ends, so that one word more is one change.
func (d *differ) words(old, recent []string) {
	first := 0
	for first < min(len(old), len(recent)) && old[first] == recent[first] {
		first++
	}
	same := 0
	for same < min(len(old), len(recent))-first && old[len(old)-1-same] == recent[len(recent)-1-same] {
		same++
	}
	old, recent = old[first:len(old)-same], recent[first:len(recent)-same]
	for i := range max(len(old), len(recent)) {
		number := fmt.Sprint(first + i + 1) // the command itself is word 1
		switch {
		case i >= len(old):
			d.add("word", number, "word "+number+" "+shownWord(recent[i])+" added")
		case i >= len(recent):
			d.add("word", number, "word "+number+" "+shownWord(old[i])+" removed")
		case isHidden(old[i]) != isHidden(recent[i]) && d.retabled(): // it may be the same word
		case isHidden(old[i]) || isHidden(recent[i]):
			d.add("word", number, "word "+number+" changed")
		case old[i] != recent[i]:
			d.add("word", number, "word "+number+" "+old[i]+" -> "+recent[i])
		}
	}
}

// retabled says that the two recipes were written under different tables of secrets.
func (d *differ) retabled() bool {
	s := subject{kind: "masking"}
	return d.before[s] != d.after[s]
}

func wordsOf(facts []Fact) []string {
	var words []string
	for _, f := range facts {
		if f.Kind == "word" {
			words = append(words, f.Value)
		}
	}
	return words
}

// plainWords are the words of a recipe, hidden ones empty.
func plainWords(facts []Fact) []string {
	var words []string
	for _, f := range facts {
		if f.Kind == "word" {
			text, _ := f.Text()
			words = append(words, text)
		}
	}
	return words
}

func isHidden(word string) bool { return !strings.HasPrefix(word, `"`) }

func shownWord(word string) string {
	if isHidden(word) {
		return "(secret)"
	}
	return word
}

// facts compares all others, in the order of the recipes.
func (d *differ) facts(before, after []Fact) {
	kinds := []string{
		"platform", "masking", "namespace", "scope", "user", "name", "executable", interpreterFact, programFact, "directory", "pty", "descriptor", "stdin", "vary",
		"learned", "env-match", "file-match", "env", "file", "arg",
	}
	for _, kind := range kinds {
		seen := map[string]bool{}
		for _, f := range append(before[:len(before):len(before)], after...) {
			if f.Kind == kind && !seen[f.Name] {
				seen[f.Name] = true
				d.compare(subject{kind, f.Name})
			}
		}
	}
}

func (d *differ) compare(s subject) {
	old, had := d.before[s]
	recent, has := d.after[s]
	if had == has && old == recent {
		return
	}
	text := ""
	switch s.kind {
	case "env-match", "file-match":
		text = s.kind[:len(s.kind)-len("-match")] + " pattern " + Show(s.name)
		if had && has {
			text += " leaves out something else"
		} else {
			text += cameOrWent(has, " added", " removed")
		}
	case "env":
		text = d.variable(s.name, old, recent, had, has)
	case "file":
		text = d.file(s.name, old, recent, had, has)
	case "arg":
		text = d.argument(s.name, had, has)
	case interpreterFact, programFact:
		text = startedProgram(s.kind, old, recent, had, has)
	case "vary":
		text = "output of --vary " + shownWord(s.name) + vary(had, has)
	case "learned":
		text = learned(had, has)
	case "descriptor":
		text = "what descriptor " + s.name + " is" + cameOrWent(had && has, " changed", cameOrWent(has, " was added", " was removed"))
	default:
		text = single(s.kind, old, recent, had, has)
	}
	said := func(c Change) bool { return c.Text == text } // of a file that a pattern and a word name
	if text != "" && !slices.ContainsFunc(d.changes, said) {
		d.add(s.kind, s.name, text)
	}
}

func cameOrWent(came bool, yes, no string) string {
	if came {
		return yes
	}
	return no
}

// asked reports whether the run that has no fact of a name asked for it. If not, the fact of the other is no change of what is
// named: the change of the pattern says all.
func (d *differ) asked(kind, name string, had bool, covers func(pattern, name string) bool) bool {
	without := d.before
	if had {
		without = d.after
	}
	for s := range without {
		if s.kind == kind && covers(s.name, name) {
			return true
		}
	}
	return false
}

// variable: a variable that only one recipe knows was found by a glob, so in the other run it was not set, unless the glob is new.
func (d *differ) variable(name, old, recent string, had, has bool) string {
	if had != has && !d.asked("env-match", name, had, coversVariable) {
		return ""
	}
	wasSet, isSet := had && old != "unset", has && recent != "unset"
	switch {
	case wasSet && isSet:
		return "env " + Show(name) + " changed"
	case isSet:
		return "env " + Show(name) + " unset -> set"
	case wasSet:
		return "env " + Show(name) + " set -> unset"
	}
	return ""
}

func (d *differ) file(name, old, recent string, had, has bool) string {
	if had != has && !d.asked("file-match", name, had, coversFile) {
		return ""
	}
	was, is := had && old != "absent", has && recent != "absent"
	switch {
	case was && is:
		return "file " + Show(name) + " changed" + howChanged(old, recent)
	case is:
		return "file " + Show(name) + " appeared"
	case was:
		return "file " + Show(name) + " vanished"
	}
	return ""
}

// argument says what became of the file that a word names, if it is still the same word.
func (d *differ) argument(place string, had, has bool) string {
	switch name := "file " + d.argName(place); {
	case !d.same:
		return ""
	case had && has:
		return name + " changed"
	default:
		return name + cameOrWent(has, " appeared", " vanished")
	}
}

// argName names the word at a place, unless it is hidden.
func (d *differ) argName(place string) string {
	number, literal, _ := strings.Cut(place, ".")
	word, _ := strconv.Atoi(number)
	nth, _ := strconv.Atoi(literal)
	spec := Spec{ArgFiles: true, Argv: d.argv}
	for _, a := range ArgFiles(&spec) {
		if a.Word == word && a.Literal == nth && !a.IsHidden() {
			return a.Show()
		}
	}
	return fmt.Sprintf("that word %d names", word+1)
}

func vary(had, has bool) string {
	if had && has {
		return " changed"
	}
	return cameOrWent(has, " added", " removed")
}

// learned says something only where one of the runs knew nothing: else the names that came tell it.
func learned(had, has bool) string {
	if had && has {
		return ""
	}
	return "learned inputs" + cameOrWent(has, " added", " removed")
}

// howChanged says more if the content is the same, or was none.
func howChanged(old, recent string) string {
	oldKind, oldContent, _ := strings.Cut(old, " ")
	recentKind, recentContent, _ := strings.Cut(recent, " ")
	switch {
	case oldKind == recentKind:
		return ""
	case oldContent == recentContent && oldContent != "":
		return ": " + cameOrWent(recentKind == "exec", "made executable", "no longer executable")
	case oldKind == "plain" && recentKind == "exec" || oldKind == "exec" && recentKind == "plain":
		return ""
	}
	return ": from " + kindWord(oldKind) + " to " + kindWord(recentKind)
}

func kindWord(kind string) string {
	if kind == "plain" || kind == "exec" {
		return "file"
	}
	return kind
}

// single compares the facts of which a recipe has at most one.
func single(kind, old, recent string, had, has bool) string {
	switch kind {
	case "executable":
		oldPath, recentPath := pathOf(old), pathOf(recent)
		if had && has && oldPath == recentPath {
			return strings.TrimSuffix("executable "+oldPath, " ") + " changed"
		}
		if oldPath != "" && recentPath != "" {
			return "executable " + oldPath + " -> " + recentPath
		}
	case "directory":
		if had && has {
			return "directory " + Place(old) + " -> " + Place(recent)
		}
	case "platform":
		return kind + " " + old + " -> " + recent
	case "masking":
		return "another table of secrets"
	case "namespace", "scope", "user", "name":
		if !had || !has {
			return kind + " " + cameOrWent(has, shownWord(recent)+" added", shownWord(old)+" removed")
		}
		if !isHidden(old) && !isHidden(recent) {
			return kind + " " + old + " -> " + recent
		}
	case "pty":
		if had && has {
			return "size of the terminal " + old + " -> " + recent
		}
		return kind + cameOrWent(has, " added", " removed")
	case "stdin":
		if had != has {
			return kind + cameOrWent(has, " added", " removed")
		}
	}
	return kind + " changed"
}

// startedProgram: one that is started through another, or an interpreter.
func startedProgram(kind, old, recent string, had, has bool) string {
	oldPath, recentPath := pathOf(old), pathOf(recent)
	isSum := func(value string) bool { return strings.Contains(value, plainSum) }
	switch {
	case !had || !has:
		return strings.TrimSuffix(kind+" "+oldPath+recentPath, " ") + cameOrWent(has, " added", " removed")
	case old != "absent" && recent != "absent" && (isSum(old) != isSum(recent) || (oldPath == "") != (recentPath == "")):
		return "" // --exe is another, which the executable tells
	case oldPath == recentPath:
		return strings.TrimSuffix(kind+" "+oldPath, " ") + " changed"
	case oldPath == "":
		return kind + " " + recentPath + " found"
	case recentPath == "":
		return kind + " " + oldPath + " not found"
	}
	return kind + " " + oldPath + " -> " + recentPath
}

// pathOf returns the path that an executable fact begins with, or nothing.
func pathOf(value string) string {
	r := &reader{rest: value}
	if !r.startsQuoted() {
		return ""
	}
	return Show(r.quoted())
}

// Place returns the directory of a directory fact; one below a repository root is shown as such.
func Place(value string) string {
	r := &reader{rest: value}
	switch {
	case r.try("repo "):
		place := "repo:" + Show(r.quoted())
		r.expect(" of ")
		return place + " of " + r.shownWord() + r.project()
	case r.try("path "):
		place := Show(r.quoted())
		if r.try(" real ") {
			place += " (" + Show(r.quoted()) + ")"
		}
		return place + r.project()
	}
	return value
}

// DirectoryPath returns the path of a directory fact; empty if the recipe holds none.
func DirectoryPath(value string) string {
	r := &reader{rest: value}
	if !r.try("path ") {
		return ""
	}
	return r.quoted()
}

// project shows what a project file adds to a directory.
func (r *reader) project() string {
	if !r.try(" project ") {
		return ""
	}
	return " of project " + r.shownWord()
}

// shownWord takes a word and shows it.
func (r *reader) shownWord() string {
	start := r.rest
	r.word()
	return shownWord(start[:len(start)-len(r.rest)])
}
