package hashing

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

var descriptorFact = factKind{
	name: "descriptor", add: (*capture).addDescriptors, parse: parseDescriptor, change: changedDescriptor,
	order: ofGiven, report: reportDescriptors,
}

// StreamError says that the command line names an inherited descriptor that yields what nobody can look at beforehand:
// the command can run, but not be cached, which is nothing to be warned of.
type StreamError struct {
	Descriptor int
	Kind       string
}

func (e *StreamError) Error() string {
	return fmt.Sprintf("descriptor %d, which the command line names, is %s", e.Descriptor, e.Kind)
}

// addDescriptors adds the inherited descriptors that words name, as /dev/fd/3 does: <(...) of a shell, and what
// `3<file` opens. Of a file offset and content are facts, for on some systems /dev/fd/3 begins to be read where the
// descriptor stands.
func (c *capture) addDescriptors() error {
	if c.spec.Name != "" {
		return nil
	}
	for _, d := range namedDescriptors(c.spec.words()) {
		if !isInherited(d.number) {
			continue
		}
		if d.redirected { // whoever reads moves the offset that others see
			return &StreamError{d.number, "read by a redirection"}
		}
		if err := c.addDescriptor(d.number); err != nil {
			return err
		}
	}
	return nil
}

func (c *capture) addDescriptor(number int) error {
	path := "/dev/fd/" + strconv.Itoa(number)
	at, err := lookAt(path, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nor does the command find it
	}
	if err != nil {
		return &InputError{Path: path, Err: err}
	}
	if !at.kind.regular() {
		return &StreamError{number, "a " + at.kind.String()}
	}
	offset, err := offsetOf(number)
	if err != nil {
		return &InputError{Path: path, Err: err}
	}
	digest, at, err := c.digestSeen(location{name: path}, true, at)
	if err != nil {
		return &InputError{Path: path, Err: err}
	}
	c.text = strconv.AppendInt(append(c.text, "descriptor "...), int64(number), 10)
	c.text = strconv.AppendInt(append(c.text, " at "...), offset, 10)
	c.text = strconv.AppendInt(append(c.text, " of "...), at.id.Size, 10)
	c.text = append(appendSum(append(c.text, ' '), digest), '\n')
	return nil
}

func reportDescriptors(r *Recipe, _ *Spec, to *Report) {
	if r.HasDescriptors() {
		to.refuse("a nested run reads files that were handed to it open")
	}
}

func parseDescriptor(r *reader, f *Fact) {
	r.named(f, r.number)
	r.expect("at ")
	r.number()
	r.expect(" of ")
	r.number()
	r.space()
	r.sum(plainSum)
}

func changedDescriptor(_ *differ, s states) string {
	text := "what descriptor " + s.name + " is"
	if s.had && s.has {
		return text + " changed"
	}
	return text + cameOrWent(s.has, " was added", " was removed")
}

// NamesDescriptors reports whether a command line means inherited descriptors, if they are there.
func NamesDescriptors(argv []string) bool { return len(namedDescriptors(argv)) > 0 }

// HasDescriptors reports whether the recipe holds the state of an inherited descriptor, which no other process can look
// at.
func (r Recipe) HasDescriptors() bool { return r.has("descriptor ") }

// descriptor is one that a command line names.
type descriptor struct {
	number     int
	redirected bool // by <&3 in a text for a shell
}

const lastStandard = 2 // descriptors 0 to 2 are streams of their own

// namedDescriptors finds /dev/fd/3, /proc/self/fd/3 and <&3 in words, each number once, in rising order.
func namedDescriptors(argv []string) (named []descriptor) {
	for _, word := range argv {
		named = appendDescriptors(named, word, "/fd/", func(before string) bool {
			return strings.HasSuffix(before, "/dev") || strings.Contains(before, "/proc/")
		})
		named = appendDescriptors(named, word, "<&", func(string) bool { return true })
	}
	slices.SortFunc(named, func(a, b descriptor) int {
		if a.number == b.number && a.redirected != b.redirected {
			if a.redirected {
				return -1
			}
			return 1
		}
		return a.number - b.number
	})
	return slices.CompactFunc(named, func(a, b descriptor) bool { return a.number == b.number })
}

// appendDescriptors adds the numbers that stand behind a mark in a word, where what is before it fits.
func appendDescriptors(named []descriptor, word, mark string, fits func(before string) bool) []descriptor {
	for at := 0; ; {
		i := strings.Index(word[at:], mark)
		if i < 0 {
			return named
		}
		before := word[:at+i]
		at += i + len(mark)
		rest := word[at:]
		digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		number, err := strconv.Atoi(digits)
		if err == nil && number > lastStandard && fits(before) {
			named = append(named, descriptor{number, mark == "<&"})
		}
	}
}
