package hashing

import (
	"crypto/sha256"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/probe"
)

var (
	fileMatchFact = factKind{
		name: "file-match", add: (*capture).addFiles, parse: parseFileMatch, change: changedPattern, order: ofAsked,
		report: func(_ *Recipe, spec *Spec, to *Report) { to.Files = append(to.Files, spec.Files...) },
		memo:   func(spec, left *Spec) { left.Files = beyondLooks(spec.Files) },
	}
	fileFact = factKind{
		name: "file", parse: parseFile, change: changedFile, order: ofFound, report: nothingToReport, memo: inAddress,
	}
)

// entry is one name that belongs to the inputs, as it stands in the recipe.
type entry struct {
	name   string // as the user gave it, or as it was matched or found below that
	target string // text of the link
	same   string // a link to a directory that is walked under this name already
	id     StatID // of regular files only
	mount  uint64 // the same
	kind   kind
	link   bool // a symbolic link; kind and id are then those of what it leads to
}

// checkPatterns refuses what is no name and no glob, before anything else is looked at.
func (c *capture) checkPatterns() error {
	for _, pattern := range c.spec.Env {
		if err := checkEnvPattern(pattern); err != nil {
			return &PatternError{Kind: "env", Pattern: pattern, Err: err}
		}
	}
	for _, pattern := range c.spec.Outputs {
		if err := CheckOutput(pattern); err != nil {
			return &PatternError{Kind: "output", Pattern: pattern, Err: err}
		}
	}
	for _, pattern := range c.spec.Files {
		s := parseSelection(pattern)
		if pattern == "" {
			return &PatternError{Kind: "file", Pattern: pattern, Err: errEmpty}
		}
		if err := s.check(); err != nil {
			return &PatternError{Kind: "file", Pattern: s.pattern, Err: err}
		}
	}
	return nil
}

// tidy writes a path with slashes and without what means nothing, so that ./a/ and a are one input. Dots that lead
// upwards stay: the way back from a symbolic link is not the way there. Of a glob only the ends are touched.
func tidy(path string) string {
	path = filepath.ToSlash(path)
	if IsGlob(path) {
		for strings.HasPrefix(path, "./") {
			path = strings.TrimLeft(path[1:], "/")
		}
		return strings.TrimRight(path, "/")
	}
	volume := filepath.VolumeName(path)
	if volume == "" && isTidy(path) {
		return path
	}
	path = path[len(volume):]
	var elements []string
	for element := range strings.SplitSeq(path, "/") {
		if element != "" && element != "." {
			elements = append(elements, element)
		}
	}
	root := volume
	if strings.HasPrefix(path, "/") {
		root += "/"
	}
	if root == "" && elements == nil {
		return "."
	}
	return root + strings.Join(elements, "/")
}

// isTidy tells most paths that tidy leaves as they are.
func isTidy(path string) bool {
	return path != "" && !strings.HasPrefix(path, ".") && !strings.HasSuffix(path, "/") &&
		!strings.HasSuffix(path, "/.") && !strings.Contains(path, "//") && !strings.Contains(path, "/./")
}

// addFiles adds what was asked for, and each file that this names.
func (c *capture) addFiles() error {
	if len(c.spec.Files) == 0 {
		return nil
	}
	for _, s := range c.selections() {
		c.text = appendSelection(c.text, &s)
	}
	if of := c.known; of != nil {
		c.files = of.files
		c.noteFiles(c.files)
		c.text = append(c.text, of.Text[of.argsFrom-of.filesSize:of.argsFrom]...)
		return nil
	}
	entries, err := c.find(c)
	if err != nil {
		return err
	}
	c.noteFiles(entries)
	digests, err := c.digestEntries(entries)
	if err != nil {
		return err
	}
	before := len(c.text)
	const aLine = len(`file "" plain 1234567890123 `) + len(plainSum) + 2*len(Digest{}) + len("\n")
	size := aLine * len(entries)
	for i := range entries {
		size += len(entries[i].name)
	}
	c.text = slices.Grow(c.text, size)
	for i := range entries {
		c.text = appendEntry(c.text, &entries[i], digests[i])
	}
	c.files, c.filesSize = entries, len(c.text)-before
	return nil
}

// noteFiles notes the files that were asked for by name. What a glob, a list or a directory finds is not told by names,
// but by LooksOf.
func (c *capture) noteFiles(entries []entry) {
	if c.seen == nil {
		return
	}
	for _, pattern := range c.spec.Files {
		name := tidy(pattern)
		i := slices.IndexFunc(entries, func(e entry) bool { return e.name == name })
		if !IsName(pattern) || i < 0 || entries[i].kind == kindDirectory {
			if c.known == nil {
				c.seen.NoteBeyond()
			}
			continue
		}
		c.seen.Note(name, probe.File, entries[i].kind != kindAbsent)
	}
}

// appendEntry adds one line: file "name" [link "target"] and then the kind, with size and digest if it is a regular
// file.
func appendEntry(text []byte, e *entry, digest Digest) []byte {
	text = append(appendQuoted(append(text, "file "...), e.name), ' ')
	if e.link {
		text = append(appendQuoted(append(text, "link "...), e.target), ' ')
	}
	if e.same != "" {
		return append(appendQuoted(append(text, "same "...), e.same), '\n')
	}
	text = append(text, e.kind.String()...)
	if e.kind.regular() {
		text = strconv.AppendInt(append(text, ' '), e.id.Size, 10)
		text = appendSum(append(text, ' '), digest)
	}
	return append(text, '\n')
}

