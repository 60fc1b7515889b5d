package fastpath

// Encode returns the bytes of a memo for its page; false if it does not fit, or is nothing for the short way.
func (m *Memo) Encode() ([]byte, bool) {
	if len(m.Files) > maxStates || int(m.Resolved) > len(m.Files) || len(m.Call) > MaxCall ||
		m.Entry != "" && !m.fits() {
		return nil, false
	}
	b := append(make([]byte, 0, MaxMemo), memoMagic...)
	b = append64(b, 0) // the length comes last
	b = append(b, m.Address[:]...)
	b = append(b, m.Resolved)
	b = appendText(b, string(m.Call))
	if b = appendText(b, m.Entry); m.Entry != "" {
		b = m.appendHit(b)
	}
	b = append64(b, uint64(len(m.Files)))
	for _, f := range m.Files {
		b = appendState(b, f)
	}
	if len(b)+8 > MaxMemo {
		return nil, false
	}
	put64(b[len(memoMagic):], uint64(len(b)+8))
	return append64(b, Sum64(b)), true
}

// fits reports whether the hit of a memo is one for the short way.
func (m *Memo) fits() bool {
	return len(m.Frames) <= maxFrames && len(m.Globs) <= maxGlobs && len(m.Env) <= maxEnv && m.body() <= MaxBody &&
		m.Size <= MaxFile && len(m.Purges) == PurgesSize && len(m.Hit) == HitSize && m.Code >= 0 && m.Code <= 255 &&
		(m.Made == nil || len(m.Made.Files) <= MaxMade) && (m.Seen == nil || len(m.Seen.Uncounted) <= maxGlobs)
}

func (m *Memo) appendHit(b []byte) []byte {
	b = append64(b, uint64(m.Size))
	b = append64(b, m.Sum)
	b = append64(b, uint64(m.Offset))
	b = appendText(b, m.Absent)
	b = append(b, flag(m.Merged), byte(m.Code))
	b = append64(b, uint64(m.NotBefore))
	b = append64(b, uint64(m.Until))
	b = append(b, m.Purges...)
	b = append(b, m.Hit...)
	b = append64(b, uint64(len(m.Frames)))
	for _, f := range m.Frames {
		b = append64(b, uint64(f.Size)<<1|uint64(f.Stream))
	}
	b = append64(b, uint64(len(m.Globs)))
	for _, glob := range m.Globs {
		b = appendText(b, glob)
	}
	b = append64(b, uint64(len(m.Env)))
	for _, v := range m.Env {
		b = append(appendText(b, v.Name), v.Sum[:]...)
	}
	if b = append(b, flag(m.Looks != nil)); m.Looks != nil {
		b = m.Looks.append(b)
	}
	if b = append(b, flag(m.Seen != nil)); m.Seen != nil {
		b = m.Seen.append(b)
	}
	if b = append(b, flag(m.Made != nil)); m.Made != nil {
		b = m.Made.append(b)
	}
	return b
}

// MaxFile bounds in bytes what is read of an entry: its body and what it says of itself, which may be a line for each
// of 50,000 inputs and more.
const MaxFile = 16 << 20

func (m *Memo) body() (size int64) {
	for _, f := range m.Frames {
		size += f.Size
	}
	return size
}

// What a state is encoded with.
const (
	absent  = iota
	without // a mount
	withMount
)

func appendState(b []byte, f FileState) []byte {
	has := byte(without)
	switch {
	case f.ID == FileID{}:
		has = absent
	case f.ID.Mount != 0:
		has = withMount
	}
	if b = appendText(b, f.Path); f.Path == "" {
		b = appendStretch(b, f.At)
	}
	b = append(b, byte(f.Kind), has)
	switch {
	case f.Kind == Content:
		return append(append64(b, uint64(f.ID.Size)), f.Sum[:]...)
	case has == absent || f.Kind == Exists:
		return b
	}
	for _, v := range [...]uint64{
		f.ID.Dev, f.ID.Ino, f.ID.Mode, uint64(f.ID.Size), uint64(f.ID.Mtime), uint64(f.ID.Ctime),
	} {
		b = append64(b, v)
	}
	if has == withMount {
		b = append64(b, f.ID.Mount)
	}
	return b
}

// Decode takes a memo apart; false if it is none, or damaged. The memo is a part of the bytes.
func Decode(b []byte) (Memo, bool) {
	d := &decoded{texts: make([]string, mostTexts)}
	ok := d.decode(b)
	return d.Memo, ok
}

// decoded is a memo with room for all that may be in it. Of what comes before the memo the end is used, and of what is
// behind it the beginning: so that all of it is on few pages.
type decoded struct {
	puts [MaxMade]MadeFile
	env  [maxEnv]Variable
	Memo
	looks  Looks
	seen   Seen
	made   Made
	texts  []string // room for mostTexts, of which the end is used
	frames [maxFrames]Frame
	files  [maxStates]FileState
}

const mostTexts = 2 * maxGlobs

// takeTexts takes room for so many off the end.
func (m *decoded) takeTexts(n int) []string {
	from := len(m.texts) - n
	taken := m.texts[from:]
	m.texts = m.texts[:from]
	return taken
}

