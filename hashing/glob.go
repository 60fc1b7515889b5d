package hashing

import (
	"errors"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

const (
	maxAlternatives = 1024 // of all braces together: one after another is tried against each name
	maxParts        = 63   // path elements of one alternative below its base: they and the end are the bits of a state
)

var (
	errAlternatives = errors.New("too many alternatives")
	errParts        = errors.New("too many path elements")
	errUpwards      = errors.New(".. after a special character")
)

// glob is one alternative of a file pattern, cut at the slashes so that a walk can follow it downwards: in each
// directory the walk knows which parts come next, and enters no directory in which nothing can match.
type glob struct {
	base  string     // the directory above the first special character
	parts [][]string // for one name each, patterns of which one must match; ** stands for any number of directories
}

// EscapeGlob makes a path without special characters, or a glob that matches this path alone: by classes, for a
// backslash separates directories on Windows.
func EscapeGlob(path string) string {
	return strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]", "{", "[{]", "}", "[}]", `\`, `[\\]`).Replace(path)
}

// state is the set of parts that a path can go on with; the bit after the last part says that the path matches as it
// is.
type state uint64

// checkGlob refuses what is no pattern, and {a,b}{a,b}{a,b} and so on, which would take for ever.
func checkGlob(pattern string) error {
	if !doublestar.ValidatePattern(pattern) {
		return doublestar.ErrBadPattern
	}
	type group struct{ before, choices int }
	var open []group
	count := 1 // of the choices between the last brace or comma and here
	scanBraces(pattern, func(_ int, b byte) {
		switch {
		case b == '{':
			open = append(open, group{before: count})
			count = 1
		case len(open) == 0:
		case b == ',':
			open[len(open)-1].choices += count
			count = 1
		case b == '}':
			last := open[len(open)-1]
			open = open[:len(open)-1]
			count = min(last.before*(last.choices+count), maxAlternatives+1)
		}
	})
	if count > maxAlternatives {
		return errAlternatives
	}
	return nil
}

// scanBraces calls f for each brace and comma that means one, with its place.
func scanBraces(pattern string, f func(i int, b byte)) {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '[':
			i += classLength(pattern[i:]) - 1
		case '{', ',', '}':
			f(i, pattern[i])
		}
	}
}

// parseGlobs cuts a pattern into its alternatives. One without special characters comes back as its base alone.
func parseGlobs(pattern string) ([]glob, error) {
	if err := checkGlob(pattern); err != nil {
		return nil, err
	}
	// Alternatives within one path element are left together, so that **/*.{c,h} is one walk.
	globs, err := parseAlternatives(expandBraces(pattern, hasSlash))
	if err == nil && slices.ContainsFunc(globs, glob.unfit) {
		globs, err = parseAlternatives(expandBraces(pattern, isAny))
	}
	return globs, err
}

func parseAlternatives(patterns []string) ([]glob, error) {
	var globs []glob
	for _, pattern := range patterns {
		g, err := parseGlob(pattern)
		if err != nil {
			return nil, err
		}
		if pattern != "" { // {,a} is a
			globs = append(globs, g)
		}
	}
	return globs, nil
}

// unfit: one of several alternatives of an element is no pattern for a name, as in {**,x}/y, a/{,b}, {..,.}/x.
func (g glob) unfit() bool {
	return slices.ContainsFunc(g.parts, func(part []string) bool {
		return len(part) > 1 &&
			slices.ContainsFunc(part, func(s string) bool { return s == "**" || s == "" || s == "." || s == ".." })
	})
}

func parseGlob(pattern string) (glob, error) {
	special := strings.IndexAny(pattern, globChars)
	if special < 0 {
		return glob{base: tidy(pattern)}, nil
	}
	slash := strings.LastIndexByte(pattern[:special], '/')
	g := glob{base: tidy(pattern[:slash+1])}
	for part := range strings.SplitSeq(pattern[slash+1:], "/") {
		switch {
		case part == "" || part == ".":
			continue
		case part == "..":
			return glob{}, errUpwards // no listing has it, so it would match nothing, and in silence
		case !doublestar.ValidatePattern(part): // a class that holds a slash
			return glob{}, doublestar.ErrBadPattern
		}
		names := expandBraces(part, isAny)
		for i := range names {
			names[i] = squeeze(names[i])
		}
		g.parts = append(g.parts, names)
	}
	if len(g.parts) > maxParts {
		return glob{}, errParts
	}
	return g, nil
}

// squeeze makes one star of several, which doublestar does not match with nothing; only ** alone means more.
func squeeze(part string) string {
	if part == "**" || !strings.Contains(part, "**") {
		return part
	}
	var squeezed []byte
	for i, star := 0, false; i < len(part); {
		length := 1
		switch part[i] {
		case '\\':
			length = min(2, len(part)-i)
		case '[':
			length = classLength(part[i:])
		}
		if again := star && part[i] == '*'; !again {
			squeezed = append(squeezed, part[i:i+length]...)
		}
		star = part[i] == '*'
		i += length
	}
	return string(squeezed)
}

