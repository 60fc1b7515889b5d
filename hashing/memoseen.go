package hashing

import (
	"bytes"
	"sync"
	"time"
)

// HasSeen reports whether what a run has written down that it has read is as it was, and will be as long as the kernel
// says of each file what it says now: observed is its recipe, r the one before it. Not so if there is more than
// contents of files, or if one has changed since a time.
func HasSeen(observed, r Recipe, spec Spec, digests Digests, since time.Time) bool {
	return newObserver(spec, digests).hasSeen(observed, r, since)
}

func (o *observer) hasSeen(observed, r Recipe, since time.Time) bool {
	text, ok := bytes.CutPrefix(observed.Text, r.Text)
	if !ok || o.c.cache == nil || len(o.roots) > 0 {
		return false
	}
	sights, lines, err := o.parse(text)
	if err != nil {
		return false
	}
	c := comparison{o: o, sights: sights, lines: lines, all: sync.OnceValue(func() *whole { return wholeOf(sights) })}
	for i, s := range sights {
		at, err := lookFor(s)
		id, told := o.tells(s, at, err)
		if s.Uses != UseContent || !told || id.Ctime >= since.UnixNano() || !c.isSame(i, at, err) {
			return false
		}
	}
	return o.c.reads.Load() == 0 // what is remembered was written back then
}

// Excludes reports whether two observed recipes cannot both be as they were: they say different things of one path.
func (r Recipe) Excludes(o Recipe) bool {
	seen := map[string]string{}
	for line := range bytes.Lines(r.Text) {
		if path, state, ok := cutSeen(line); ok {
			seen[path] = state
		}
	}
	for line := range bytes.Lines(o.Text) {
		path, state, ok := cutSeen(line)
		if other, both := seen[path]; ok && both && other != state {
			return true
		}
	}
	return false
}

// cutSeen cuts a fact about a path, with its uses, from what it says.
func cutSeen(line []byte) (path, state string, ok bool) {
	if !bytes.HasPrefix(line, []byte(seenFact.name+" ")) {
		return "", "", false
	}
	r := reader{rest: string(line)}
	r.expect(seenFact.name + " ")
	r.uses()
	r.quoted()
	return string(line[:len(line)-len(r.rest)]), r.rest, !r.failed
}
