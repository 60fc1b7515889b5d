//go:build amd64 || arm64

package trace

import (
	"time"

	"golang.org/x/sys/unix"
)

// places are the working directories of callers. To ask the kernel for one costs twice as much as to read a path, and
// many programs name files by nothing but their names in it.
//
// A thread has another directory than before only by calls that are notified, of itself or of who shares it, or as a
// directory above it gets another name or is removed. Such a call takes effect only after it was answered, and has
// taken it when its thread calls again or is gone; until then nothing is known of anybody. If another program does that
// to a directory, it is seen afterwards: what has its name is not what had it.
type places struct {
	known    map[int]place   // by thread
	were     map[string]File // what had the names that are or were known
	changing map[int]bool    // threads that may be about to change some of them
	moved    bool            // by another program
}

type place struct {
	path string
	till time.Duration // until then its number belongs to the thread
}

// of returns the directory of a caller: what is known, or what ask says of it.
func (p *places) of(c *caller, ask func() (string, bool)) (path string, ok bool) {
	if known, ok := p.known[c.thread]; ok && c.now() < known.till {
		return known.path, true
	}
	settled := p.settled() // before it is asked
	path, ok = ask()
	if !ok || !settled {
		return path, ok
	}
	st, there := look(c.proc("cwd/."), false)
	is := File{Device: uint64(st.Dev), Inode: st.Ino, Known: there}
	if was, ok := p.were[path]; !there || ok && was != is {
		return path, true // it is moved at this moment, or was
	}
	if p.known == nil {
		p.known, p.were = map[int]place{}, map[string]File{}
	}
	p.known[c.thread] = place{path, c.now() + ownNumber()}
	p.were[path] = is
	return path, true
}

// settled reports whether nobody is about to change directories.
func (p *places) settled() bool {
	for thread := range p.changing {
		if unix.Kill(thread, 0) != unix.ESRCH {
			return false
		}
		delete(p.changing, thread)
	}
	return true
}

// called is called for each call: what its thread called before has had its effect.
func (p *places) called(c *caller) {
	if len(p.changing) != 0 {
		delete(p.changing, c.thread)
	}
}

// change is called when a caller is about to change directories, its own or those that others are in.
func (p *places) change(c *caller) {
	p.forget()
	if p.changing == nil {
		p.changing = map[int]bool{}
	}
	p.changing[c.thread] = true
}

// forget looks for the last time whether what was known is so, and knows nothing any more.
func (p *places) forget() {
	for path, was := range p.were {
		st, ok := look(path, false)
		p.moved = p.moved || !ok || was != (File{Device: uint64(st.Dev), Inode: st.Ino, Known: true})
	}
	clear(p.known)
	clear(p.were)
}
