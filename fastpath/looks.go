package fastpath

// Looks is what a memo adds where files are more than those that are named: directories, what globs match, what a list
// has. It tells each look that is to be taken, so that nothing has to be searched for; all that they show is summed up.
// Names are below the cache directory's v1.
type Looks struct {
	Sum  uint64 // SumLooks
	List string // a short list of looks; empty: it is in a file
	In   Part   // of that file, the list; its checksum is that of the list
}

// Look is a look at a path from the working directory.
type Look struct {
	Path   string
	Follow bool   // a link is followed
	Listed bool   // a directory, whose names count, too: so it must be one that can be listed
	ID     FileID // of which the mode is typeAndUse; zero: there is nothing
}

// MostShort is the largest Looks.List in bytes.
const MostShort = 512

func (l *Looks) append(b []byte) []byte {
	return l.In.append(appendText(append64(b, l.Sum), l.List))
}

func (l *Looks) decode(d *reader) {
	l.Sum, l.List = d.u64(), d.text()
	l.In.decode(d)
}

func (l *Looks) sound() bool {
	return l.In.isIn(MaxFile) && (l.List != "") != (l.In.Name != "")
}

// A list has records: a letter, the size of a text in two bytes, the text, a NUL. A record of a directory is followed
// by those of files in it, by their names there, which spares the kernel most of the way to each. In front of all is
// how many bytes the first half has: two may look at once.
const (
	opListed   = 'd' // a directory; it is summed up
	opListedAt = 'D' // the same, at the end of no link
	opIn       = 'i' // a directory that does not count itself
	opFile     = 'f' // in the last directory; no link is followed
	opItself   = 'n' // from the working directory; no link is followed
	opFollowed = 'l' // the same, a link is followed

	listHead   = 4
	recordHead = 3
	mostPath   = 4095
)

// EncodeLooks returns the list of looks, and what SumLooks returns as long as they show the same; false: not all can be
// in a list.
func EncodeLooks(all []Look) (list []byte, sum uint64, ok bool) {
	e := looksEncoder{list: make([]byte, listHead, listHead+32*len(all)), half: len(all) / 2}
	e.sums[0].reset()
	e.sums[1].reset()
	e.group(all)
	for _, dir := range e.dirs {
		e.directory(dir)
	}
	for i := range e.others {
		l := &e.others[i]
		op := byte(opItself)
		if l.Follow {
			op = opFollowed
		}
		e.see(op, l.Path, &l.ID)
	}
	if e.split == 0 {
		e.split = len(e.list)
	}
	first := e.split - listHead
	e.list[0], e.list[1], e.list[2], e.list[3] = byte(first), byte(first>>8), byte(first>>16), byte(first>>24)
	return e.list, sumOfHalves(&e.sums), !e.failed
}

func sumOfHalves(sums *[2]sumOfFiles) uint64 {
	var b [16]byte
	put64(b[:], sums[0].sum())
	put64(b[8:], sums[1].sum())
	return Sum64(b[:])
}

// looksEncoder makes a list.
type looksEncoder struct {
	dirs   []*lookedDir
	others []Look
	at     map[string]*lookedDir // by name

	list   []byte
	sums   [2]sumOfFiles
	half   int // looks after which the second half begins
	split  int // where it begins; 0: not yet
	failed bool
}

// lookedDir is a directory with files in it.
type lookedDir struct {
	name  string
	look  *Look // nil: it does not count itself
	files []Look
}

// group puts files to their directories. One that is listed twice has them once.
func (e *looksEncoder) group(all []Look) {
	e.at = make(map[string]*lookedDir)
	for i := range all {
		if l := &all[i]; l.Listed {
			dir := &lookedDir{name: l.Path, look: l}
			e.dirs = append(e.dirs, dir)
			if e.at[l.Path] == nil {
				e.at[l.Path] = dir
			}
		}
	}
	for i := range all {
		l := all[i]
		if l.Listed {
			continue
		}
		name := directoryOf(l.Path)
		if l.Follow || l.ID == (FileID{}) || name == "" {
			e.others = append(e.others, l)
			continue
		}
		dir := e.at[name]
		if dir == nil {
			dir = &lookedDir{name: name}
			e.at[name], e.dirs = dir, append(e.dirs, dir)
		}
		dir.files = append(dir.files, l)
	}
}

// directoryOf is the name of the directory in which a path is; empty: that cannot be told from it.
func directoryOf(path string) string {
	switch slash := lastSlash(path); {
	case slash == len(path)-1:
		return ""
	case slash < 0:
		return "."
	case slash == 0:
		return "/"
	default:
		return path[:slash]
	}
}

func lastSlash(name string) int {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			return i
		}
	}
	return -1
}

func (e *looksEncoder) directory(dir *lookedDir) {
	op := byte(opIn)
	if dir.look != nil {
		if op = opListedAt; dir.look.Follow {
			op = opListed
		}
		e.see(op, dir.name, &dir.look.ID)
	} else {
		e.add(opIn, dir.name)
	}
	for i := range dir.files {
		if e.split == 0 && e.half <= 0 {
			e.halve()
			e.add(opIn, dir.name)
		}
		f := &dir.files[i]
		e.see(opFile, f.Path[lastSlash(f.Path)+1:], &f.ID)
	}
}

// see adds a look, and what it shows.
func (e *looksEncoder) see(op byte, text string, id *FileID) {
	if e.split == 0 && e.half <= 0 && op != opFile {
		e.halve()
	}
	e.half--
	e.add(op, text)
	half := 0
	if e.split > 0 {
		half = 1
	}
	e.sums[half].add(id)
}

func (e *looksEncoder) halve() { e.split = len(e.list) }

func (e *looksEncoder) add(op byte, text string) {
	n := len(text)
	if n == 0 || n > mostPath || index(text, "\x00") >= 0 {
		e.failed = true
		return
	}
	e.list = append(append(append(e.list, op, byte(n), byte(n>>8)), text...), 0)
}
