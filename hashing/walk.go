package hashing

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// walk collects entries. What a pattern names counts wholly: a directory with all that is in it.
//
// Symbolic links to directories are followed, so loops must end, and a tree full of links must not be walked once per path to it: through
// a link, each directory is walked once only, and any other link to it says under which name (same). Directories reached without a link
// are always walked under their own name; there are no loops among them. Which link is the first must not depend on chance, so links are
// followed one after another, in order; directories alone are scanned by several goroutines at once, each its own.
type walk struct {
	dir     string           // relative names start here
	whole   *glob            // matches everything
	seen    map[place]string // directories walked, and the names under which they were
	lists   [][]entry        // what was found
	budget  atomic.Int64     // bytes of recipe left; a walk that needs more ends soon
	helpers chan struct{}    // holds one element for each goroutine beside the first
}

// place is a directory together with what is expected below it: only with the same expectation the same files are found.
type place struct {
	dev, ino uint64
	glob     *glob
	state    state
}

func newWalk(dir string, budget int) *walk {
	w := &walk{
		dir: dir, seen: map[place]string{}, whole: &glob{parts: [][]string{{"**"}}},
		helpers: make(chan struct{}, runtime.GOMAXPROCS(0)-1),
	}
	w.budget.Store(int64(budget))
	return w
}

// sub is a name that was seen, and what is expected there and below.
type sub struct {
	name    string
	at      look
	glob    *glob
	state   state
	matches bool
	node    *node // of a directory, when it was scanned already
}

// all expects everything below a name.
func (w *walk) all(name string, at look) sub {
	return sub{name: name, at: at, glob: w.whole, state: w.whole.enter(0), matches: true}
}

// named adds the file of exactly this name. For a name that is also a glob (pages/[id].tsx) it must exist to count.
func (w *walk) named(name string, optional bool) error {
	at, err := lookAt(absolute(name, w.dir), false)
	if isAbsent(err) {
		if optional {
			return nil
		}
		return w.add(entry{name: name})
	}
	if err != nil {
		return &InputError{Path: name, Err: err}
	}
	return w.visit(w.all(name, at), true)
}

// matched adds what a pattern with special characters names. No match is no error: a file that appears later changes the recipe.
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
		return nil
	}
	if err != nil {
		return &InputError{Path: g.base, Err: err}
	}
	return w.below(w.scan(sub{name: g.base, glob: g, state: start}, true))
}

// isAbsent: there is no such file, or what should be its directory is none.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// visit adds what was seen under a name, if it matches, and all that matches below it. A link to a directory is a fact even if nothing
// does: where it leads decides what the names below it mean. What is named explicitly must have a content.
func (w *walk) visit(s sub, explicit bool) error {
	e := entry{name: s.name, kind: s.at.kind, id: s.at.id}
	if s.at.kind == kindLink {
		var err error
		if e, err = w.follow(s.name); err != nil {
			return err
		}
	}
	if explicit && e.kind.special() {
		return &InputError{Path: s.name, Err: errKind}
	}
	isDirectory := e.kind == kindDirectory
	if e.link && isDirectory {
		e.same = w.seen[place{e.id.Dev, e.id.Ino, s.glob, s.state}]
	}
	if s.matches || e.link && isDirectory {
		if err := w.add(e); err != nil {
			return err
		}
	}
	if !isDirectory || e.same != "" {
		return nil
	}
	if s.node == nil {
		s.node = w.scan(s, e.link)
	}
	return w.below(s.node)
}

// below adds what was found in a directory, and goes on with what has to be entered.
func (w *walk) below(n *node) error {
	if n.err != nil {
		return n.err
	}
	w.seen[n.place] = n.name
	w.lists = append(w.lists, n.files)
	for _, s := range n.subs {
		if err := w.visit(s, false); err != nil {
			return err
		}
	}
	return nil
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
	return entry{name: name, link: true, target: target, kind: at.kind, id: at.id}, nil
}

// add notes one entry.
func (w *walk) add(e entry) error {
	if !e.kind.regular() {
		e.id = StatID{} // times of a directory change with what we do not look at
	}
	w.lists = append(w.lists, []entry{e})
	return w.pay(&e)
}

// pay ends the walk when the recipe must become too large. The estimate is low.
func (w *walk) pay(e *entry) error {
	cost := len("file  absent") + len(e.name) + len(e.target)
	if e.kind.regular() {
		cost += len(plainSum) + 64
	}
	if w.budget.Add(-int64(cost)) < 0 {
		return &TooLarge{Limit: MaxRecipe}
	}
	return nil
}

// node is a directory that was scanned.
type node struct {
	sub
	follow bool // it was reached through a link
	place  place
	files  []entry // what matches, and is neither a directory nor a link
	subs   []sub   // what has to be entered
	err    error
}

