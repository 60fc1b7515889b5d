package hashing

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// Learned is what a command said itself that its result depends on, beyond what its caller knew: variables and files,
// named as Spec.Env and Spec.Files are. A set of names has a random id, and every larger set a new one: so results that
// were stored when less was known are never found again.
type Learned struct {
	ID    [16]byte
	Env   []string
	Files []string
	Sets  []Key // of an observed run: the recipes that it turned out to have, the newest first
}

var learnedFact = factKind{
	name: "learned", parse: func(r *reader, _ *Fact) { r.digits("0123456789abcdef", 32, 32) },
	change: changedLearned, order: ofGiven, report: nothingToReport,
}

// changedLearned says something only where one of the runs knew nothing: else the names that came tell it.
func changedLearned(_ *differ, s states) string {
	if s.had && s.has {
		return ""
	}
	return "learned inputs" + cameOrWent(s.has, " added", " removed")
}

// Covers reports whether all names of o are known already.
func (l Learned) Covers(o Learned) bool {
	left := o.Without(l)
	return len(left.Env)+len(left.Files) == 0
}

// Without returns the names that o has not, without an id. Commands may name many thousands.
func (l Learned) Without(o Learned) Learned {
	return Learned{Env: leaveOut(l.Env, o.Env), Files: leaveOut(l.Files, o.Files)}
}

func leaveOut(names, those []string) []string {
	known := make(map[string]bool, len(those))
	for _, name := range those {
		known[name] = true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return known[name] })
}

// With returns the names of both, without an id.
func (l Learned) With(o Learned) Learned {
	return Learned{
		Env:   sortedSet(slices.Concat(l.Env, o.Env)),
		Files: sortedSet(slices.Concat(l.Files, o.Files)),
	}
}

// Check refuses names that no run could capture: *PatternError.
func (l Learned) Check() error {
	return (&capture{spec: &Spec{Env: l.Env, Files: l.Files}}).checkPatterns()
}

// Extend returns the recipe of a run whose learned inputs are known: the recipe r, then the id, then the names with the
// state that they are in. It is what Capture of the same spec returned for r that is extended, so that one run has one
// state of its declared inputs. The errors are those of Capture for inputs; but what was learned from others may lie
// where this user cannot look, which is a state of its own.
func Extend(r Recipe, spec Spec, l Learned, digests Digests) (Recipe, error) {
	spec.Env, spec.Files = l.Env, l.Files
	return newCapture(spec, digests, time.Now()).extend(r, l.ID)
}

func (c *capture) extend(r Recipe, id [16]byte) (Recipe, error) {
	c.learned = true
	if err := c.checkPatterns(); err != nil {
		return r, err
	}
	c.text = append(slices.Clip(slices.Clone(r.Text)), "learned "...)
	c.text = append(hex.AppendEncode(c.text, id[:]), '\n')
	c.exe, c.exeID, c.programs, c.command = r.Exe, r.exeID, r.programs, r.Command
	c.args, c.argsFrom, c.argsTo, c.itemAt = r.args, r.argsFrom, r.argsTo, r.itemAt
	if err := c.add(&envToolsFact, &envMatchFact, &fileMatchFact); err != nil {
		return r, err
	}
	c.files, c.looks.untold = slices.Concat(r.files, c.files), true
	return c.recipe(), nil
}

// Extends reports whether a recipe is another one with what was learned of it.
func Extends(text, base []byte) bool {
	rest, ok := bytes.CutPrefix(text, base)
	return ok && bytes.HasPrefix(rest, []byte("learned "))
}

// Unsettled names a file among those that patterns name which may have been another one when a run began: one that was
// changed after a time in nanoseconds since 1970, or of which that cannot be told, because it is no regular file or was
// found by a glob, which does not show what is gone, or lies where changes do not show. It is asked after their state
// was captured.
func Unsettled(spec Spec, patterns []string, ns int64) (name string, found bool) {
	for _, pattern := range patterns {
		if !IsName(pattern) {
			s := parseSelection(pattern)
			return Show(s.label()), true
		}
	}
	spec.Files = patterns
	c := newCapture(spec, nil, time.Now())
	entries, err := c.findFiles()
	if err != nil {
		return err.Error(), true
	}
	for i := range entries {
		if e := &entries[i]; !e.kind.regular() || max(e.id.Ctime, e.id.Mtime) > ns || !c.tracks(e) {
			return Show(e.name), true
		}
	}
	return "", false
}

// tracks reports whether a change of a file shows in its times.
func (c *capture) tracks(e *entry) bool {
	file := location{e.name, c.spec.Dir}
	_, ok := c.mountOf(file, e.link, e.look()).identity(file, e.id)
	return ok
}

// BaseKey returns the key of the recipe that another one extends by what was learned or observed: who looks for results
// of that one begins there.
func BaseKey(text []byte) (key Key, extended bool) {
	end := len(text)
	for _, line := range [...]string{"\nlearned ", "\nseen"} {
		if i := bytes.Index(text[:end], []byte(line)); i >= 0 {
			end = i + 1
		}
	}
	return sha256.Sum256(text[:end]), end < len(text)
}
