package cachedir

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/hashing"
)

// commands/ab/<sha256> keeps what is known of a command beyond its entries: which keys it had last, how long it ran,
// and what kept a result from being stored. It is written whole, by rename; of two runs that end at once one may be
// forgotten.

const (
	commandMagic = "cachexC\n"
	commandRuns  = 8
	commandLimit = 16 << 10
	maxNotStored = 512
	commandWords = 64
)

// CommandRun is one run of a command.
type CommandRun struct {
	Key       hashing.Key
	Ended     time.Time
	Duration  time.Duration
	Code      int    // exit code
	NotStored string // why the result was not stored; empty if it was
}

// CommandRecord is what is known of a command.
type CommandRecord struct {
	Runs  []CommandRun  // the last 8 keys, youngest first
	Words []CommandWord // that named files in the last run
}

// CommandWord is what the last run of a command left of a file that a word of it names.
type CommandWord struct {
	Word, Literal int            // as in hashing.ArgFile
	State         hashing.Digest // of the fact after the run
	Size          int64
	Rest          hashing.Digest // of the recipe without its words
	Made          bool           // a run has made the file where there was none
	During        bool           // it changed while the command ran
	Moved         int            // how often in a row it changed otherwise
}

func commandName(id hashing.CommandID) string {
	return "commands/" + shard(id[0]) + "/" + hashing.Key(id).String()
}

// Command returns the record of a command.
func (d *Dir) Command(id hashing.CommandID) (CommandRecord, bool) {
	b, _, err := d.v1.ReadSmall(commandName(id), commandLimit)
	if err != nil {
		return CommandRecord{}, false
	}
	r, err := decodeCommand(b, id)
	return r, err == nil
}

// NoteRun adds a run to the record of its command, and what it left of its words. One that is new and does not fit is ErrNoRoom.
func (d *Dir) NoteRun(id hashing.CommandID, run CommandRun, words ...CommandWord) error {
	if d.o.ReadOnly {
		return ErrReadOnly
	}
	runs := []CommandRun{run}
	isNew := func() bool {
		old, known := d.Command(id)
		for _, r := range old.Runs {
			if r.Key != run.Key && len(runs) < commandRuns {
				runs = append(runs, r)
			}
		}
		return !known
	}
	err := d.accounted(hashing.Key(id), onDisk(1), isNew, func() error {
		return d.v1.Replace(commandName(id), encodeCommand(id, runs, words[:min(len(words), commandWords)]...))
	})
	if err != nil {
		return fmt.Errorf("note the run: %w", err)
	}
	return nil
}

// forgetCommands removes the records of all commands. What cannot be removed is left: nothing is decided by it.
func (d *Dir) forgetCommands() {
	b, err := d.openBooks()
	if err == nil {
		defer b.close()
	}
	for i := range 256 {
		_ = d.v1.List("commands/"+shard(byte(i)), func(name string) bool {
			id, perr := hashing.ParseKey(name)
			if perr != nil || id[0] != byte(i) {
				return true
			}
			if fi, serr := d.v1.Stat(commandName(hashing.CommandID(id))); serr == nil && err == nil {
				d.dropCommand(b, candidate{key: id, command: true, bytes: onDisk(fi.Size)})
			} else {
				_ = d.v1.Remove(commandName(hashing.CommandID(id)))
			}
			return true
		})
	}
}

func encodeCommand(id hashing.CommandID, runs []CommandRun, words ...CommandWord) []byte {
	b := append([]byte(commandMagic), id[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(runs)))
	for _, r := range runs {
		b = append(b, r.Key[:]...)
		b = appendTime(b, r.Ended)
		b = binary.LittleEndian.AppendUint64(b, uint64(r.Duration))
		b = binary.LittleEndian.AppendUint32(b, uint32(int32(r.Code)))
		b = appendBytes(b, []byte(r.NotStored[:min(len(r.NotStored), maxNotStored)]))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(words)))
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, uint32(w.Word))
		b = binary.LittleEndian.AppendUint32(b, uint32(w.Literal))
		b = append(append(b, w.State[:]...), w.Rest[:]...)
		b = binary.LittleEndian.AppendUint64(b, uint64(w.Size))
		b = binary.LittleEndian.AppendUint32(b, uint32(min(w.Moved, math.MaxUint8)<<2)|bit(w.Made, 1)|bit(w.During, 2))
	}
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

func decodeCommand(b []byte, id hashing.CommandID) (CommandRecord, error) {
	end := len(b) - trailerSize
	if end < len(commandMagic) || string(b[:len(commandMagic)]) != commandMagic ||
		binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return CommandRecord{}, errSpoiled
	}
	d := decoder{b: b[len(commandMagic):end]}
	if string(d.take(32)) != string(id[:]) {
		return CommandRecord{}, errSpoiled
	}
	n := d.u32()
	if n > commandRuns {
		return CommandRecord{}, errSpoiled
	}
	var rec CommandRecord
	for range n {
		var r CommandRun
		copy(r.Key[:], d.take(32))
		r.Ended = d.time()
		r.Duration = time.Duration(d.i64())
		r.Code = int(int32(d.u32()))
		r.NotStored = string(d.bytes(maxNotStored))
		rec.Runs = append(rec.Runs, r)
	}
	if len(d.b) == 0 {
		return rec, d.err // it was written when nothing was known of words
	}
	if n = d.u32(); n > commandWords {
		return CommandRecord{}, errSpoiled
	}
	for range n {
		w := CommandWord{Word: int(d.u32()), Literal: int(d.u32())}
		copy(w.State[:], d.take(32))
		copy(w.Rest[:], d.take(32))
		w.Size = d.i64()
		flags := d.u32()
		w.Made, w.During, w.Moved = flags&1 != 0, flags&2 != 0, int(flags>>2)
		rec.Words = append(rec.Words, w)
	}
	return rec, d.err
}

func bit(set bool, value uint32) uint32 {
	if set {
		return value
	}
	return 0
}
