package hashing

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"
)

var errNoList = errors.New("there is no such list")

const listTodo = "make the file first, with a name on each line or a NUL behind each; " +
	"a file whose own name begins with @ is ./@NAME"

// listed adds the files of a list.
func (w *walk) listed(c *capture, s *selection) error {
	if s.kind == byFile {
		return w.listedByFile(c, s)
	}
	return w.listedByGit(c, s)
}

// listedByFile adds the files that a file names. That file is one of them.
func (w *walk) listedByFile(c *capture, s *selection) error {
	if err := w.named(s.inBase(s.pattern), false); err != nil {
		return err
	}
	text, err := s.read(w.dir)
	switch {
	case isAbsent(err) && c.learned:
		return nil
	case isAbsent(err):
		return &PatternError{Kind: "file", Pattern: listMark + s.inBase(s.pattern), Err: errNoList, Todo: listTodo}
	case err != nil:
		return &InputError{Path: s.pattern, Err: cause(err)}
	}
	all := cutNames(text)
	names := all[:0]
	for _, name := range all {
		if name = s.inBase(name); !s.leavesOut(name) {
			names = append(names, name)
		}
	}
	w.expect(len(names))
	return lookAtNames(names, w.dir, func(name string, at look, err error) error {
		return w.looked(name, at, err, false)
	})
}

// inBase is a name that begins in the base of a list, from the working directory.
func (s *selection) inBase(name string) string {
	if s.base == "." || filepath.IsAbs(name) {
		return tidy(name)
	}
	return tidy(join(s.base, name))
}

// read returns what is in the file that is the list.
func (s *selection) read(dir string) ([]byte, error) {
	open := func() (*os.File, error) { return openContent(absolute(s.inBase(s.pattern), dir), true) }
	if s.within {
		open = func() (*os.File, error) { return os.OpenInRoot(absolute(s.base, dir), s.pattern) }
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := readUpTo(f, MaxRecipe+1)
	if err == nil && len(text) > MaxRecipe {
		err = &TooLarge{Limit: MaxRecipe}
	}
	return text, err
}

// readUpTo reads a file from its beginning, and no more than so many bytes. It takes room for what the file holds when
// it begins: each page of memory that is touched takes as long as a look at a file.
func readUpTo(f *os.File, most int64) ([]byte, error) {
	var text bytes.Buffer
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() && st.Size() <= most {
		text.Grow(int(st.Size()) + bytes.MinRead)
	}
	_, err := text.ReadFrom(io.LimitReader(f, most))
	return text.Bytes(), err
}

// cutNames cuts a list into names: at NULs if it has one, else at line feeds. The names are parts of the text, which
// must not change.
func cutNames(text []byte) (names []string) {
	separator := "\n"
	if bytes.IndexByte(text, 0) >= 0 {
		separator = "\x00"
	}
	names = make([]string, 0, bytes.Count(text, []byte(separator))+1)
	for name := range strings.SplitSeq(unsafe.String(unsafe.SliceData(text), len(text)), separator) {
		if separator == "\n" {
			name = strings.TrimSuffix(name, "\r")
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// listedByGit adds the files that Git lists. What was learned from others, and cannot be listed here, is a state of its
// own.
func (w *walk) listedByGit(c *capture, s *selection) error {
	g, err := newGit(c.spec, s)
	if err == nil {
		err = w.listedIn(g, g.paths)
	}
	var cannot *PatternError
	if c.learned && errors.As(err, &cannot) {
		return w.add(entry{name: s.inBase(s.pattern), kind: kindUnreachable})
	}
	return err
}

// listedIn adds the files of one working tree.
func (w *walk) listedIn(g *git, paths []string) error {
	names, err := g.list(paths)
	if err != nil {
		return err
	}
	wanted := names[:0]
	for _, name := range names {
		if name = join(g.at, strings.TrimSuffix(name, "/")); !w.selection.leavesOut(name) {
			wanted = append(wanted, name)
		}
	}
	w.expect(len(wanted))
	return lookAtNames(wanted, w.dir, func(name string, at look, err error) error {
		return w.listedName(g, name, at, err)
	})
}

// looked is what a look at a name has shown.
type looked struct {
	at  look
	err error
}

// looksAtOnce is how many looks are kept until they are told: enough for all processors.
const looksAtOnce = 32 * filesAtOnce

// lookAtNames looks at names that come directory by directory, on all processors, and tells what it has seen in their
// order, until that fails.
func lookAtNames(names []string, dir string, tell func(name string, at look, err error) error) error {
	seen := make([]looked, min(len(names), looksAtOnce))
	for ; len(names) > 0; names = names[len(seen):] {
		seen = seen[:min(len(names), len(seen))]
		_ = inPartsOf(filesAtOnce, len(seen), func(from, to int) error {
			in := openDirectory{dir: dir}
			defer in.close()
			for i := from; i < to; i++ {
				seen[i].at, seen[i].err = in.look(names[i])
			}
			return nil
		})
		for i, s := range seen {
			if err := tell(names[i], s.at, s.err); err != nil {
				return err
			}
		}
	}
	return nil
}

// listedName adds a name that Git listed. If that is a directory, it is a submodule or a repository of its own: Git
// says of those no more, so it is asked in there. What it does not answer for counts whole.
func (w *walk) listedName(g *git, name string, at look, err error) error {
	if err != nil || at.kind != kindDirectory {
		return w.looked(name, at, err, false)
	}
	if _, err := os.Lstat(absolute(name+"/.git", w.dir)); errors.Is(err, fs.ErrNotExist) {
		return w.looked(name, at, nil, false)
	}
	inner, paths := g.inside(name)
	err = w.listedIn(inner, paths)
	var cannot *PatternError
	if errors.As(err, &cannot) {
		return w.looked(name, at, nil, false)
	}
	return err
}

// openDirectory looks at names that come directory by directory, which spares the kernel most of the way to each.
type openDirectory struct {
	dir    string // where names begin
	name   string // of what is open; empty: nothing
	folder *folder
}

func (o *openDirectory) look(name string) (look, error) {
	cut := strings.LastIndexByte(name, '/')
	if cut < 1 || !o.open(name[:cut]) {
		return lookAt(absolute(name, o.dir), false)
	}
	return o.folder.look(name[cut+1:])
}

// open reports whether the directory is open: else whoever looks at a name finds out why not.
func (o *openDirectory) open(name string) bool {
	if name != o.name {
		o.close()
		o.name = name
		if folder, _, err := openFolder(absolute(name, o.dir), true); err == nil {
			o.folder = folder
		}
	}
	return o.folder != nil
}

func (o *openDirectory) close() {
	if o.folder != nil {
		o.folder.close()
		o.folder = nil
	}
}
