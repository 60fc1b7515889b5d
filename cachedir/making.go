package cachedir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// Making is somebody who makes files in a working directory at this moment: a run, or a hit that puts files in place.
// Nobody waits for anybody there; but who stores what he has made wants to know whether somebody else may have made it.
// Each has a file in pending/, which he holds locked as long as he lives, and in which he says what he makes: as he
// begins, or, if he does not know it then, each time before he makes something.
//
// Who comes later reads the files of the others, and adds a line to each of them. Each writes his own file before he
// reads the others: of two that come at once, one at least sees both. Who ends adds what he has said since he began to
// the files of all who are still there, before his own one goes: so one that is gone without a word was killed, and
// nobody knows what is left of him.
type Making struct {
	d    *opened
	name string
	here string    // with what the names of all files begin that are about this directory
	f    tree.File // locked
	more tree.File // to add to, if he says more
	size int64     // of the file without the lines of others
	said []byte    // all that this one has said

	partOf []string        // those of whom he is a part, by their names: they do not disturb him, nor he them
	before map[string]said // who was there when he began, by their names
	grows  bool            // he says what he makes as he goes on
	lost   bool            // he could not say all
}

// said is what somebody has said.
type said struct {
	grows bool // there may be more
	text  string
}

// Lines of the file: the first one is of its owner, who begins. Those of others begin with a word and their name.
const (
	makingSuffix = ".making"
	mostMaking   = 1 << 20 // bytes that are read of one

	sayAll  = "fixed" // and what he makes, in quotes
	sayFrom = "grows" // the same; there is more to come
	sayMore = "also"  // what he makes besides, in quotes
	sayMet  = "met"   // the name of one who came, and what he said first
	sayEnd  = "end"   // the name of one who has ended, and all that he has said, in quotes
)

// Making begins with what one makes in a directory, in his own words. If that grows he has to tell by Say what he makes
// besides.
func (d *opened) Making(dir, what string, grows bool, partOf []string) (*Making, error) {
	if d.o.ReadOnly {
		return nil, ErrReadOnly
	}
	m := &Making{d: d, partOf: partOf, before: map[string]said{}, grows: grows}
	m.here = makingBegin(dir)
	first := firstLine(what)
	if grows {
		first = sayFrom + strings.TrimPrefix(first, sayAll)
	}
	if err := m.begin(first); err != nil {
		return nil, err
	}
	err := m.each(func(name string, f tree.File) {
		if theirs, ok := readSaid(f); ok { // else he will meet this one
			m.before[path.Base(name)] = theirs
			_ = f.WriteAll([]byte(sayMet + " " + m.Name() + " " + string(m.said)))
		}
	})
	if err != nil {
		m.End()
		return nil, err
	}
	return m, nil
}

func makingBegin(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:])
}

func firstLine(what string) string { return sayAll + " " + strconv.Quote(what) + "\n" }

// MakingFile is what the file of one begins with, in its name and in what it holds, who makes files in a directory and
// says as he begins which: for the short way, which makes it itself.
func MakingFile(dir, what string) (name, text string) {
	return tree.PendingDir + "/" + makingBegin(dir) + ".", firstLine(what)
}

// begin makes the file of this one. Who has met it before it was locked may have taken it away.
func (m *Making) begin(text string) error {
	var word [8]byte
	for range 8 {
		for i := range word {
			word[i] = byte(rand.Uint32())
		}
		m.name = tree.PendingDir + "/" + m.here + "." + hex.EncodeToString(word[:]) + makingSuffix
		f, err := m.d.v1.Create(m.name)
		if err != nil {
			return err
		}
		locked := f.TryLock()
		if fi, err := f.Info(); err == nil && fi.Links == 1 && !errors.Is(locked, tree.ErrLocked) {
			if err := f.WriteAll([]byte(text)); err != nil {
				f.Close()
				_ = m.d.v1.Remove(m.name)
				return err
			}
			m.f, m.said, m.size = f, []byte(text), int64(len(text))
			return m.openMore()
		}
		f.Close()
	}
	return m.d.v1.PathError("lock", m.name, tree.ErrLocked)
}

// openMore opens the file once more, so that what is said does not take the place of what others add.
func (m *Making) openMore() (err error) {
	if !m.grows {
		return nil
	}
	if m.more, err = m.d.v1.Open(m.name, os.O_RDWR|os.O_APPEND); err != nil {
		m.grows = false
		m.End()
	}
	return err
}

// each opens the files of all others that are there, but of those of whom this one is a part.
func (m *Making) each(do func(name string, f tree.File)) error {
	return m.d.v1.List(tree.PendingDir, func(base string) bool {
		name := tree.PendingDir + "/" + base
		if strings.HasPrefix(base, m.here) && strings.HasSuffix(base, makingSuffix) && name != m.name &&
			!slices.Contains(m.partOf, base) {
			if f, ok := m.open(name); ok {
				do(name, f)
				f.Close()
			}
		}
		return true
	})
}

