package hashing

import (
	"bytes"
	"crypto/sha256"
	"path/filepath"
	"strings"
)

// Report is what a run that is part of another one has to tell of its inputs, so that the other depends on them, too.
type Report struct {
	Env      []string  // variables, as in Spec.Env
	Dir      string    // where relative files start
	Files    []string  // as in Spec.Files; those that words name are Recipe.ArgNames
	Config   []string  // files that say where and what the inputs are, and need not be there
	Contents []Content // files of which the content alone counts
	Before   []string  // files that would be started in place of a program if they were there
	Lines    []Digest  // facts that the enclosing run must have in the same words
	Needs    string    // what these depend on, and what to do about it, for people
	Terminal bool      // it depends on the size of a pseudo-terminal
	Stdin    bool      // it depends on all of stdin
	Refusal  string    // why the enclosing run must not be stored; empty: it may be
}

// Content is a file and the digest of what it holds, as 64 hex digits.
type Content struct{ Path, Sum string }

// Report says what an enclosing run has to know of the inputs of a spec that the recipe was captured from. What was
// learned of them belongs to the spec.
func (r Recipe) Report(spec Spec) Report {
	to := Report{Dir: spec.Dir}
	for _, k := range kinds {
		switch {
		case k.report != nil:
			k.report(&r, &spec, &to)
		case r.has(k.name + " "):
			to.refuse("a nested run depends on its " + k.name)
		}
	}
	return to
}

// refuse keeps the first reason.
func (to *Report) refuse(reason string) {
	if to.Refusal == "" {
		to.Refusal = reason
	}
}

// nothingToReport is of kinds that are the same in whatever encloses the run, or follow from its own words.
func nothingToReport(*Recipe, *Spec, *Report) {}

// reportLines is of kinds that the enclosing run must have itself.
func (r *Recipe) reportLines(kind, needs string, to *Report) {
	for line := range bytes.Lines(r.Text) {
		if strings.HasPrefix(string(line), kind+" ") {
			to.Lines, to.Needs = append(to.Lines, sha256.Sum256(line)), needs
		}
	}
}

// LineSums has a digest of each fact, for what Report.Lines says.
func (r Recipe) LineSums() (sums []Digest) {
	for line := range bytes.Lines(r.Text) {
		sums = append(sums, sha256.Sum256(line))
	}
	return sums
}

// joined is the path of a file that others look for by that name.
func joined(path, dir string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
