package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/outputs"
	"github.com/cachex-cli/cachex/trace"
)

// makings tell others that somebody makes files: in the working directory, and where absolute names begin. They say
// which as a claim: in patterns; and each name before it is written, where nobody knows that when a run begins.
type makings struct {
	dir   string
	all   []*cachedir.Making
	own   claim
	local *cachedir.Making // where names are told; nil: they are covered by the patterns
}

// making tells others that this one makes files; nil: they are not told. In an encrypted directory nobody is told what.
func (f files) making() *makings {
	m := &makings{dir: f.Spec.Dir, own: newClaim()}
	absolute, local := partition(f.Spec.Outputs, hashing.IsAbsoluteOutput)
	for dir, patterns := range map[string][]string{f.Spec.Dir: local, "": absolute} {
		if len(patterns) == 0 {
			continue
		}
		auto, named := partition(patterns, func(p string) bool { return p == hashing.AutoOutputs })
		named = withReal(dir, named)
		what, grows := claim{patterns: named}.String(), len(auto) > 0
		if f.dir.Encrypts() {
			what, grows, named = claim{all: true}.String(), false, patterns
		}
		one, err := f.dir.Making(dir, what, grows, strings.Fields(f.Making))
		if err != nil {
			m.end()
			return nil
		}
		m.all = append(m.all, one)
		m.own.patterns = append(m.own.patterns, named...)
		if grows {
			m.local = one
		}
	}
	return m
}

// withReal adds to patterns what they mean where links lead to it: by that others may name it.
func withReal(dir string, patterns []string) []string {
	all := slices.Clip(patterns)
	for _, pattern := range patterns {
		base := hashing.OutputSet([]string{pattern}).Base()
		rest, ok := strings.CutPrefix(path.Clean(filepath.ToSlash(pattern)), base)
		if name, other := realName(dir, base); ok && other {
			all = append(all, hashing.EscapeGlob(name)+rest)
		}
	}
	return all
}

// realName is the name of an output without links on the way to it; not other: it is the same, or lies elsewhere.
func realName(dir, name string) (real string, other bool) {
	at := hashing.OutputPath(dir, name)
	above, err := realDirectory(filepath.Dir(at))
	if err != nil {
		return name, false
	}
	real = filepath.Join(above, filepath.Base(at))
	if !hashing.IsAbsoluteOutput(name) {
		if dir, err = filepath.EvalSymlinks(dir); err == nil {
			real, err = filepath.Rel(dir, real)
		}
		if err != nil || !filepath.IsLocal(real) {
			return name, false
		}
	}
	real = filepath.ToSlash(real)
	return real, real != name
}