// open opens the file of another one, if he is there. That of one who was killed is removed.
func (m *Making) open(name string) (f tree.File, ok bool) {
	f, err := m.d.v1.Open(name, os.O_RDWR|os.O_APPEND)
	if err != nil {
		return f, false
	}
	fi, err := f.Info()
	if err == nil && fi.Regular && fi.Links == 1 && m.d.v1.Trusts(fi.UID) {
		if f.TryLock() != nil {
			return f, true
		}
		_ = m.d.v1.Remove(name)
	}
	f.Close()
	return f, false
}

// readSaid reads what the owner of a file has said; not ok: nothing yet.
func readSaid(f tree.File) (s said, ok bool) {
	lines, complete := readLines(f)
	for i, line := range lines {
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case word == sayAll || word == sayFrom:
			s.grows = word == sayFrom
			s.add(rest)
		case word == sayMore:
			s.add(rest)
		case i == 0: // another version
			s.add("")
		}
		ok = true
	}
	if ok && !complete {
		s.text += anything + "\n"
	}
	return s, ok
}

// add adds a text in quotes, or all if it is damaged.
func (s *said) add(quoted string) {
	text, err := strconv.Unquote(quoted)
	if err != nil {
		text = anything
	}
	s.text += text + "\n"
}

// anything is what one makes of whom that is not known.
const anything = "*"

// readLines reads a file, unless it is too long, or its last line is not whole.
func readLines(f tree.File) (lines []string, complete bool) {
	fi, err := f.Info()
	if err != nil {
		return nil, false
	}
	b := make([]byte, min(fi.Size, mostMaking))
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false
	}
	complete = n < mostMaking
	for line := range strings.Lines(string(b[:n])) {
		line, ended := strings.CutSuffix(line, "\n")
		if complete = complete && ended; ended {
			lines = append(lines, line)
		}
	}
	return lines, complete
}

// Name is that of this one.
func (m *Making) Name() string { return path.Base(m.name) }

// Say says what is made besides, before it is. If that cannot be said nobody is sure any more of what he makes.
func (m *Making) Say(more string) {
	if m.lost {
		return
	}
	line := sayMore + " " + strconv.Quote(more) + "\n"
	if err := m.more.WriteAll([]byte(line)); err != nil {
		m.lost = true
		_ = m.d.v1.Remove(m.name) // as if he was killed
		return
	}
	m.said, m.size = append(m.said, line...), m.size+int64(len(line))
}

// Others returns what each of those says who were there in the meantime, line by line: "*" is anything. It is not sure
// if that cannot be told.
func (m *Making) Others() (texts []string, sure bool) {
	fi, err := m.f.Info()
	if err != nil || m.lost {
		return nil, false
	}
	if fi.Size == m.size && len(m.before) == 0 {
		return nil, true
	}
	lines, complete := readLines(m.f)
	others, _, known := m.parse(lines)
	now := map[string]said{} // of those who may say more
	for name, s := range others {
		if s.grows {
			if f, ok := m.open(tree.PendingDir + "/" + name); ok {
				now[name], _ = readSaid(f)
				f.Close()
			}
		}
	}
	// Who was not there has ended before, and has said so before that, or was killed.
	lines, again := readLines(m.f)
	others, ended, knownNow := m.parse(lines)
	if !complete || !again || !known || !knownNow {
		return nil, false
	}
	for name, s := range others {
		later, there := now[name]
		last, over := ended[name]
		switch {
		case !s.grows:
			texts = append(texts, s.text)
		case over:
			texts = append(texts, last.text)
		case there:
			texts = append(texts, later.text)
		default:
			return nil, false
		}
	}
	return texts, true
}

// parse reads the lines of others in the own file: who was there, and what those say in the end who have ended.
func (m *Making) parse(lines []string) (others, ended map[string]said, known bool) {
	others, ended = map[string]said{}, map[string]said{}
	for name, s := range m.before {
		others[name] = s
	}
	for _, line := range lines {
		word, rest, _ := strings.Cut(line, " ")
		name, rest, _ := strings.Cut(rest, " ")
		switch word {
		case sayAll, sayFrom, sayMore:
		case sayMet:
			first, quoted, _ := strings.Cut(rest, " ")
			s := said{grows: first == sayFrom}
			s.add(quoted)
			others[name] = s
		case sayEnd:
			var s said
			s.add(rest)
			ended[name] = s
		default:
			return nil, nil, false
		}
	}
	return others, ended, true
}

// End says that nothing is made any more.
func (m *Making) End() {
	if m.grows && !m.lost {
		var all said
		for line := range strings.Lines(string(m.said)) {
			_, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			all.add(quoted)
		}
		line := []byte(sayEnd + " " + m.Name() + " " + strconv.Quote(strings.TrimSuffix(all.text, "\n")) + "\n")
		_ = m.each(func(_ string, f tree.File) { _ = f.WriteAll(line) })
	}
	_ = m.d.v1.Remove(m.name)
	m.f.Close()
	if m.grows {
		m.more.Close()
	}
}

// dropMaking removes the files of those that were killed.
func (d *cleaner) dropMaking(name string) {
	if fi, err := d.v1.Stat(name); err == nil && age(fi) > newMargin && !d.isLocked(name) {
		_ = d.v1.Remove(name)
	}
}
