// Package trace observes what a command and all its children depend on: which files they read, look at, look for in
// vain and list, which they write, and what they do that cannot be observed. It changes nothing of what they do.
//
// The kernel tells of each call that names a file before it is made, and waits for an answer (seccomp user
// notification, Linux 5.19). The answer is always that the call goes on. What an answer is needed for is noted from the
// memory of the process that calls. So whatever language a program is written in, and however it was linked, it is
// seen; and nobody needs to be root for that.
//
//   - A stage installs the filter: the process that is to become the command, which executes once more (entry.Stage).
//   - The supervisor is a thread of this process, which receives, notes and answers (session_linux.go).
//   - A keeper is a small process that answers when this one is gone (entry.Keeper): without it whoever is left of the
//     command would be told by each call that there is no such call.
//
// What is seen of a run is a Report. It says nothing of what the files hold: that is for somebody else to compare,
// before and after.
package trace

import (
	"errors"
	"os"
)

// ErrRights is the error of New for a program that has more rights than its user.
var ErrRights = errors.New("the program has more rights than its user, which it would lose")

// Use says in which ways a path was used. It is a set.
type Use uint16

// The ways. A path that was looked for in vain has Looked or Read, too: what is there in the end tells it.
const (
	Read     Use = 1 << iota // opened for reading or executed: its content
	Executed                 // executed: as program, interpreter of a script, or ELF interpreter
	Looked                   // looked at by its name: type, mode, size
	Times                    // and by a program that may have made use of its time of modification
	Listed                   // a directory: the names in it
	Link                     // if it is a link, the link itself: lstat, readlink, O_NOFOLLOW
	Xattr                    // asked for extended attributes
	Written                  // made, changed, renamed or removed, or opened for that
	Searched                 // by the dynamic loader: the cache in which it looks up the names of libraries
	Claimed                  // made by a call that fails where something is: what was there before counts
	Judged                   // of what was written: looked at before by a program that may act on what it sees
)

// Write is a way in which a path is written. Of several the highest counts.
type Write uint8

// The ways.
const (
	MakesDirectory Write = iota + 1 // if nothing is there
	Changes                         // it alone, and not what is below it
	Moves                           // and what is below it with it
	Unseen                          // what is written, from now on, may not be seen: there is no path
	Links                           // it is not written, but gets one more name, by which it may be
)

// Seen is a path and how it was used, by all programs of the run together.
type Seen struct {
	Path   string // absolute; as it was asked for, without `.` and what else can be left out without following links
	Use    Use    // up to when the run itself replaced it, if it did
	After  Use    // after that: of what the run made, unless the attempt to replace it failed and all is as it was
	Before Before // when it was used for the first time
	Mode   uint32 // st_mode of what was there then: of a link itself, if that is what was used
	Size   int64  // and its size
	Led    File   // what it led to when it was first used so that links are followed
	Was    File   // what it was itself when it was first used so
	Moved  bool   // something was renamed to it, or from it
}

// File tells files apart. The zero File is not known.
type File struct {
	Device, Inode uint64 // 0 and 0: there is none
	Known         bool
	Changed       int64 // its time of change, if it has another one after each change; 0: that is not known
}

// Fate says what others have done to a path since it was used, of which the run itself has changed nothing: "removed",
// "made" or "replaced"; empty: it leads where it led. Times of a file do not tell that a directory on the way to it was
// renamed.
func (s Seen) Fate() string {
	if fate := s.Led.fate(os.Stat(s.Path)); fate != "" {
		return fate
	}
	return s.Was.fate(os.Lstat(s.Path))
}

func (f File) fate(now os.FileInfo, err error) string {
	switch there := f != (File{Known: true}); {
	case !f.Known || !there && err != nil:
		return ""
	case !there:
		return "made"
	case err != nil:
		return "removed"
	case !fileOf(now).is(f):
		return "replaced"
	}
	return ""
}

// is reports whether two are the same file.
func (f File) is(o File) bool { return f.Device == o.Device && f.Inode == o.Inode }

// Before is what a path named before it was used.
type Before uint8

// What may have been there.
const (
	Nothing Before = iota + 1
	Something
)

// Program is one that was executed.
type Program struct {
	Path string // absolute
	Text string // of a script, its interpreter's path; else empty
}

// Reasons of doubts that are about other programs.
const (
	LeftBehind    = "it left a process behind that still runs"
	Talks         = "it talks to another program"
	Netlink       = "it asks the kernel by netlink"
	UnusualSocket = "it opens a socket of an unusual kind"
)

// Doubt is something the run did that a later look cannot compare: its result must not be stored.
type Doubt struct {
	Reason  string // a clause for people: "it uses io_uring"
	Path    string // what it did that to; empty: nothing that has a name
	Altered bool   // being observed may have changed what it did
}

// Report is what was observed of a run.
type Report struct {
	Seen     []Seen    // sorted by path, each once
	Programs []Program // each once, in the order in which they were executed
	Doubts   []Doubt   // each once, in the order in which they came up
	Network  bool      // a socket for INET or INET6 was made
	Untraced string    // why the command ran without being observed, a clause for people; empty: it was observed
}

// Options say what is noted.
type Options struct {
	// NoTimes reports whether a program makes no use of the times of a path that it looks at; nil: none does so.
	NoTimes func(program, path string) bool

	// Judges reports whether a program may act on a look at a path, besides on its times, which the run writes later;
	// nil: none does so.
	Judges func(program, path string) bool

	// AtStart reports whether a program reads a file of /proc at each start, whatever it does then: that is not noted;
	// nil: none does so.
	AtStart func(program, path string) bool

	// Writes is called before a path may be written, not for each time that it is: from one thread, which the command
	// waits for. nil: nobody wants to know.
	Writes func(path string, how Write)

	// Many is called once if many paths are used; nil: nobody wants to know.
	Many func()

	// Program is the file that the command executes; empty: not known. If it has more rights than its user has, which
	// it would lose inside of a trace, New fails with ErrRights.
	Program string
}

// Stage is how a command is started so that it is observed. The process of the command executes Path, with Name as its
// argv[0] and then the number of a descriptor in decimal, the file of the command and the command's argv. The
// descriptor is what Open returns, for each start anew.
//
// When that runs Started is called, with the file closed again on this side. It returns when the program has become the
// command, or why it has not, and its process ends. If it is not usable its process is to be killed, and the command
// started without. If it could not even be started Skipped is called, and the command is started without.
type Stage struct {
	Path    string
	Name    string
	Open    func() (*os.File, error)
	Started func(pid int) (usable bool, err error)
	Skipped func(error)
}
