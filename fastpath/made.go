package fastpath

// Made is what a memo adds where a hit puts files in place. Beside the entry is a file with what was printed and what
// the files hold. Names are below the cache directory's v1, but those of the files.
type Made struct {
	Umask   uint16 // the permissions that files are made without
	Strays  string // what must not be there: temporary files of a hit that was killed
	Making  string // what the name of a file begins with that tells others of this hit
	Says    string // and what it tells
	Beside  string // the file beside the entry
	Size    int64  // its bytes
	Printed Part   // of that file
	Files   []MadeFile
}

// Part is a part of a file: where it begins and ends, and its xxhash64. Of an entry, which ends in its own, that is
// meant: of all before.
type Part struct {
	Name     string // of the file, if it is not said elsewhere
	From, To int64
	Sum      uint64
}

// MadeFile is a regular file without holes. It is put in place only where nothing is.
type MadeFile struct {
	Name string // from the working directory, with slashes
	Perm uint16
	Part // of the file beside the entry
}

const (
	// MaxMade is how many files a memo may have.
	MaxMade = 4
	// MaxMadeSize bounds each in bytes: while larger ones are written, signals are to be caught.
	MaxMadeSize = 8 << 20
)

func (m *Made) append(b []byte) []byte {
	b = append(b, byte(m.Umask), byte(m.Umask>>8))
	for _, text := range [...]string{m.Strays, m.Making, m.Says, m.Beside} {
		b = appendText(b, text)
	}
	b = m.Printed.append(append64(b, uint64(m.Size)))
	b = append(b, byte(len(m.Files)))
	for i := range m.Files {
		f := &m.Files[i]
		b = append(appendText(b, f.Name), byte(f.Perm), byte(f.Perm>>8))
		b = f.Part.append(b)
	}
	return b
}

func (p *Part) append(b []byte) []byte {
	b = appendText(b, p.Name)
	for _, v := range [...]uint64{uint64(p.From), uint64(p.To), p.Sum} {
		b = append64(b, v)
	}
	return b
}

// decode reads it, with room for files.
func (m *Made) decode(d *reader) {
	m.Umask = d.u16()
	m.Strays, m.Making, m.Says, m.Beside = d.text(), d.text(), d.text(), d.text()
	m.Size = int64(d.u64())
	m.Printed.decode(d)
	n := int(d.u8())
	if n > len(m.Files) {
		d.short, d.b, n = true, nil, 0
	}
	m.Files = m.Files[:n]
	for i := range m.Files {
		f := &m.Files[i]
		f.Name, f.Perm = d.text(), d.u16()
		f.Part.decode(d)
	}
}

func (p *Part) decode(d *reader) {
	p.Name, p.From, p.To, p.Sum = d.text(), int64(d.u64()), int64(d.u64()), d.u64()
}

// sound holds the sizes to each other, and to that of what is printed.
func (m *Made) sound(printed int64) bool {
	if m.Umask&0o700 != 0 || len(m.Making) > 1<<7 || m.Size < 0 || len(m.Files) == 0 || printed > MaxBody {
		return false
	}
	if !m.Printed.isIn(m.Size) || m.Printed.size() != printed {
		return false
	}
	for i := range m.Files {
		f := &m.Files[i]
		if f.Name == "" || f.Name[0] == '/' || f.Perm > 0o777 || !f.isIn(m.Size) || f.size() > MaxMadeSize {
			return false
		}
	}
	return true
}

func (p *Part) isIn(size int64) bool { return p.From >= 0 && p.From <= p.To && p.To <= size }

func (p *Part) size() int64 { return p.To - p.From }
