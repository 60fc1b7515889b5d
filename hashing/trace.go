package hashing

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Trace says how a run is observed; the recipe holds it.
type Trace struct {
	AnyTimes bool     // times of modification never count
	Ignore   []string // globs of paths that do not count, besides those that never do
	Keep     []string // globs of paths that count all the same
	Except   []string // variables, and globs, that do not count; @ci: those of CI systems
	Only     []string // variables, and globs, that alone count; empty: all but Except and noise
}

var traceFact = factKind{
	name: "trace", add: addTrace, parse: parseTrace, order: ofGiven,
	memo: func(_, left *Spec) { left.Trace = nil }, // what the run was seen to use is held against the memo
	report: func(r *Recipe, _ *Spec, to *Report) {
		if r.IsObserved() {
			to.refuse("a nested run is observed itself")
		}
	},
}

// traceVersion changes when the same use of a path is written down in another way, or other variables count as noise.
const traceVersion = "trace 3"

// addTrace adds how the run is observed, and who makes it where: user and host are answers to questions that cannot be
// observed. Who shares results among clones of a repository shares them among users and hosts.
func addTrace(c *capture) error {
	t := c.spec.Trace
	if t == nil {
		return nil
	}
	c.text = append(c.text, traceVersion...)
	if t.AnyTimes {
		c.text = append(c.text, " any-times"...)
	}
	if c.spec.Cwd != CwdRepo {
		host, err := hostNames()
		if err != nil {
			return &InputError{Path: "host name", Err: err}
		}
		groups, err := os.Getgroups()
		if err != nil {
			groups = nil // a system without them
		}
		slices.Sort(groups)
		who := fmt.Sprint(os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid(), groups)
		c.text = appendQuoted(append(c.text, " user "...), who)
		c.text = appendQuoted(append(c.text, " host "...), host)
	}
	for _, list := range [...]struct {
		name  string
		globs []string
	}{{"ignore", t.Ignore}, {"keep", t.Keep}, {"except", t.Except}, {"only", t.Only}} {
		for _, glob := range sortedSet(slices.Clone(list.globs)) {
			c.text = appendQuoted(append(append(append(c.text, ' '), list.name...), ' '), glob)
		}
	}
	c.text = append(c.text, '\n')
	return nil
}

func parseTrace(r *reader, _ *Fact) {
	r.expect(strings.TrimPrefix(traceVersion, "trace "))
	r.try(" any-times")
	for _, name := range []string{" user ", " host "} {
		if r.try(name) {
			r.quoted()
		}
	}
	for _, name := range []string{" ignore ", " keep ", " except ", " only "} {
		for r.try(name) {
			r.quoted()
		}
	}
}

// IsObserved reports whether a run of this recipe is to be observed.
func (r Recipe) IsObserved() bool { return r.has("trace ") }
