package lock

import (
	"errors"
	"iter"
	"strconv"
	"sync"
)

// What ancestors hold is told by the environment, unless somebody in between has cleared it: env -i, sudo, a tool that
// starts its children with an environment of its own. Then the records of locks tell it: each names the process of its
// holder, by its number and by when it began, and who finds one of its own parents there holds what that parent holds.
// A number alone would not do: another PID namespace on the same files has the same numbers.
//
// What was started by somebody else's hand, a service manager or a daemon, has other parents. It waits.

// processID tells one process of this machine from all others.
type processID struct {
	pid     int
	started string // in the system's own words; empty: it does not tell
}

// maxParents bounds how many parents are followed. Numbers that are given out again while they are followed could lead
// in a circle.
const maxParents = 256

// self is this process, as its children will see it. A record that cannot say so names process 0, which is nobody's
// parent.
var self = sync.OnceValue(func() processID {
	p, _, ok := thisProcess()
	if !ok {
		return processID{}
	}
	return p
})

// parents are the processes that this one descends from.
func parents() map[processID]bool {
	found := map[processID]bool{}
	_, parent, ok := thisProcess()
	for ok && parent > 0 && len(found) < maxParents {
		var p processID
		if p, parent, ok = processAt(parent); ok {
			found[p] = true
		}
	}
	return found
}

// IsParent reports whether a process of this number is one that this one descends from.
func IsParent(pid int) bool {
	for p := range parents() {
		if p.pid == pid {
			return true
		}
	}
	return false
}

// WithParents adds what parents hold of these files.
func (h Held) WithParents(files iter.Seq[File]) Held {
	var all map[processID]bool
	for p := range files {
		if all == nil {
			all = parents()
		}
		if nonce, held := heldBy(p, all); held && !h.names(nonce) {
			h.claims = append(h.claims[:len(h.claims):len(h.claims)], claimed{nonce, p.Path()})
		}
	}
	return h
}

// heldBy returns the nonce of a lock that one of these processes holds now.
func heldBy(p File, any map[processID]bool) (nonce string, held bool) {
	f, err := openIfThere(p.Path(), readOnly)
	if f == nil || err != nil {
		return "", false
	}
	defer f.Close()
	c, err := readContent(f, maxHeader)
	if err != nil && !errors.Is(err, errNoRecord) || !any[c.holder] {
		return "", false
	}
	return c.Nonce, isHeld(f)
}

// processLine says who holds a lock.
func processLine(nonce string, p processID) string {
	return "process " + nonce + " " + strconv.Itoa(p.pid) + " " + strconv.QuoteToASCII(p.started) + "\n"
}
