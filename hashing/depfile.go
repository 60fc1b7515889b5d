package hashing

import (
	"bytes"
	"path/filepath"
)

// depfileFact is the file in which the command writes down what it has read. The files that it names are inputs of the
// next look, as what an observed run was seen to use is; a result that was stored without it rests on less.
var depfileFact = factKind{
	name: "depfile", add: addDepfile, parse: func(r *reader, f *Fact) { f.Name = r.quoted() },
	change: func(_ *differ, s states) string {
		return "depfile " + Show(s.name) + cameOrWent(s.has, " added", " removed")
	},
	order: ofAsked,
	memo:  func(_, left *Spec) { left.Depfile = "" }, // what it names is held against the memo
	report: func(_ *Recipe, spec *Spec, to *Report) {
		if spec.Depfile != "" {
			to.refuse("a nested run depends on what its --depfile names")
		}
	},
}

func addDepfile(c *capture) error {
	if c.spec.Depfile != "" {
		c.text = append(appendQuoted(append(c.text, "depfile "...), tidy(c.spec.Depfile)), '\n')
	}
	return nil
}

// isDepfile reports whether a word names the depfile: what it held before a run is no input.
func (s *Spec) isDepfile(word string) bool {
	return s.Depfile != "" &&
		filepath.Clean(absolute(operand(word), s.Dir)) == filepath.Clean(absolute(s.Depfile, s.Dir))
}

// HasSets reports whether what a run of this recipe depends on is known only after it: then each has another recipe,
// that says so.
func (r Recipe) HasSets() bool { return r.IsObserved() || r.has("depfile ") }

// namedVariables are those that count, by what a recipe says behind what was known before the run.
func namedVariables(rest []byte) (names []string) {
	if bytes.HasPrefix(rest, []byte(seenToolsFact.name+" ")) {
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
	}
	for line := range bytes.Lines(rest) {
		quoted, ok := bytes.CutPrefix(line, []byte(seenEnvFact.name+" "))
		if !ok {
			break
		}
		r := reader{rest: string(quoted)}
		names = append(names, r.quoted())
	}
	return names
}