// many: part i is **.
func (g *glob) many(i int) bool { return g.parts[i][0] == "**" }

// enter returns part i, and what follows it if it can match nothing.
func (g *glob) enter(i int) state {
	s := state(1) << i
	for ; i < len(g.parts) && g.many(i); i++ {
		s |= 2 << i
	}
	return s
}

// step returns the state after one more path element.
func (g *glob) step(from state, name string) state {
	var next state
	for i, part := range g.parts {
		switch {
		case from&(1<<i) == 0:
		case g.many(i):
			next |= g.enter(i)
		case matchesAny(part, name):
			next |= g.enter(i + 1)
		}
	}
	return next
}

// names: the pattern has exactly this element next, and does not only match it.
func (g *glob) names(s state, name string) bool {
	for i, part := range g.parts {
		if s&(1<<i) != 0 && slices.Contains(part, name) {
			return true
		}
	}
	return false
}

// matchesAny takes a name that doublestar cannot decide for a match: it stumbles over some classes, and an input more
// does no harm.
func matchesAny(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if ok, err := doublestar.Match(pattern, name); ok || err != nil {
			return true
		}
	}
	return false
}

// MatchPath reports whether a path is what a pattern of files names, or below it.
func MatchPath(pattern, path string) bool { return coversFile(pattern, path) }

// coversFile reports whether a pattern names a file, or a directory that it is in, if it exists.
func coversFile(pattern, name string) bool {
	if strings.HasPrefix(pattern, listMark) {
		return true // as far as can be told
	}
	c := parseCover(pattern)
	return c.covers(name)
}

// cover is a pattern that files and directories are held against.
type cover struct {
	name  string
	globs []glob
	any   bool // it cannot be told what it covers
}

func parseCover(pattern string) cover {
	c := cover{name: strings.TrimPrefix(pattern, "./")}
	if IsGlob(c.name) {
		var err error
		c.globs, err = parseGlobs(c.name)
		c.any = err != nil
	}
	return c
}

func (c *cover) covers(name string) bool {
	rest, below := strings.CutPrefix(name, c.name)
	return c.any || below && (rest == "" || rest[0] == '/') || c.name == "." && !strings.HasPrefix(name, "/") ||
		slices.ContainsFunc(c.globs, func(g glob) bool { return g.covers(name) })
}

func (g *glob) covers(name string) bool {
	if g.base != "." {
		var below bool
		if name, below = strings.CutPrefix(name, strings.TrimSuffix(g.base, "/")+"/"); !below {
			return false
		}
	}
	s := g.enter(0)
	for element := range strings.SplitSeq(name, "/") {
		if g.matches(s) {
			return true
		}
		s = g.step(s, element)
	}
	return g.matches(s)
}

func (g *glob) end() state { return 1 << len(g.parts) }

// matches: the path that led to s is named by the glob.
func (g *glob) matches(s state) bool { return s&g.end() != 0 }

// expects: a longer path can be.
func (g *glob) expects(s state) bool { return s&^g.end() != 0 }

// expandBraces writes out the alternatives of those braces whose inside is wanted. None are left to doublestar, to
// which x*{,y} is not x.
func expandBraces(pattern string, wanted func(inside string) bool) []string {
	before, choices, after, found := cutBraces(pattern, wanted)
	if !found {
		return []string{pattern}
	}
	var all []string
	for _, choice := range choices {
		all = append(all, expandBraces(before+choice+after, wanted)...)
	}
	return all
}

func isAny(string) bool { return true }

func hasSlash(inside string) bool { return strings.Contains(inside, "/") }

// cutBraces finds the first outermost {...} that is wanted, and cuts it at its own commas.
func cutBraces(pattern string, wanted func(inside string) bool) (
	before string, choices []string, after string, found bool,
) {
	depth, opened, comma := 0, 0, 0
	var cut []string
	scanBraces(pattern, func(i int, b byte) {
		switch {
		case found:
		case b == '{':
			if depth++; depth == 1 {
				opened, comma, cut = i, i+1, nil
			}
		case b == ',' && depth == 1:
			cut = append(cut, pattern[comma:i])
			comma = i + 1
		case b == '}':
			depth--
			if depth == 0 && wanted(pattern[opened+1:i]) {
				before, choices, after, found = pattern[:opened], append(cut, pattern[comma:i]), pattern[i+1:], true
			}
		}
	})
	return before, choices, after, found
}

// classLength returns the length of the [...] that s begins with.
func classLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ']':
			return i + 1
		}
	}
	return len(s)
}