func (m *decoded) decode(b []byte) bool {
	m.Memo = Memo{}
	d := reader{b: b}
	if alias(d.take(len(memoMagic))) != memoMagic {
		return false
	}
	n := d.u64()
	if n < 20 || n > uint64(len(b)) || n > MaxMemo || load64(b[n-8:]) != Sum64(b[:n-8]) {
		return false
	}
	d.b = d.b[:len(d.b)-(len(b)-int(n))-8]
	copy(m.Address[:], d.take(32))
	m.Resolved = d.u8()
	m.Call = d.bytes()
	if m.Entry = d.text(); m.Entry != "" {
		m.decodeHit(&d)
	}
	m.Files = m.files[:d.count(maxStates)]
	for i := range m.Files {
		d.state(&m.Files[i])
	}
	return !d.short && len(d.b) == 0 && int(m.Resolved) <= len(m.Files) && (m.Entry == "" || m.sound())
}

func (m *decoded) decodeHit(d *reader) {
	m.Size, m.Sum, m.Offset = int64(d.u64()), d.u64(), int64(d.u64())
	m.Absent = d.text()
	m.Merged, m.Code = d.u8() != 0, int(d.u8())
	m.NotBefore, m.Until = int64(d.u64()), int64(d.u64())
	m.Purges, m.Hit = d.take(PurgesSize), d.take(HitSize)
	m.Frames = m.frames[:d.count(maxFrames)]
	for i := range m.Frames {
		v := d.u64()
		m.Frames[i] = Frame{uint8(v & 1), int64(v >> 1)}
	}
	m.Globs = m.takeTexts(d.count(maxGlobs))
	for i := range m.Globs {
		m.Globs[i] = d.text()
	}
	m.Env = m.env[maxEnv-d.count(maxEnv):]
	for i := range m.Env {
		m.Env[i].Name = d.text()
		clear(m.Env[i].Sum[:])
		copy(m.Env[i].Sum[:], d.take(32))
	}
	if d.u8() != 0 {
		m.Looks = &m.looks
		m.looks.decode(d)
	}
	if d.u8() != 0 {
		m.Seen = &m.seen
		m.seen.Uncounted = m.takeTexts(maxGlobs)
		m.seen.decode(d)
	}
	if d.u8() != 0 {
		m.Made = &m.made
		m.made.Files = m.puts[:]
		m.made.decode(d)
	}
}

// sound holds the sizes to each other.
func (m *Memo) sound() bool {
	const trailer = 8
	if m.Size < trailer || m.Size > MaxFile || m.Seen != nil && !m.Seen.sound(m.Size-trailer) ||
		m.Looks != nil && !m.Looks.sound() {
		return false
	}
	if m.Made != nil {
		return m.Offset == m.Size-trailer && m.Code == 0 && m.Made.sound(m.body())
	}
	if m.Offset < 0 || m.Offset > m.Size-trailer {
		return false
	}
	left := m.Size - trailer - m.Offset
	for _, f := range m.Frames {
		if f.Size <= 0 || f.Size > left {
			return false
		}
		left -= f.Size
	}
	return left == 0
}

// reader reads fields off a slice; behind the first that does not fit all are zero.
type reader struct {
	b     []byte
	short bool
}

func (d *reader) take(n int) []byte {
	if d.short || n > len(d.b) {
		d.short, d.b = true, nil
		return nil
	}
	out := d.b[:n:n]
	d.b = d.b[n:]
	return out
}

func (d *reader) u8() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *reader) u64() uint64 {
	if b := d.take(8); b != nil {
		return load64(b)
	}
	return 0
}

func (d *reader) text() string { return alias(d.bytes()) }

func (d *reader) bytes() []byte {
	n := int(d.u8())
	n |= int(d.u8()) << 8
	return d.take(n)
}

func (d *reader) count(most int) int {
	n := d.u64()
	if n > uint64(most) {
		d.short, d.b, n = true, nil, 0
	}
	return int(n)
}

func (d *reader) state(f *FileState) {
	*f = FileState{Path: d.text()}
	if f.Path == "" {
		f.At = d.stretch()
	}
	f.Kind = StateKind(d.u8())
	switch has := d.u8(); {
	case f.Kind == Content:
		f.ID.Size = int64(d.u64())
		copy(f.Sum[:], d.take(32))
	case has == absent:
	case f.Kind == Exists:
		f.ID = present
	default:
		f.ID = FileID{d.u64(), d.u64(), d.u64(), int64(d.u64()), int64(d.u64()), int64(d.u64()), 0}
		if has == withMount {
			f.ID.Mount = d.u64()
		}
	}
}

// present stands for any file, where only its being there counts.
var present = FileID{Mode: 1}

func appendText(b []byte, s string) []byte {
	s = s[:min(len(s), MaxMemo)] // one that long does not fit anyway
	return append(append(b, byte(len(s)), byte(len(s)>>8)), s...)
}

func append64(b []byte, v uint64) []byte {
	var w [8]byte
	put64(w[:], v)
	return append(b, w[:]...)
}

// put64 is written so that it is one store.
func put64(b []byte, v uint64) {
	_ = b[7]
	b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
	b[4], b[5], b[6], b[7] = byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56)
}

func load64(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func load32(b []byte) uint32 {
	_ = b[3]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