// findFiles looks at everything that the patterns name, and returns it sorted.
func (c *capture) findFiles() ([]entry, error) {
	entries, err := newWalk(c.spec.Dir, MaxRecipe-len(c.text)).find(c)
	if errors.Is(err, errOtherKind) || errors.Is(err, errVanished) {
		w := newWalk(c.spec.Dir, MaxRecipe-len(c.text))
		w.careful = true
		entries, err = w.find(c)
	}
	if err != nil {
		return nil, err
	}
	return oneEach(entries)
}

// Unmatched is a file pattern that names nothing. That may be a mistake: the result stands until something appears
// there.
type Unmatched struct {
	Pattern string
	InWay   string // what stands where a directory should be; empty: nothing
}

func (u Unmatched) String() string {
	text := "file " + Show(u.Pattern) + " is not there"
	switch {
	case strings.HasPrefix(u.Pattern, listMark):
		text = "file " + Show(u.Pattern) + " lists nothing that is there"
	case IsGlob(u.Pattern):
		text = "file " + Show(u.Pattern) + " matches nothing"
	}
	if u.InWay != "" {
		text += ": " + Show(u.InWay) + " is not a directory"
	}
	return text
}

// Unmatched lists the file patterns that name nothing now.
func (r Recipe) Unmatched() []Unmatched { return r.unmatched }

// oneEach sorts the entries and drops repetitions. Two patterns must not have seen one name in two states; only what a
// link to a directory is said to be the same as may differ.
func oneEach(entries []entry) ([]entry, error) {
	order := func(a, b *entry) int {
		if order := strings.Compare(a.name, b.name); order != 0 {
			return order
		}
		return strings.Compare(a.same, b.same)
	}
	inOrder := true
	for i := 1; i < len(entries) && inOrder; i++ {
		inOrder = order(&entries[i-1], &entries[i]) < 0
	}
	if inOrder { // as a walk leaves it mostly
		return entries, nil
	}
	slices.SortFunc(entries, func(a, b entry) int { return order(&a, &b) })
	entries = slices.Compact(entries)
	for i := 1; i < len(entries); i++ {
		if a, b := &entries[i-1], &entries[i]; a.name == b.name &&
			(a.kind != b.kind || a.id != b.id || a.target != b.target) {
			return nil, &InputError{Path: a.name, Err: errChanged}
		}
	}
	return entries, nil
}

// look is what was seen of it.
func (e *entry) look() look { return look{kind: e.kind, id: e.id, mount: e.mount} }

func parseFileMatch(r *reader, f *Fact) {
	f.Name = r.quoted()
	f.Value = strings.TrimPrefix(r.rest, " ")
	if r.try(" from ") || r.try(" within ") {
		r.quoted()
	}
	for r.try(" except ") {
		r.quoted()
	}
}

func parseFile(r *reader, f *Fact) {
	f.Name = r.quoted()
	r.space()
	f.Value = r.rest
	if r.try("link ") {
		r.quoted()
		r.space()
		if r.try("same ") {
			r.quoted()
			return
		}
		if r.try("loop") {
			return
		}
	}
	for _, regular := range []string{"plain ", "exec "} {
		if r.try(regular) {
			r.number()
			r.space()
			r.sum(plainSum)
			return
		}
	}
	for _, other := range []kind{kindAbsent, kindDirectory, kindFIFO, kindSocket, kindDevice, kindUnreachable} {
		if r.try(other.String()) {
			return
		}
	}
	r.failed = true
}

func changedFile(d *differ, s states) string {
	if s.had != s.has && !d.asked("file-match", s, coversFile) {
		return ""
	}
	was, is := s.had && s.old != "absent", s.has && s.recent != "absent"
	switch {
	case was && is:
		return "file " + Show(s.name) + " changed" + howChanged(s.old, s.recent)
	case is:
		return "file " + Show(s.name) + " appeared"
	case was:
		return "file " + Show(s.name) + " vanished"
	case s.has && !s.had:
		return "file " + Show(s.name) + " is in a list, and not there"
	case s.had && !s.has:
		return "file " + Show(s.name) + " is not in a list any more"
	}
	return ""
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

// FilesSum is a digest over all that a recipe says about files: equal sums, equal names, kinds and contents.
func (r Recipe) FilesSum() Digest {
	var lines []string
	for line := range strings.Lines(string(r.Text)) {
		if strings.HasPrefix(line, "file-match ") || strings.HasPrefix(line, "file ") {
			lines = append(lines, line)
		}
	}
	return sha256.Sum256([]byte(strings.Join(sortedSet(lines), "")))
}

// FilesSumOf is the FilesSum of a recipe that has these patterns, in a directory and with an environment, and nothing
// else.
func FilesSumOf(dir string, environ, patterns []string, digests Digests) (Digest, error) {
	c := newCapture(Spec{Dir: dir, Environ: environ, Files: patterns}, digests, time.Now())
	c.learned = true
	if err := c.add(&fileMatchFact); err != nil {
		return Digest{}, err
	}
	return c.recipe().FilesSum(), nil
}

// HasFiles reports whether files were asked for.
func (r Recipe) HasFiles() bool { return r.has("file-match ") }
