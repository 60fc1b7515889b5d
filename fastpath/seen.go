package fastpath

// Seen is what a memo adds where the command has shown what it depends on: it was observed (--trace), or has written
// that down itself (--depfile). The entry has a list of it, a line for each path, as a recipe has it. Names are below
// the cache directory's v1.
type Seen struct {
	Redirect Part   // the entry that leads to this one: while it is the same nobody has learned more
	Lines    Part   // of the entry: the lines about paths
	Sum      uint64 // SumSeen of them

	Around    [32]byte // SumAround; zero: nothing of that counts but what is in the address
	Uncounted []string // names of variables that do not count
}

func (s *Seen) append(b []byte) []byte {
	b = s.Lines.append(s.Redirect.append(b))
	b = append(append64(b, s.Sum), s.Around[:]...)
	b = append64(b, uint64(len(s.Uncounted)))
	for _, name := range s.Uncounted {
		b = appendText(b, name)
	}
	return b
}

// decode reads it, with room for names.
func (s *Seen) decode(d *reader) {
	s.Redirect.decode(d)
	s.Lines.decode(d)
	s.Sum = d.u64()
	clear(s.Around[:])
	copy(s.Around[:], d.take(32))
	s.Uncounted = s.Uncounted[:d.count(len(s.Uncounted))]
	for i := range s.Uncounted {
		s.Uncounted[i] = d.text()
	}
}

// sound holds it to the size of the entry without its checksum.
func (s *Seen) sound(entry int64) bool {
	return s.Redirect.Name != "" && s.Redirect.To >= 8 && s.Redirect.To <= MaxFile && s.Lines.isIn(entry)
}

// What a run made use of, by the letters of a line.
const (
	usesContent = 1 << iota
	usesMode
	usesTimes
	usesNames
	usesLink
	usesChange
	usesMade
	usesInode
	usesLibraries
	usesAbove
	usesIdentity
	usesOutput

	useLetters = "cmtnlxwdraio"
)

// lineReader reads lines about paths. What is not as it should be is for the ordinary way.
type lineReader struct {
	rest   string
	failed bool
}

// try takes a word, if it is next.
func (r *lineReader) try(word string) bool {
	if n := len(word); len(r.rest) >= n && r.rest[:n] == word {
		r.rest = r.rest[n:]
		return true
	}
	return false
}

func (r *lineReader) expect(word string) {
	if !r.try(word) {
		r.failed = true
	}
}

// uses takes the letters, and what stands between them and the path.
func (r *lineReader) uses() (uses int) {
	for i := 0; i < len(useLetters) && r.rest != "" && r.rest[0] != '-'; i++ {
		if r.rest[0] == useLetters[i] {
			uses, r.rest = uses|1<<i, r.rest[1:]
		}
	}
	r.expect("- ")
	return uses
}

// quoted takes a text between quotes that is written as it is.
func (r *lineReader) quoted() (text string) {
	r.expect(`"`)
	for i := range len(r.rest) {
		switch c := r.rest[i]; {
		case c == '"':
			text, r.rest = r.rest[:i], r.rest[i+1:]
			return text
		case c == '\\' || c < ' ' || c > '~':
			r.failed = true
			return ""
		}
	}
	r.failed = true
	return ""
}

// number expects a number that is not negative.
func (r *lineReader) number(n int64, base int64) {
	var digits [24]byte
	at := len(digits)
	for rest := n; ; {
		at--
		digits[at] = byte('0' + rest%base)
		if rest /= base; rest <= 0 {
			break
		}
	}
	if n < 0 {
		r.failed = true
		return
	}
	r.expect(alias(digits[at:]))
}

// sum takes a digest, which nothing here can be held against.
func (r *lineReader) sum() {
	const digits = 64
	if r.expect(" sha256:"); len(r.rest) < digits {
		r.failed = true
		return
	}
	r.rest = r.rest[digits:]
}

// SumFiles is the XXH64 of what is said of files, one after another.
func SumFiles(ids []FileID) uint64 {
	var s sumOfFiles
	s.reset()
	for i := range ids {
		s.add(&ids[i])
	}
	return s.sum()
}

// sumOfFiles is a sum of files under way.
type sumOfFiles struct {
	sum64
	files uint64
}

func (s *sumOfFiles) reset() {
	s.sum64.reset()
	s.files = 0
}

// add adds one: what tells one state of it from all others, in whole blocks of the sum.
func (s *sumOfFiles) add(id *FileID) {
	var b [64]byte
	for i, v := range [...]uint64{
		id.Dev, id.Ino, id.Mode, uint64(id.Size), uint64(id.Mtime), uint64(id.Ctime), id.Mount, s.files,
	} {
		put64(b[8*i:], v)
	}
	s.blocks(b[:])
	s.files++
}

func (s *sumOfFiles) sum() uint64 { return s.end(nil) }