// realDirectory is the name of a directory without links, of which not all may have been made yet.
func realDirectory(dir string) (string, error) {
	real, err := filepath.EvalSymlinks(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	above := filepath.Dir(dir)
	if _, failed := os.Lstat(dir); failed == nil || above == dir { // a link that leads nowhere; the top
		return "", err
	}
	if above, err = realDirectory(above); err != nil {
		return "", err
	}
	return filepath.Join(above, filepath.Base(dir)), nil
}

// tell tells that something is about to be written, if nobody was told yet.
func (m *makings) tell(more claim) {
	if said := m.own.add(more); said {
		m.local.Say(more.String())
	}
}

// tellFiles tells that all files of a list are about to be written.
func (m *makings) tellFiles(list []outputs.File) {
	if m == nil || m.local == nil {
		return
	}
	names := map[string]trace.Write{}
	for i := range list {
		how := trace.Changes
		if list[i].Kind == outputs.Directory {
			how = trace.MakesDirectory
		}
		names[list[i].Name] = how
		if real, other := realName(m.dir, list[i].Name); other {
			names[real] = how
		}
	}
	m.tell(claim{names: names})
}

// claimOf is what a hit tells that puts these files in place, all at once.
func claimOf(patterns []string, list []outputs.File) claim {
	c := newClaim()
	auto, named := partition(patterns, func(p string) bool { return p == hashing.AutoOutputs })
	if c.patterns = named; len(auto) > 0 {
		for i := range list {
			c.names[list[i].Name] = trace.Changes
		}
	}
	return c
}

// watch tells what an observed run is about to write, if that is among its outputs. A path may lead there through
// links, or be another name of a file that is there.
func (m *makings) watch(e *earlierOutputs, path string, how trace.Write) {
	if m == nil || m.local == nil {
		return
	}
	switch how {
	case trace.Unseen:
		m.tell(claim{all: true})
		return
	case trace.Links:
		if inode, _ := inodeOf(path); inode != "" {
			m.tell(claim{inodes: map[string]bool{inode: true}})
		}
		return
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(dir, filepath.Base(path))
	}
	var c claim
	if name, covered := e.of(path); covered {
		c.names = map[string]trace.Write{name: how}
	}
	if inode, names := inodeOf(path); names > 1 {
		c.inodes = map[string]bool{inode: true}
	}
	m.tell(c)
}

// names are for those who are part of this one.
func (m *makings) names() string {
	if m == nil {
		return ""
	}
	var names []string
	for _, one := range m.all {
		names = append(names, one.Name())
	}
	return strings.Join(names, " ")
}

// disturbed reports whether somebody else has made the same meanwhile, or that cannot be told. The files are what this
// one has made.
func (m *makings) disturbed(dir string, files []outputs.File) bool {
	if m == nil || len(m.all) == 0 {
		return true
	}
	for _, one := range m.all {
		texts, sure := one.Others()
		if !sure {
			return true
		}
		for _, text := range texts {
			other := parseClaim(text)
			if m.own.overlaps(other) || len(other.inodes) > 0 && other.hasInodes(dir, files) {
				return true
			}
		}
	}
	return false
}

// end says that nothing is made any more.
func (m *makings) end() {
	if m == nil {
		return
	}
	for _, one := range m.all {
		one.End()
	}
}

// claim is what somebody makes. As a text it is a line each for the patterns, a name, and an inode, in any order and
// as often as there is more.
type claim struct {
	all      bool // anything
	patterns []string
	names    map[string]trace.Write // and how each is written
	inodes   map[string]bool        // of files that have, or get, several names
}

func newClaim() claim { return claim{names: map[string]trace.Write{}, inodes: map[string]bool{}} }

const anything = "*"

func (c claim) String() string {
	var b strings.Builder
	if c.all {
		fmt.Fprintln(&b, anything)
	}
	if len(c.patterns) > 0 {
		fmt.Fprintln(&b, "p", strings.Join(quoted(c.patterns), " "))
	}
	for _, name := range slices.Sorted(maps.Keys(c.names)) {
		fmt.Fprintln(&b, "n", c.names[name], strconv.Quote(name))
	}
	for _, inode := range slices.Sorted(maps.Keys(c.inodes)) {
		fmt.Fprintln(&b, "i", inode)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// parseClaim reads what somebody says. What is damaged, or unknown, means anything.
func parseClaim(text string) claim {
	c := newClaim()
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch kind {
		case "":
		case "p":
			patterns, ok := unquoted(rest)
			c.all, c.patterns = c.all || !ok, append(c.patterns, patterns...)
		case "n":
			how, rest, _ := strings.Cut(rest, " ")
			n, err := strconv.ParseUint(how, 10, 8)
			name, err2 := strconv.Unquote(rest)
			if err != nil || err2 != nil {
				c.all = true
			}
			c.names[name] = max(c.names[name], trace.Write(n))
		case "i":
			c.inodes[rest] = true
		default:
			c.all = true
		}
	}
	return c
}

// add adds more, and reports whether anything of it is new.
func (c *claim) add(more claim) (isNew bool) {
	if more.all && !c.all {
		c.all, isNew = true, true
	}
	for name, how := range more.names {
		if before, known := c.names[name]; !known || before < how {
			c.names[name], isNew = how, true
		}
	}
	for inode := range more.inodes {
		if !c.inodes[inode] {
			c.inodes[inode], isNew = true, true
		}
	}
	return isNew
}

// overlaps reports whether two may make the same file.
func (c claim) overlaps(o claim) bool {
	if c.all || o.all {
		return true
	}
	mine, theirs := hashing.OutputSet(c.patterns), hashing.OutputSet(o.patterns)
	return mine.Overlaps(theirs) || c.namesIn(theirs) || o.namesIn(mine) || c.movesOver(o) || o.movesOver(c) ||
		c.sharesName(o)
}

// namesIn reports whether patterns cover a name, or something below one that is moved.
func (c claim) namesIn(set hashing.Outputs) bool {
	for name, how := range c.names {
		if set.Covers(name) || how == trace.Moves && (name == "." || set.Expects(name)) {
			return true
		}
	}
	return false
}

// movesOver reports whether a name of the other one is below one that is moved.
func (c claim) movesOver(o claim) bool {
	for name := range o.names {
		for dir := filepath.ToSlash(filepath.Dir(name)); dir != filepath.ToSlash(filepath.Dir(dir)); {
			if c.names[dir] == trace.Moves {
				return true
			}
			dir = filepath.ToSlash(filepath.Dir(dir))
		}
	}
	return false
}

// sharesName reports whether both write the same name. A directory that is made where it is missing may be made by
// both.
func (c claim) sharesName(o claim) bool {
	for name, how := range c.names {
		theirs, both := o.names[name]
		if both && (how != trace.MakesDirectory || theirs != trace.MakesDirectory) {
			return true
		}
	}
	return false
}

// hasInodes reports whether one of some files has had other names, by which the other one may have written it: they
// may be gone.
func (c claim) hasInodes(dir string, files []outputs.File) bool {
	return slices.ContainsFunc(files, func(f outputs.File) bool {
		inode, _ := inodeOf(hashing.OutputPath(dir, f.Name))
		return inode != "" && c.inodes[inode]
	})
}

func partition(words []string, is func(string) bool) (those, others []string) {
	for _, word := range words {
		if is(word) {
			those = append(those, word)
		} else {
			others = append(others, word)
		}
	}
	return those, others
}

func quoted(words []string) (all []string) {
	for _, word := range words {
		all = append(all, strconv.Quote(word))
	}
	return all
}

func unquoted(text string) (words []string, ok bool) {
	for text != "" {
		word, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, false
		}
		text = strings.TrimPrefix(text[len(word):], " ")
		if word, err = strconv.Unquote(word); err != nil {
			return nil, false
		}
		words = append(words, word)
	}
	return words, true
}
