package format

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/hashing"
)

const (
	commandMagic = "cachexC\n"
	CommandRuns  = 8
	maxNotStored = 512
	CommandWords = 64
)

// CommandRun is one run of a command.
type CommandRun struct {
	Key       hashing.Key
	Ended     time.Time
	Duration  time.Duration
	Code      int    // exit code
	NotStored string // why the result was not stored; empty if it was
	Result    uint64 // digest of what it wrote and of its exit code; 0: not known
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

// EncodeCommand is the record of a command.
func EncodeCommand(id hashing.CommandID, runs []CommandRun, words ...CommandWord) []byte {
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
	for _, r := range runs {
		b = binary.LittleEndian.AppendUint64(b, r.Result)
	}
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// DecodeCommand reads the record of this command.
func DecodeCommand(b []byte, id hashing.CommandID) (CommandRecord, error) {
	end := len(b) - TrailerSize
	if end < len(commandMagic) || string(b[:len(commandMagic)]) != commandMagic ||
		binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return CommandRecord{}, ErrSpoiled
	}
	d := decoder{b: b[len(commandMagic):end]}
	if string(d.take(32)) != string(id[:]) {
		return CommandRecord{}, ErrSpoiled
	}
	n := d.u32()
	if n > CommandRuns {
		return CommandRecord{}, ErrSpoiled
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
	if n = d.u32(); n > CommandWords {
		return CommandRecord{}, ErrSpoiled
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
	if len(d.b) == 0 {
		return rec, d.err // it was written when results were not compared
	}
	for i := range rec.Runs {
		rec.Runs[i].Result = uint64(d.i64())
	}
	return rec, d.err
}

func bit(set bool, value uint32) uint32 {
	if set {
		return value
	}
	return 0
}
