package hashing

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"
	"syscall"
)

// walk collects entries. What a pattern names counts wholly: a directory with all that is in it.
//
// Symbolic links to directories are followed, so loops must end, and a tree full of links must not be walked once per
// path to it: through a link, each directory is walked once only, and any other link to it says under which name
// (same). Directories reached without a link are always walked under their own name; there are no loops among them.
//
// Almost all of its time goes into one look per file. So those that a listing tells to be regular are looked at by
// several goroutines, while the walk goes on.
type walk struct {
	dir     string           // relative names start here
	whole   *glob            // matches everything
	seen    map[place]string // directories walked, and the names under which they were
	found   [][]entry        // in the order of their names, but for some
	files   []entry          // room for those of files, as far as it is taken
	taken   int              // entries of files
	last    []entry          // the end of it
	lookers lookers          // look at some of it
	learned bool             // the names are not the caller's own, who may be unable to reach them
	matches int              // names that the present selection has found
	inWay   string           // what stands where it needs a directory

	of      *capture // that asks; nil: nobody knows of a manifest
	looks   *looks   // are noted here
	listing listing  // of the directory at hand
	known   []child  // the same of one that need not be listed
	wanted  []sub    // what is wanted of it
	careful bool     // of a listing no kind is believed, and no name is one that it had

	selection *selection // that is being looked for
	budget    int        // bytes of recipe left; a walk that needs more ends soon
}

// place is a directory together with what is expected below it: only with the same expectation the same files are
// found.
type place struct {
	dev, ino uint64
	glob     *glob
	state    state
}

func newWalk(dir string, budget int) *walk {
	return &walk{
		dir: dir, whole: everything(), seen: map[place]string{}, looks: &looks{}, selection: &selection{},
		budget: budget,
	}
}

// sub is a name that was seen, and what is expected there and below.
type sub struct {
	name    string
	at      look
	glob    *glob
	state   state
	matches bool
}

// all expects everything below a name.
func (w *walk) all(name string, at look) sub {
	return sub{name: name, at: at, glob: w.whole, state: w.whole.enter(0), matches: true}
}

// find returns what all selections of a capture name.
func (w *walk) find(c *capture) ([]entry, error) {
	w.of, w.learned, c.unmatched, c.manifest = c, c.learned, nil, nil
	c.looks = looks{untold: w.careful}
	w.looks = &c.looks
	for _, s := range c.selections() {
		if err := w.selected(c, &s); err != nil {
			_, _ = w.finish()
			return nil, err
		}
		if w.matches <= 0 {
			c.unmatched = append(c.unmatched, Unmatched{s.label(), w.inWay})
		}
	}
	return w.finish()
}

// selected adds what one selection names.
func (w *walk) selected(c *capture, s *selection) error {
	w.matches, w.inWay = 0, ""
	w.selection = s
	if len(s.except) > 0 { // a directory that is walked without some of its files is another place
		w.whole = everything()
		defer func() { w.whole = everything() }()
	}
	if s.kind != byPattern {
		c.looks.untold = c.looks.untold || s.kind != byFile || s.within
		return w.listed(c, s)
	}
	if err := w.named(s.pattern, IsGlob(s.pattern)); err != nil || !IsGlob(s.pattern) {
		return err
	}
	return w.matched(s.pattern)
}

func everything() *glob { return &glob{parts: [][]string{{"**"}}} }

// named adds the file of exactly this name. For a name that is also a glob (pages/[id].tsx) it must exist to count.
func (w *walk) named(name string, optional bool) error {
	if w.selection.leavesOut(name) {
		return nil
	}
	at, err := lookAt(absolute(name, w.dir), false)
	return w.looked(name, at, err, optional)
}

// looked adds what a look at a name has shown.
func (w *walk) looked(name string, at look, err error, optional bool) error {
	if isAbsent(err) {
		if errors.Is(err, syscall.ENOTDIR) {
			w.inWay = w.notDirectory(name)
		}
		if optional {
			w.looks.take(name, false, at, err)
			return nil
		}
		w.matches-- // that it is not there is a state of it, and no match
		return w.add(entry{name: name})
	}
	if w.learned && errors.Is(err, fs.ErrPermission) {
		return w.add(entry{name: name, kind: kindUnreachable})
	}
	if err != nil {
		return &InputError{Path: name, Err: err}
	}
	return w.visit(w.all(name, at), true)
}

