package call

import (
	"time"

	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/probe"
)

// FactList takes the facts of a memo: what files are like now.
type FactList struct {
	Before time.Time // later changes are not believed to be seen
	Facts  []fastpath.Fact
	Failed bool // something cannot be told, or changed too late

	args    []string // the command line, in which words have their places
	room    int64    // for files that are looked at by content
	mounted bool     // there is a fact that holds for this boot alone
}

// maxContents bounds what a hit reads because stat is not believed of it: reading 64 KiB takes a quarter of a millisecond.
const maxContents = 64 << 10

// bootID is a file that tells one boot from another.
const bootID = "/proc/sys/kernel/random/boot_id"

// NewFactList returns a list that wants changes to be older than a time.
func NewFactList(before time.Time) *FactList { return &FactList{Before: before, room: maxContents} }

// Look notes what is there, and returns whether anything is.
func (l *FactList) Look(path string, kind fastpath.FactKind) (fastpath.FileID, bool) {
	id, ok := fastpath.Identify(path, kind)
	there := id != fastpath.FileID{}
	if !ok || kind != fastpath.Exists && there && id.Ctime >= l.Before.UnixNano() {
		l.Failed = true
	}
	id.Mount = 0
	l.Facts = append(l.Facts, fastpath.Fact{Path: path, Kind: kind, ID: id})
	return id, there
}

// Hold notes all that a record tells of, as it is now; what is there now and was not then, or the reverse, fails.
func (l *FactList) Hold(seen *probe.Record) {
	looks, ok := seen.Looks()
	l.Failed = l.Failed || !ok
	for _, look := range looks {
		var there bool
		switch look.Kind {
		case probe.Name:
			_, there = l.Look(look.Path, fastpath.Exists)
		case probe.File:
			var id fastpath.FileID
			id, there = l.File(look.Path)
			l.Failed = l.Failed || there && !id.IsRegular() // a directory is left to those who can list it
		case probe.Program:
			l.Program(look.Path)
			there = true
		case probe.Passed:
			if _, there = l.Look(look.Path, fastpath.Followed); there {
				l.Failed = true // whether it is passed over does not depend on the file alone
			}
		case probe.Word:
			there = l.word(look.Path)
		}
		l.Failed = l.Failed || there != look.Found
	}
}

// word notes what a word names, and returns whether that is a regular file. A word that does not stand in the command line as it is,
// for it was quoted, is left to the ordinary way.
func (l *FactList) word(name string) bool {
	at, ok := fastpath.StretchOf(name, l.args)
	if !ok {
		l.Failed = true
		return false
	}
	id, _ := l.Word(name, at)
	return id.IsRegular()
}

// Word notes what a word of the command line names, at a place there. Only a regular file counts.
func (l *FactList) Word(name string, at fastpath.Stretch) (fastpath.FileID, bool) {
	first := len(l.Facts)
	id, there := l.Look(name, fastpath.Regular)
	if there {
		l.settle()
	}
	for i := range l.Facts[first:] {
		if f := &l.Facts[first+i]; f.Path == name {
			f.Path, f.At = "", at
		}
	}
	return id, there
}

// File notes a file that is read, and a link that leads to it.
func (l *FactList) File(path string) (fastpath.FileID, bool) {
	id, there := l.Look(path, fastpath.Itself)
	if there && id.IsLink() {
		l.settle()
		id, there = l.Look(path, fastpath.Followed)
	}
	if there && id.IsRegular() {
		l.settle()
	}
	return id, there
}

// Program notes a file that is executed.
func (l *FactList) Program(path string) {
	if id, there := l.Look(path, fastpath.Executable); !there || !id.IsRegular() {
		l.Failed = true
		return
	}
	l.settle()
}

// settle sees to it that the last fact tells the content of its file from any later one.
func (l *FactList) settle() {
	fact := &l.Facts[len(l.Facts)-1]
	at, belief := hashing.Settle(fact.Path, fact.Kind != fastpath.Itself)
	now, ok := fastpath.Identify(fact.Path, fact.Kind)
	mount := now.Mount
	now.Mount = 0
	if !ok || now != fact.ID || at.Ino != now.Ino || at.Ctime != now.Ctime || at.Mtime != now.Mtime {
		l.Failed = true
		return
	}
	switch belief {
	case hashing.BelieveStat:
	case hashing.BelieveMount:
		fact.ID.Mount = mount
		l.thisBoot()
	case hashing.BelieveContent:
		l.content(fact.Path)
	default:
		l.Failed = true
	}
}

// content notes what a file holds.
func (l *FactList) content(path string) {
	fact, ok := fastpath.ReadContent(path)
	l.room -= fact.ID.Size
	l.Failed = l.Failed || !ok || l.room < 0
	l.Facts = append(l.Facts, fact)
}

// thisBoot notes which boot this is: numbers of mounts are given anew in each.
func (l *FactList) thisBoot() {
	if !l.mounted {
		l.mounted = true
		l.content(bootID)
	}
}
