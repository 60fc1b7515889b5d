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
// by those of files in it, by their names there, which spares the kernel most of the way to each. The list is cut into
// chunks, each with its size in four bytes before it, which need nothing of each other: two may look at once.
const (
	opListed   = 'd' // a directory; it is summed up
	opListedAt = 'D' // the same, at the end of no link
	opIn       = 'i' // a directory that does not count itself
	opFile     = 'f' // in the last directory; no link is followed
	opItself   = 'n' // from the working directory; no link is followed
	opFollowed = 'l' // the same, a link is followed

	chunkHead  = 4
	recordHead = 3
	mostPath   = 4095

	mostChunks = 256
	chunkLooks = 128 // in a chunk, or more where there would be too many
)

// EncodeLooks returns the list of looks, and what SumLooks returns as long as they show the same; false: not all can be
// in a list.
func EncodeLooks(all []Look) (list []byte, sum uint64, ok bool) {
	e := looksEncoder{size: max(chunkLooks, (len(all)+mostChunks-1)/mostChunks)}
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
	e.cut()
	return e.list, sumOfChunks(e.sums), !e.failed
}

// sumOfChunks is one sum of those of all chunks, in their order.
func sumOfChunks(sums []uint64) uint64 {
	var s sum64
	s.reset()
	for _, sum := range sums {
		var b [32]byte
		put64(b[:], sum)
		s.blocks(b[:])
	}
	return s.end(nil)
}

// looksEncoder makes a list.
type looksEncoder struct {
	dirs   []*lookedDir
	others []Look
	at     map[string]*lookedDir // by name

	list   []byte // of chunks that are whole
	sums   []uint64
	chunk  []byte
	seen   sumOfFiles // of the chunk
	size   int        // looks of a chunk
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
		if e.isFull() {
			e.cut()
			e.add(opIn, dir.name)
		}
		f := &dir.files[i]
		e.see(opFile, f.Path[lastSlash(f.Path)+1:], &f.ID)
	}
}

// see adds a look, and what it shows.
func (e *looksEncoder) see(op byte, text string, id *FileID) {
	if e.isFull() {
		e.cut()
	}
	if e.add(op, text); e.seen.files == 0 {
		e.seen.reset()
	}
	e.seen.add(id)
}

func (e *looksEncoder) isFull() bool { return e.seen.files >= uint64(e.size) }

// cut ends a chunk.
func (e *looksEncoder) cut() {
	if n := len(e.chunk); n > 0 {
		e.list = append(e.list, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
		e.list = append(e.list, e.chunk...)
		e.sums = append(e.sums, e.seen.sum())
		e.chunk, e.seen.files = e.chunk[:0], 0
	}
	e.failed = e.failed || len(e.sums) > mostChunks
}

func (e *looksEncoder) add(op byte, text string) {
	n := len(text)
	if n == 0 || n > mostPath || index(text, "\x00") >= 0 {
		e.failed = true
		return
	}
	e.chunk = append(append(append(e.chunk, op, byte(n), byte(n>>8)), text...), 0)
}