// scan reads a directory, and all directories below it that are not behind a link.
func (w *walk) scan(s sub, follow bool) *node {
	n := &node{sub: s, follow: follow}
	var group sync.WaitGroup
	w.fill(n, &group)
	group.Wait()
	return n
}

// fill reads one directory, and hands out those in it to whoever is free.
func (w *walk) fill(n *node, group *sync.WaitGroup) {
	if n.err = w.list(n); n.err != nil {
		return
	}
	for i := range n.subs {
		s := &n.subs[i]
		if s.at.kind != kindDirectory {
			continue
		}
		s.node = &node{sub: *s}
		if !w.help(group, func() { w.fill(s.node, group) }) {
			w.fill(s.node, group)
		}
	}
}

// help starts f beside the caller, unless enough goroutines are at work.
func (w *walk) help(group *sync.WaitGroup, f func()) bool {
	select {
	case w.helpers <- struct{}{}:
		group.Go(func() {
			f()
			<-w.helpers
		})
		return true
	default:
		return false
	}
}

// list reads one directory. It is closed before those in it are opened: a deep tree must not use up the descriptors.
func (w *walk) list(n *node) error {
	if w.budget.Load() < 0 {
		return &TooLarge{Limit: MaxRecipe}
	}
	d, at, err := openFolder(absolute(n.name, w.dir), n.follow)
	if err != nil {
		return lostError(n.name, cause(err))
	}
	defer d.close()
	n.place = place{at.id.Dev, at.id.Ino, n.glob, n.state}
	found, err := w.candidates(d, n)
	if err != nil {
		return err
	}
	if err := w.lookAll(d, n.name, found); err != nil {
		return err
	}
	n.files = make([]entry, 0, len(found))
	for _, s := range found {
		switch {
		case s.at.kind == kindDirectory || s.at.kind == kindLink:
			n.subs = append(n.subs, s)
		case s.matches:
			e := entry{name: s.name, kind: s.at.kind}
			if e.kind.regular() {
				e.id = s.at.id
			}
			if err := w.pay(&e); err != nil {
				return err
			}
			n.files = append(n.files, e)
		}
	}
	return nil
}

// candidates returns, sorted, the names in a directory that match or may lead to a match.
func (w *walk) candidates(d *folder, n *node) ([]sub, error) {
	children, err := d.children(n.glob == w.whole)
	if err != nil {
		return nil, &InputError{Path: n.name, Err: cause(err)}
	}
	slices.SortFunc(children, func(a, b child) int { return strings.Compare(a.name, b.name) })
	found := make([]sub, 0, len(children))
	prefix := join(n.name, "")
	for _, child := range children {
		next := n.glob.step(n.state, child.name)
		if n.glob.matches(next) { // with all below it, so the rest of the glob cannot add to it
			found = append(found, w.all(child.name, look{}))
		} else if n.glob.expects(next) && child.kind != kindPlain {
			found = append(found, sub{name: child.name, glob: n.glob, state: next})
		}
	}
	// One string holds all names: thousands of small ones would cost as much as looking at the files.
	var names strings.Builder
	for i := range found {
		names.WriteString(prefix)
		names.WriteString(found[i].name)
	}
	rest := names.String()
	for i := range found {
		length := len(prefix) + len(found[i].name)
		found[i].name, rest = rest[:length], rest[length:]
	}
	return found, nil
}

// share is the number of files of one directory that are worth a goroutine of their own.
const share = 256

// lookAll looks at each file found in a directory.
func (w *walk) lookAll(d *folder, directory string, found []sub) error {
	prefix := len(join(directory, ""))
	var failed atomic.Pointer[InputError]
	var group sync.WaitGroup
	for part := range slices.Chunk(found, share) {
		work := func() {
			for i := range part {
				at, err := d.look(part[i].name[prefix:])
				if err != nil {
					failed.CompareAndSwap(nil, lostError(part[i].name, err))
					return
				}
				part[i].at = at
			}
		}
		if len(found) <= share || !w.help(&group, work) {
			work()
		}
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return err
	}
	return nil
}

// lostError: what a listing has just named should exist.
func lostError(name string, err error) *InputError {
	if errors.Is(err, fs.ErrNotExist) {
		err = errVanished
	}
	return &InputError{Path: name, Err: err}
}

// child is a name in a directory, and its kind as far as it is known.
type child struct {
	name string
	kind kind
}

// children lists a directory. Names alone are cheaper.
func (d *folder) children(namesOnly bool) ([]child, error) {
	if namesOnly {
		names, err := d.f.Readdirnames(-1)
		children := make([]child, len(names))
		for i, name := range names {
			children[i] = child{name: name, kind: kindUnknown}
		}
		return children, err
	}
	list, err := d.f.ReadDir(-1)
	children := make([]child, len(list))
	for i, c := range list {
		children[i] = child{name: c.Name(), kind: kindUnknown}
		if c.Type().IsRegular() {
			children[i].kind = kindPlain
		}
	}
	return children, err
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
