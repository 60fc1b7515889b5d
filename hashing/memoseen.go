package hashing

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/hashing/tools"
)

// Stamp is what the kernel says of a file, or of a directory, that stands for what it holds.
type Stamp struct {
	StatID
	Mode  uint32 // with its type
	Mount uint64 // the kernel's number of it; 0: unknown
}

// PathsSeen returns the lines of a recipe that say which paths a run was seen to use: observed is the recipe of that
// run, r the one before it.
func PathsSeen(observed, r Recipe) []byte {
	rest, ok := bytes.CutPrefix(observed.Text, r.Text)
	if !ok {
		return nil
	}
	_, paths := cutPaths(rest)
	return paths
}

// Stamps reports whether all that a run was seen to use, or has written down that it has read, is as it was; and what
// stands for contents and names in the lines of PathsSeen that have a digest of them, in their order. These are the
// same then, as long as the kernel says the same: not so if one has changed since a time, or had to be read.
func Stamps(observed, r Recipe, spec Spec, digests Digests, since time.Time) ([]Stamp, bool) {
	return newObserver(spec, digests).stamps(observed, r, since)
}

func (o *observer) stamps(observed, r Recipe, since time.Time) (stamps []Stamp, ok bool) {
	if o.c.cache == nil || len(o.roots) > 0 {
		return nil, false
	}
	paths, difference, err := o.around(observed, r)
	if err != nil || difference != "" {
		return nil, false
	}
	sights, lines, err := o.parse(paths)
	if err != nil {
		return nil, false
	}
	c := comparison{o: o, sights: sights, lines: lines, all: sync.OnceValue(func() *whole { return wholeOf(sights) })}
	for i, s := range sights {
		at, err := lookFor(s)
		led, failed := at, err
		isLink := err == nil && at.kind == kindLink
		if isLink {
			led, failed = lookAt(s.Path, true)
		}
		if !c.isSame(i, at, err) {
			return nil, false
		}
		if isLink {
			if now, err := lookAt(s.Path, true); err != failed && failed == nil || now != led {
				return nil, false
			}
		}
		if !hasDigest(s, led, failed) {
			continue
		}
		if id, trust := o.standsFor(s, led); !trust || id.Ctime >= since.UnixNano() {
			return nil, false
		}
		stamps = append(stamps, Stamp{led.id, led.mode | typeOf(led.kind), led.mount})
	}
	if o.c.reads.Load() > 0 { // what is remembered was written back then
		return nil, false
	}
	return stamps, true
}

// hasDigest reports whether the line of a path ends with a digest of what it leads to.
func hasDigest(s Sight, led look, err error) bool {
	switch {
	case err != nil || s.Uses&UseOutput != 0:
		return false
	case led.kind == kindDirectory:
		return s.Uses&(UseNames|UseContent) != 0
	}
	return led.kind.regular() && s.Uses&(UseContent|UseLibraries|useIdentity) != 0
}

// standsFor returns what stands for the content of a file, or for the names in a directory, and whether that is
// believed.
func (o *observer) standsFor(s Sight, led look) (StatID, bool) {
	if led.kind == kindDirectory {
		return o.c.standsForNames(location{name: s.Path}, led)
	}
	_, id, trust := o.c.standsFor(location{name: s.Path}, true, led)
	return id, trust
}

// typeOf is the type of a file as a mode has it.
func typeOf(k kind) uint32 {
	switch k {
	case kindDirectory:
		return 0o040000
	case kindLink:
		return 0o120000
	case kindAbsent:
		return 0
	}
	return 0o100000
}

// Uncounted lists the variables of an environment that an observed run does not depend on, whatever they say. Any is
// false if it was not observed, and no variable counts.
func Uncounted(observed, r Recipe, environ []string) (names []string, any bool) {
	rest, _ := bytes.CutPrefix(observed.Text, r.Text)
	before, _ := cutPaths(rest)
	counted := namedVariables(before)
	if len(counted) == 0 && !observed.IsObserved() {
		return nil, false
	}
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.Contains(counted, name) && !tools.IsNoiseByValue(name) {
			names = append(names, name)
		}
	}
	return sortedSet(names), true
}

// Excludes reports whether two observed recipes cannot both be as they were: they say different things of one path, or
// of one variable.
func (r Recipe) Excludes(o Recipe) bool {
	seen := map[string]told{}
	makes := false // what a run makes is left out of the names in a directory
	for line := range bytes.Lines(r.Text) {
		if what, says, ok := cutSeen(line); ok {
			seen[what] = says
			makes = makes || says.uses&(UseMade|UseOutput) != 0
		}
	}
	excludes := false
	for line := range bytes.Lines(o.Text) {
		what, says, ok := cutSeen(line)
		makes = makes || says.uses&(UseMade|UseOutput) != 0
		other, both := seen[what]
		switch {
		case !ok || !both:
		case says.kind() == kindDirectory.String() && other.kind() == says.kind():
			excludes = excludes || says.uses == other.uses && says.state != other.state
		case says.excludes(other):
			return true
		}
	}
	return excludes && !makes
}

// told is what a recipe says of a path or a variable.
type told struct {
	uses  Uses
	state string
}

func (s told) kind() string {
	word, _, _ := strings.Cut(s.state, " ")
	return word
}

// excludes reports whether not both can be true. Of other uses it counts what is there, and what a file holds. What the
// loader's cache says differs from run to run by what was looked for.
func (s told) excludes(o told) bool {
	either, kind, others := s.uses|o.uses, s.kind(), o.kind()
	switch {
	case either&(UseOutput|UseLibraries) != 0:
		return false
	case s.uses == o.uses:
		return s.state != o.state
	case kind == kindLink.String() || others == kindLink.String(): // the other one may be about what it leads to
		return s.uses&o.uses&UseLink != 0 && kind != others
	case kind != others:
		return true
	}
	const whatItHolds = UseContent | useIdentity
	sum, isSum := s.sum()
	other, isOther := o.sum()
	return s.uses&whatItHolds == o.uses&whatItHolds && isSum && isOther && sum != other
}

// sum is the digest at its end.
func (s told) sum() (sum string, ok bool) {
	sum = s.state[strings.LastIndexByte(s.state, ' ')+1:]
	return sum, strings.HasPrefix(sum, plainSum)
}

// cutSeen cuts a fact about a path, or about a variable, from what it says.
func cutSeen(line []byte) (what string, says told, ok bool) {
	r := reader{rest: string(line)}
	isPath := r.try(seenFact.name + " ")
	if isPath {
		says.uses = r.uses()
	} else {
		r.expect(seenEnvFact.name + " ")
	}
	name := r.rest
	r.quoted()
	what = name[:len(name)-len(r.rest)]
	if isPath {
		what = "path " + what
	}
	r.space()
	says.state = strings.TrimSuffix(r.rest, "\n")
	return what, says, !r.failed
}
