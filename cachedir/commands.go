package cachedir

import (
	"fmt"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/hashing"
)

// commands/ab/<sha256> keeps what is known of a command beyond its entries: which keys it had last, how long it ran,
// and what kept a result from being stored. It is written whole, by rename; of two runs that end at once one may be
// forgotten.

// commandLimit is the size of the largest record that is read, in bytes.
const commandLimit = 16 << 10

// commands are the records of commands. They take room as entries do.
type commands struct {
	*opened
	*cleaner
}

func commandName(id hashing.CommandID) string { return recordName(recordsOfCommands, hashing.Key(id)) }

// Command returns the record of a command.
func (d *commands) Command(id hashing.CommandID) (CommandRecord, bool) {
	b, _, err := d.v1.ReadSmall(commandName(id), commandLimit)
	if err != nil {
		return CommandRecord{}, false
	}
	r, err := format.DecodeCommand(b, id)
	return r, err == nil
}

// NoteRun adds a run to the record of its command, and what it left of its words. One that is new and does not fit is
// ErrNoRoom.
func (d *commands) NoteRun(id hashing.CommandID, run CommandRun, words ...CommandWord) error {
	if d.o.ReadOnly {
		return ErrReadOnly
	}
	runs := []CommandRun{run}
	isNew := func() bool {
		old, known := d.Command(id)
		for _, r := range old.Runs {
			if r.Key != run.Key && len(runs) < format.CommandRuns {
				runs = append(runs, r)
			}
		}
		return !known
	}
	err := d.accounted(hashing.Key(id), onDisk(1), isNew, func() error {
		return d.v1.Replace(commandName(id),
			format.EncodeCommand(id, runs, words[:min(len(words), format.CommandWords)]...))
	})
	if err != nil {
		return fmt.Errorf("note the run: %w", err)
	}
	return nil
}

// EachCommand calls fn with the record of each command that can be read.
func (d *commands) EachCommand(fn func(hashing.CommandID, CommandRecord)) {
	for i := range 256 {
		_ = d.v1.List("commands/"+shard(byte(i)), func(name string) bool {
			if id, err := hashing.ParseKey(name); err == nil && id[0] == byte(i) {
				if r, known := d.Command(hashing.CommandID(id)); known {
					fn(hashing.CommandID(id), r)
				}
			}
			return true
		})
	}
}
