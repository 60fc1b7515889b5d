package memo

import (
	"time"

	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/probe"
)

// fileList takes the states of files for a memo: what files are like now.
type fileList struct {
	before time.Time // later changes are not believed to be seen
	args   []string  // the command line, in which words have their places
	files  []fastpath.FileState
	failed bool // something cannot be told, or changed too late

	room    int64 // for files that are looked at by content
	mounted bool  // there is a state that holds for this boot alone
}

// maxContents bounds what a hit reads because stat is not believed of it: reading 64 KiB takes a quarter of a
// millisecond.
const maxContents = 64 << 10

// bootID is a file that tells one boot from another.
const bootID = "/proc/sys/kernel/random/boot_id"

// StatesOf returns what a trail tells of, as it is now; false if a memo cannot hold that, if it changed after before,
// or if a file is there now that was not there then, or the reverse. Words have their places in args, a command line.
func StatesOf(seen *probe.Trail, args []string, before time.Time) ([]fastpath.FileState, bool) {
	l := fileList{before: before, args: args, room: maxContents}
	l.hold(seen)
	return l.files, !l.failed
}

// look notes what is there, and returns whether anything is.
func (l *fileList) look(path string, kind fastpath.StateKind) (fastpath.FileID, bool) {
	id, ok := fastpath.Identify(path, kind)
	there := id != fastpath.FileID{}
	if !ok || kind != fastpath.Exists && there && id.Ctime >= l.before.UnixNano() {
		l.failed = true
	}
	id.Mount = 0
	l.files = append(l.files, fastpath.FileState{Path: path, Kind: kind, ID: id})
	return id, there
}

// hold notes all that a trail tells of, as it is now.
func (l *fileList) hold(seen *probe.Trail) {
	looks, ok := seen.Looks()
	l.failed = l.failed || !ok
	for _, look := range looks {
		var there bool
		switch look.Kind {
		case probe.Name:
			_, there = l.look(look.Path, fastpath.Exists)
		case probe.File:
			var id fastpath.FileID
			id, there = l.file(look.Path)
			l.failed = l.failed || there && !id.IsRegular() // a directory is left to those who can list it
		case probe.Program:
			l.program(look.Path)
			there = true
		case probe.Passed:
			if _, there = l.look(look.Path, fastpath.Followed); there {
				l.failed = true // whether it is passed over does not depend on the file alone
			}
		case probe.Word:
			there = l.word(look.Path)
		}
		l.failed = l.failed || there != look.Found
	}
}

// word notes what a word of the command line names, by its place there, and returns whether that is a regular file:
// nothing else counts. A word that does not stand in the command line as it is, for it was quoted, is left to the
// ordinary way.
func (l *fileList) word(name string) bool {
	at, ok := fastpath.StretchOf(name, l.args)
	if !ok {
		l.failed = true
		return false
	}
	first := len(l.files)
	id, there := l.look(name, fastpath.Regular)
	if there {
		l.settle()
	}
	for i := range l.files[first:] {
		if f := &l.files[first+i]; f.Path == name {
			f.Path, f.At = "", at
		}
	}
	return id.IsRegular()
}

// file notes a file that is read, and a link that leads to it.
func (l *fileList) file(path string) (fastpath.FileID, bool) {
	id, there := l.look(path, fastpath.Itself)
	if there && id.IsLink() {
		l.settle()
		id, there = l.look(path, fastpath.Followed)
	}
	if there && id.IsRegular() {
		l.settle()
	}
	return id, there
}

// program notes a file that is executed.
func (l *fileList) program(path string) {
	if id, there := l.look(path, fastpath.Executable); !there || !id.IsRegular() {
		l.failed = true
		return
	}
	l.settle()
}

// settle sees to it that the last state tells the content of its file from any later one.
func (l *fileList) settle() {
	state := &l.files[len(l.files)-1]
	at, belief := hashing.Settle(state.Path, state.Kind != fastpath.Itself)
	now, ok := fastpath.Identify(state.Path, state.Kind)
	mount := now.Mount
	now.Mount = 0
	if !ok || now != state.ID || at.Ino != now.Ino || at.Ctime != now.Ctime || at.Mtime != now.Mtime {
		l.failed = true
		return
	}
	switch belief {
	case hashing.BelieveStat:
	case hashing.BelieveMount:
		state.ID.Mount = mount
		l.thisBoot()
	case hashing.BelieveContent:
		l.content(state.Path)
	default:
		l.failed = true
	}
}

// content notes what a file holds.
func (l *fileList) content(path string) {
	state, ok := fastpath.ReadContent(path)
	l.room -= state.ID.Size
	l.failed = l.failed || !ok || l.room < 0
	l.files = append(l.files, state)
}

// thisBoot notes which boot this is: numbers of mounts are given anew in each.
func (l *fileList) thisBoot() {
	if !l.mounted {
		l.mounted = true
		l.content(bootID)
	}
}
