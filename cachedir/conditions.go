package cachedir

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
)

// Conditions is what it takes to give an entry once more as the answer, without knowing the format of entries: the
// short way to a hit (package fastpath) compares it and copies. Names are below v1.
type Conditions struct {
	Entry  string // the entry's file
	Other  string // the file of the key's other slot
	Size   int64  // bytes of the entry's file
	Sum    uint64 // its last 8 bytes: xxhash64 of all before
	Offset int64  // of the body in that file
	Frames []Frame
	Merged bool
	Code   int
	Ended  time.Time
	Purges []byte // what the count of purges holds
	Hit    []byte // the journal's record of a hit: its time is at 8, its checksum in the last 8 bytes
	Beside Beside // of a result with files
}

// Beside is the file beside an entry that has what was printed and, from an offset on, what the run's files hold.
type Beside struct {
	Name       string
	Size, From int64
}

// EntryFile is what tells an entry's file from another one in its place: its name and size, and its checksum.
type EntryFile struct {
	Name string
	Size int64
	Sum  uint64
}

// File returns that of an entry.
func (e *Entry) File() EntryFile {
	size := e.Stored
	if e.h.InFile {
		size -= e.h.FileLen()
	}
	return EntryFile{entryName(e.Key, e.Slot), size, e.sum}
}

// Frame is a stretch of a body that goes to one stream.
type Frame struct {
	Stream uint8 // 0 is stdout, 1 stderr
	Size   int64 // bytes
}

// Conditions returns what an entry stands on. ok is false for what the short way leaves to the ordinary one: bodies in
// files of their own, but for the files of a run, encrypted and private results, deaths by signal, and what was purged
// since.
func (e *Entry) Conditions(hit stats.Record) (s Conditions, ok bool) {
	if e.h.InFile && (len(e.Outputs) == 0 || e.h.TableBehind) {
		return s, false
	}
	if e.h.Seal != nil || e.Private || e.Learned != nil || e.Signal != 0 || e.Soft {
		return s, false
	}
	other := Good
	if e.Slot == Good {
		other = Failed
	}
	file := e.File()
	s = Conditions{
		Entry: file.Name, Other: entryName(e.Key, other), Size: file.Size, Sum: e.sum,
		Offset: file.Size - format.TrailerSize - int64(len(e.inline)), Merged: e.Merged, Code: e.Code, Ended: e.Ended,
	}
	if e.h.InFile {
		s.Beside = Beside{bodyName(e.Key, e.Slot, e.h.Sum), e.h.FileLen(), e.h.PrintedLen()}
	}
	frames := format.FrameReader{Table: bytes.NewReader(e.h.Table), Stdout: e.h.Stdout, Stderr: e.h.Stderr}
	for {
		stream, size, err := frames.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, false
		}
		s.Frames = append(s.Frames, Frame{stream, size})
	}
	var err error
	if s.Hit, err = stats.EncodeRecord(hit); err != nil {
		return s, false
	}
	s.Purges, ok = e.d.standsAt(e.Meta)
	return s, ok
}

// standsAt returns the count of purges at which an entry is valid now.
func (d *purgeCounts) standsAt(m Meta) ([]byte, bool) {
	before, err := d.readPurges(seqName)
	if err != nil {
		return nil, false
	}
	if soft, err := d.CheckTags(m); err != nil || soft {
		return nil, false
	}
	after, err := d.readPurges(seqName)
	return format.EncodePurges(after), err == nil && before == after
}