// matched adds what a pattern with special characters names. No match is no error: a file that appears later changes
// the recipe.
func (w *walk) matched(pattern string) error {
	globs, err := parseGlobs(pattern)
	if err != nil {
		return &PatternError{Kind: "file", Pattern: pattern, Err: err}
	}
	for i := range globs {
		if err := w.matchedOne(&globs[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) matchedOne(g *glob) error {
	start := g.enter(0)
	if g.matches(start) { // dir/** names dir itself
		return w.named(g.base, false)
	}
	at, err := lookAt(absolute(g.base, w.dir), true)
	if isAbsent(err) || err == nil && at.kind != kindDirectory {
		w.looks.take(g.base, true, at, err)
		return nil
	}
	if err != nil {
		return &InputError{Path: g.base, Err: err}
	}
	return w.below(sub{name: g.base, glob: g, state: start}, true)
}

// notDirectory returns what is in the way to a name and no directory.
func (w *walk) notDirectory(name string) string {
	for i := 1; i < len(name); i++ {
		if name[i] != '/' {
			continue
		}
		if at, err := lookAt(absolute(name[:i], w.dir), true); err == nil && at.kind != kindDirectory {
			return name[:i]
		}
	}
	return ""
}

// isAbsent: there is no such file, or what should be its directory is none.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || namesNothing(err)
}

// visit adds what was seen under a name, if it matches, and all that matches below it.
func (w *walk) visit(s sub, explicit bool) error {
	enter, follow, err := w.enter(s, explicit)
	if err != nil || !enter {
		return err
	}
	return w.below(s, follow)
}

// enter adds what was seen under a name, if it matches, and says whether what is below it is to be visited. A link to a
// directory is a fact even if nothing matches: where it leads decides what the names below it mean. What is named
// explicitly must have a content.
func (w *walk) enter(s sub, explicit bool) (enter, follow bool, err error) {
	e := entry{name: s.name, kind: s.at.kind, id: s.at.id, mount: s.at.mount}
	if s.at.kind == kindLink {
		if e, err = w.follow(s.name); err != nil {
			return false, false, err
		}
		w.looks.link(s.name, s.at, &e)
	}
	if explicit && e.kind.special() {
		return false, false, &InputError{Path: s.name, Err: errKind}
	}
	isDirectory := e.kind == kindDirectory
	if e.link && isDirectory {
		e.same = w.seen[place{e.id.Dev, e.id.Ino, s.glob, s.state}]
	}
	if s.matches || e.link && isDirectory {
		if err := w.add(e); err != nil {
			return false, false, err
		}
	}
	return isDirectory && e.same == "", e.link, nil
}

// below adds what matches in a directory, and visits what has to be entered; by then the walk has closed the directory:
// a deep tree must not use up the descriptors.
func (w *walk) below(s sub, follow bool) error {
	subs, files, err := w.list(s, follow)
	if err != nil {
		return err
	}
	for _, s := range subs {
		files = w.addUpTo(files, s.name)
		enter, follow, err := w.enter(s, false)
		if err != nil {
			return err
		}
		if !enter {
			continue
		}
		files = w.addUpTo(files, s.name+"/")
		if err := w.below(s, follow); err != nil {
			return err
		}
	}
	w.addChunk(files)
	return nil
}

// addUpTo adds the files whose names come before one, so that little is left to be sorted, and returns the others. All
// but their names may be written meanwhile.
func (w *walk) addUpTo(files []entry, name string) []entry {
	i := sort.Search(len(files), func(i int) bool { return files[i].name >= name })
	w.addChunk(files[:i])
	return files[i:]
}

func (w *walk) addChunk(files []entry) {
	if len(files) > 0 {
		w.found, w.last = append(w.found, w.last, files), nil
	}
}

// follow looks at a link, and through it.
func (w *walk) follow(name string) (entry, error) {
	path := absolute(name, w.dir)
	target, err := os.Readlink(path)
	if err != nil {
		return entry{}, &InputError{Path: name, Err: errChanged} // it was a link a moment ago
	}
	at, err := lookAt(path, true)
	switch {
	case isAbsent(err):
		at = look{kind: kindAbsent}
	case errors.Is(err, syscall.ELOOP):
		at = look{kind: kindLoop}
	case err != nil:
		return entry{}, &InputError{Path: name, Err: err}
	}
	return entry{name: name, link: true, target: target, kind: at.kind, id: at.id, mount: at.mount}, nil
}

// add notes one entry, and ends the walk when the recipe must become too large.
func (w *walk) add(e entry) error {
	if !e.kind.regular() {
		e.id, e.mount = StatID{}, 0 // times of a directory change with what is not looked at
	}
	if len(w.last) == cap(w.last) { // entries are large: they stay where they are
		w.found, w.last = append(w.found, w.last), make([]entry, 0, min(max(2*len(w.last), 4), 512))
	}
	w.last = append(w.last, e)
	return w.count(&e)
}

// count counts an entry, and its line. The estimate is low.
func (w *walk) count(e *entry) error {
	w.matches++
	w.budget -= len("file  absent") + len(e.name) + len(e.target)
	if e.kind.regular() {
		w.budget -= len(plainSum) + 64
	}
	if w.budget < 0 {
		return &TooLarge{Limit: MaxRecipe}
	}
	return nil
}

// expect makes room for entries that are added one by one: entries are large, and each page of memory that is touched
// takes as long as a look at a file.
func (w *walk) expect(n int) {
	if free := cap(w.last) - len(w.last); free < n && w.budget > n*len("file  absent") {
		w.last = append(make([]entry, 0, len(w.last)+n), w.last...)
	}
}

// finish returns all entries. Those that lie behind one another are not copied.
func (w *walk) finish() ([]entry, error) {
	if err := w.lookers.finish(); err != nil {
		return nil, err
	}
	var parts [][]entry
	for _, part := range append(w.found, w.last) {
		if last := len(parts) - 1; len(part) == 0 {
			continue
		} else if last >= 0 && isBehind(parts[last], part) {
			parts[last] = parts[last][:len(parts[last])+len(part)]
		} else {
			parts = append(parts, part)
		}
	}
	if len(parts) == 1 {
		return slices.Clip(parts[0]), nil
	}
	return slices.Concat(parts...), nil
}

// isBehind reports whether what a part begins with lies behind the end of another, in what that has room for.
func isBehind(before, part []entry) bool {
	n := len(before)
	return cap(before)-n >= len(part) && &before[:n+1][n] == &part[0]
}

// roomFor returns where so many entries of files can be put: behind those of the directory before, as long as no more
// are found than the manifest has. What is not used of it is there for the next.
func (w *walk) roomFor(n int) []entry {
	if cap(w.files)-len(w.files) < n {
		known := w.of.knownFiles() - w.taken
		if known < n {
			return make([]entry, 0, n)
		}
		w.files = make([]entry, 0, known)
	}
	return w.files[len(w.files):]
}

// take notes how much of the room was used.
func (w *walk) take(files []entry) {
	w.taken += len(files)
	if n := len(w.files); cap(w.files)-n > 0 && len(files) > 0 && &w.files[:n+1][n] == &files[0] {
		w.files = w.files[:n+len(files)]
	}
}

// list returns the files of a directory that match, and what has to be entered. The files may not have been looked at
// yet.
func (w *walk) list(s sub, follow bool) (subs []sub, files []entry, err error) {
	d, at, err := openFolder(absolute(s.name, w.dir), follow)
	if err != nil {
		return nil, nil, lostError(s.name, cause(err))
	}
	w.seen[place{at.id.Dev, at.id.Ino, s.glob, s.state}] = s.name
	found, told, err := w.candidates(d, s)
	if err != nil {
		d.close()
		return nil, nil, err
	}
	w.looks.list(s.name, follow, at, told)
	return w.lookAll(d, len(join(s.name, "")), found)
}

// lookAll looks at each candidate in a directory, and closes it; the names begin with so many bytes of its own name.
// What was listed as a regular file, and that alone, is looked at later.
func (w *walk) lookAll(d *folder, prefix int, found []sub) (subs []sub, files []entry, err error) {
	files = w.roomFor(len(found))
	later := false
	for _, f := range found {
		e := entry{name: f.name, kind: f.at.kind}
		if e.kind.regular() {
			err = w.count(&e)
			e.kind, later = kindUnknown, true
		} else if f.at, err = d.lookListed(f.name[prefix:]); err != nil {
			err = lostError(f.name, err)
		} else if f.at.kind == kindDirectory || f.at.kind == kindLink {
			subs = append(subs, f)
			continue
		} else if !f.matches {
			continue
		} else {
			e.see(f.at)
			err = w.count(&e)
		}
		if err != nil {
			d.close()
			return nil, nil, err
		}
		files = append(files, e)
	}
	w.take(files)
	if later {
		w.lookers.look(listed{d, prefix, files})
	} else {
		d.close()
	}
	return subs, files, nil
}

// see notes what a look has shown. Of what is no regular file, times change with what is not looked at.
func (e *entry) see(at look) {
	if e.kind = at.kind; at.kind.regular() {
		e.id, e.mount = at.id, at.mount
	}
}

// candidates returns, sorted, the names in a directory that match or may lead to a match. Behind each of them is a NUL.
// told: as children says.
func (w *walk) candidates(d *folder, s sub) (found []sub, told bool, err error) {
	children, told, err := w.children(d, s.name)
	if err != nil {
		return nil, false, &InputError{Path: s.name, Err: cause(err)}
	}
	size := 0
	found = w.wanted[:0]
	prefix := join(s.name, "")
	for _, child := range children {
		if child.name == ".git" && !s.glob.names(s.state, ".git") {
			continue // what Git keeps changes with what nobody did to the files
		}
		if IsTemporary(child.name) {
			continue
		}
		kind := child.kind
		if w.careful {
			kind = kindUnknown
		}
		next := s.glob.step(s.state, child.name)
		if s.glob.matches(next) { // with all below it, so the rest of the glob cannot add to it
			found = append(found, w.all(child.name, look{kind: kind}))
		} else if s.glob.expects(next) && child.kind != kindPlain {
			found = append(found, sub{name: child.name, at: look{kind: kindUnknown}, glob: s.glob, state: next})
		}
		size += len(prefix) + len(child.name) + 1
	}
	w.wanted = found
	// One string holds all names: thousands of small ones would cost as much as looking at the files.
	var names strings.Builder
	names.Grow(size)
	for i := range found {
		names.WriteString(prefix)
		names.WriteString(found[i].name)
		names.WriteByte(0)
	}
	rest := names.String()
	for i := range found {
		length := len(prefix) + len(found[i].name)
		found[i].name, rest = rest[:length], rest[length+1:]
	}
	if len(w.selection.except) == 0 {
		return found, told, nil
	}
	return slices.DeleteFunc(found, func(f sub) bool { return w.selection.leavesOut(f.name) }), told, nil
}

// children returns the names in a directory, sorted: those that it had when a manifest was written, if it is the same
// and none can have come or gone since, or else those that it lists. told: it has these as long as it is the same.
func (w *walk) children(d *folder, name string) (children []child, told bool, err error) {
	var id StatID
	trust := false
	if w.of != nil {
		id, trust = w.of.standsForNames(location{name, w.dir}, d.at)
	}
	if trust && !w.careful {
		if children, ok := w.of.openManifest().children(id, w.known[:0]); ok {
			w.known = children
			return children, true, nil
		}
	}
	children, err = w.listing.read(d)
	slices.SortFunc(children, func(a, b child) int { return strings.Compare(a.name, b.name) })
	if trust && err == nil {
		if now, nerr := lookAtOpen(d.f); nerr == nil && now.id == d.at.id {
			w.of.openManifest().note(id, children)
			told = true
		}
	}
	return children, told, err
}

// lostError: what a listing has just named should exist.
func lostError(name string, err error) *InputError {
	if errors.Is(err, fs.ErrNotExist) {
		err = errVanished
	}
	return &InputError{Path: name, Err: err}
}

// child is a name in a directory, and its kind as far as the listing tells it.
type child struct {
	name string // valid until the next listing, and longer if it is known
	kind kind   // kindPlain if it is a regular file, or else kindUnknown
}

// join returns the name of a file in a directory. The working directory adds nothing.
func join(directory, name string) string {
	switch directory {
	case ".":
		return name
	case "/":
		return "/" + name
	}
	return directory + "/" + name
}
