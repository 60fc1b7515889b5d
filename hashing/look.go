package hashing

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// kind is what a name refers to.
type kind uint8

const (
	kindAbsent kind = iota
	kindPlain       // a regular file
	kindExec        // a regular file with an executable bit
	kindDirectory
	kindLink
	kindLoop // a link that leads to itself
	kindFIFO
	kindSocket
	kindDevice
	kindUnreachable // below a directory that this user may not search
	kindUnknown     // only from a directory listing that does not say
)

// String returns the word for it in a recipe.
func (k kind) String() string {
	switch k {
	case kindAbsent:
		return "absent"
	case kindPlain:
		return "plain"
	case kindExec:
		return "exec"
	case kindDirectory:
		return "directory"
	case kindLink:
		return "link"
	case kindLoop:
		return "loop"
	case kindFIFO:
		return "fifo"
	case kindSocket:
		return "socket"
	case kindDevice:
		return "device"
	case kindUnreachable:
		return "unreachable"
	}
	return "unknown"
}

func (k kind) regular() bool { return k == kindPlain || k == kindExec }

// special: nothing that has a content to stand still.
func (k kind) special() bool {
	return k == kindFIFO || k == kindSocket || k == kindDevice || k == kindUnknown
}

// look is what one look at a file says.
type look struct {
	kind  kind
	mode  uint32 // permission bits; 0 where there are none
	owner uint32 // user's number, likewise
	group uint32
	id    StatID
	mount uint64 // the kernel's number of it; 0: unknown

	encrypted bool // names and contents are read with a key, which may come and go
}

// isSameFile reports whether two looks were at one file, whatever became of that.
func (l look) isSameFile(o look) bool { return l.id.Dev == o.id.Dev && l.id.Ino == o.id.Ino }

// settleTime is how long a file must have been left alone before its StatID stands for its content: within one tick of
// the filesystem's clock (10 ms or less mostly, 2 s on FAT) a file can change twice and look the same.
const settleTime = 2 * time.Second

// settled also refuses what comes from the future: such a file can be changed at the very time that it already shows.
func (id StatID) settled(now time.Time) bool {
	return max(id.Mtime, id.Ctime) <= now.Add(-settleTime).UnixNano()
}

// cause takes the system's reason out of an error that repeats operation and path.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var s *os.SyscallError
	if errors.As(err, &s) {
		return s.Err
	}
	return err
}
