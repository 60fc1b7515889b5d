package hashing

import (
	"bytes"
	"crypto/sha256"
	"math/bits"
)

// mostRead is how large a file may be, in bytes, whose content is read although nobody has named it.
var mostRead int64 = 64 << 20

// identified says of a large file that was looked at that it is compared by its identity, if that tells of each change
// and its content is not known anyway. No other machine has the same file. What the run has made, or executed, is read.
func (o *observer) identified(s Sight, at look, err error) Sight {
	if err != nil || s.Uses&UseContent == 0 || s.Uses&(UseMade|UseProgram) != 0 {
		return s
	}
	if at.kind == kindLink {
		at, err = lookAt(s.Path, true)
	}
	if err == nil && at.kind.regular() && at.id.Size > mostRead && o.knows(s, at) {
		s.Uses |= useIdentity
	}
	return s
}

// knows reports whether a file would be known again by its identity, and not by what it holds.
func (o *observer) knows(s Sight, at look) bool {
	file := location{name: s.Path}
	on := o.c.mountOf(file, true, at)
	id, trust := on.identity(file, at.id)
	if !trust || !id.settled(o.c.started) {
		return false
	}
	if o.c.cache != nil {
		if _, known := o.c.cache.Digest(id); known {
			return false
		}
	}
	f, err := openContent(s.Path, true)
	if err != nil {
		return false
	}
	defer f.Close()
	now, err := lookAtOpen(f)
	return err == nil && now.id == at.id && on.writeBack(f) // then each later change shows
}

// appendIdentity adds what the kernel says of a file, if that tells of each change.
func (o *observer) appendIdentity(text []byte, s Sight, at look) ([]byte, error) {
	file := location{name: s.Path}
	id, trust := o.c.mountOf(file, true, at).identity(file, at.id)
	if !trust {
		return nil, errUndated
	}
	return appendSum(append(text, " identity "...), sha256.Sum256(appendState(nil, 0, look{}, id))), nil
}

// Local names a file of which a recipe has the identity, which is another on each machine.
func Local(text []byte) (path string, found bool) {
	letter := useLetters[bits.TrailingZeros16(uint16(useIdentity))]
	for line := range bytes.Lines(text) {
		uses, _, _ := bytes.Cut(line, []byte{'-'})
		if bytes.IndexByte(uses, letter) < 0 { // most lines, of which nothing else is looked at
			continue
		}
		r := reader{rest: string(line)}
		if r.try(seenFact.name+" ") && r.uses()&useIdentity != 0 {
			return r.quoted(), true
		}
	}
	return "", false
}
