package call

import (
	"time"

	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/probe"
)

// Looker looks at files, and keeps as facts of a memo what it saw.
type Looker struct {
	Before time.Time // later changes are not believed to be seen
	Facts  []fastpath.Fact
	Failed bool // something cannot be told, or changed too late

	room    int64 // for files that are looked at by content
	mounted bool  // there is a fact that holds for this boot alone
}

// maxContents bounds what a hit reads because stat is not believed of it: reading 64 KiB takes a quarter of a millisecond.
const maxContents = 64 << 10

// bootID is a file that tells one boot from another.
const bootID = "/proc/sys/kernel/random/boot_id"

// NewLooker returns a looker that wants changes to be older than a time.
func NewLooker(before time.Time) *Looker { return &Looker{Before: before, room: maxContents} }

// Look notes what is there, and returns whether anything is.
func (l *Looker) Look(path string, kind fastpath.FactKind) (fastpath.FileID, bool) {
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
func (l *Looker) Hold(seen *probe.Record) {
	looks, ok := seen.Looks()
	l.Failed = l.Failed || !ok
	for _, look := range looks {
		var there bool
		switch look.Kind {
		case probe.Name:
			_, there = l.Look(look.Path, fastpath.Exists)
		case probe.File:
			_, there = l.File(look.Path)
		default:
			l.Failed = true
		}
		l.Failed = l.Failed || there != look.Found
	}
}

// Word notes what a word of the command line names, at a place there. Only a regular file counts.
func (l *Looker) Word(name string, at fastpath.Stretch) (fastpath.FileID, bool) {
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
func (l *Looker) File(path string) (fastpath.FileID, bool) {
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
func (l *Looker) Program(path string) {
	if id, there := l.Look(path, fastpath.Executable); !there || !id.IsRegular() {
		l.Failed = true
		return
	}
	l.settle()
}

// settle sees to it that the last fact tells the content of its file from any later one.
func (l *Looker) settle() {
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
func (l *Looker) content(path string) {
	fact, ok := fastpath.ReadContent(path)
	l.room -= fact.ID.Size
	l.Failed = l.Failed || !ok || l.room < 0
	l.Facts = append(l.Facts, fact)
}

// thisBoot notes which boot this is: numbers of mounts are given anew in each.
func (l *Looker) thisBoot() {
	if !l.mounted {
		l.mounted = true
		l.content(bootID)
	}
}
