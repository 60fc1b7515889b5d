package hashing

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// Most inputs of an observed run are regular files. If the kernel says of one what it said when it was compared last,
// it holds what it held. So what is said of all of these is summed up, and the sum is remembered once each of them was
// compared: as long as it is the same, one look at each is enough. All else is compared each time: links, directories,
// what is absent, and files of which the kernel's word is not believed.

// comparison holds what a run was seen to use against the present.
type comparison struct {
	o      *observer
	sights []Sight
	lines  [][]byte // as the recipe has them
	all    func() *whole
	looks  []look // at those that are summed up; others are absent here
	sums   []Digest
}

// compare looks at each path again, in the order in which they stand there: those below the working directory first.
func (o *observer) compare(set Key, text []byte) (difference string, err error) {
	sights, lines, err := o.parse(text)
	if err != nil {
		return "", err
	}
	c := &comparison{
		o: o, sights: sights, lines: lines, looks: make([]look, len(lines)),
		all:  sync.OnceValue(func() *whole { return wholeOf(sights) }),
		sums: make([]Digest, len(lines)/fewFiles+1),
	}
	differs, found := c.look()
	if !found {
		differs, found = c.settle(c.name(set), c.sum())
	}
	if !found {
		return "", nil
	}
	now, err := o.line(nil, sights[differs], c.all())
	if err != nil {
		return "file " + Show(sights[differs].Path) + " cannot be looked at", nil
	}
	return firstDifference(lines[differs], now), nil
}

// look looks at each path, sums up what can be, and compares the rest.
func (c *comparison) look() (differs int, found bool) {
	return firstFound(len(c.sights), func(from, to int) int {
		var b [fewFiles * stateSize]byte
		states := b[:0]
		for i := from; i < to; i++ {
			at, err := lookFor(c.sights[i])
			if id, told := c.o.tells(c.sights[i], at, err); told {
				c.looks[i], states = at, appendState(states, i, at, id)
			} else if !c.isSame(i, at, err) {
				return i
			}
		}
		c.sums[from/fewFiles] = sha256.Sum256(states)
		return to
	})
}

// settle compares what was summed up, unless the sum is that of an earlier comparison. If nothing differs, and if all
// contents are known without reading, the sum is that of the next.
func (c *comparison) settle(name Key, sum Digest) (differs int, found bool) {
	if c.o.c.cache == nil { // nothing was summed up
		return 0, false
	}
	if known, ok := c.o.c.cache.Sum(name); ok && known == sum {
		return 0, false
	}
	before := c.o.c.reads.Load()
	differs, found = firstFound(len(c.sights), func(from, to int) int {
		for i := from; i < to; i++ {
			if c.looks[i].kind != kindAbsent && !c.isSame(i, c.looks[i], nil) {
				return i
			}
		}
		return to
	})
	if !found && c.o.c.reads.Load() == before {
		c.o.c.cache.RememberSum(name, sum)
	}
	return differs, found
}

// isSame reports whether a path is as the recipe says.
func (c *comparison) isSame(i int, at look, err error) bool {
	line, err := c.o.lineSeen(nil, c.sights[i], at, err, c.all())
	return err == nil && bytes.Equal(line, c.lines[i])
}

// tells reports whether what the kernel says of a path is all that its line rests on, and returns what stands for the
// content.
func (o *observer) tells(s Sight, at look, err error) (StatID, bool) {
	if err != nil || o.c.cache == nil || !at.kind.regular() {
		return StatID{}, false
	}
	if s.Uses&(UseContent|UseLibraries) == 0 {
		return at.id, true
	}
	file := location{name: s.Path}
	id, trust := o.c.mountOf(file, true, at).identity(file, at.id)
	return id, trust && id.settled(o.c.started)
}

const stateSize = 4 + 4 + 4 + 4 + 1 + 6*8

func appendState(b []byte, i int, at look, id StatID) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(i))
	b = binary.LittleEndian.AppendUint32(b, at.mode)
	b = binary.LittleEndian.AppendUint32(b, at.owner)
	b = binary.LittleEndian.AppendUint32(b, at.group)
	b = append(b, byte(at.kind))
	for _, n := range [...]uint64{id.Dev, id.Ino, uint64(id.Size), uint64(id.Mtime), uint64(id.Ctime), id.Mount} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

// sum is that of all that the kernel said.
func (c *comparison) sum() Digest {
	h := sha256.New()
	for i := range c.sums {
		h.Write(c.sums[i][:])
	}
	return Digest(h.Sum(nil))
}

// name is that of a sum: of a recipe, and of who looked at it where, since lines tell other owners from that user, and
// his groups from others, and other clones have other files. The number is that of the way in which sums are made.
func (c *comparison) name(set Key) Key {
	b := append([]byte("sum of states 3\n"), set[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(os.Geteuid()))
	for _, group := range c.o.groups() {
		b = binary.LittleEndian.AppendUint32(b, uint32(group))
	}
	return sha256.Sum256(append(b, c.o.c.spec.Dir...))
}

// firstFound calls f for parts of 0 to n-1, on as many processors as there are if it is worth it, and returns the first
// number that a call returned and that is not the end of its part. Behind one that was found not all may be looked at.
func firstFound(n int, f func(from, to int) int) (number int, found bool) {
	var least atomic.Int64
	least.Store(int64(n))
	_ = inParts(n, func(from, to int) error {
		i := int64(f(from, to))
		if i == int64(to) {
			return nil
		}
		for at := least.Load(); i < at && !least.CompareAndSwap(at, i); at = least.Load() {
		}
		return errChanged // which ends the look
	})
	return int(least.Load()), least.Load() < int64(n)
}

// parse takes the facts of paths apart.
func (o *observer) parse(text []byte) (sights []Sight, lines [][]byte, err error) {
	count := bytes.Count(text, []byte("\n"))
	sights, lines = make([]Sight, 0, count), make([][]byte, 0, count)
	for line := range strings.Lines(string(text)) {
		r := reader{rest: strings.TrimSuffix(line, "\n")}
		r.expect("seen ")
		s := Sight{Uses: r.uses()}
		name := r.quoted()
		s.Path = o.path(name)
		if s.Uses&useAbove != 0 {
			path, ok := o.pathAbove(name)
			if !ok {
				return nil, nil, errDepth
			}
			s.Path = path
		}
		if r.failed || !filepath.IsAbs(s.Path) {
			return nil, nil, errRecipe
		}
		sights, lines = append(sights, s), append(lines, text[:len(line)])
		text = text[len(line):]
	}
	return sights, lines, nil
}
