package cachedir

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/hashing"
)

// stat/differences has a line of JSON for each result that was another when its command was run again to verify it. A
// line that cannot be read is passed over.

const (
	differencesName  = "stat/differences"
	differencesLimit = 256 << 10 // bytes; a file that is larger is started anew
	longestLine      = 200       // bytes of output that are kept of either side
)

// Difference is how a stored result and a newer one of the same recipe differ.
type Difference struct {
	Key      hashing.Key
	Command  hashing.CommandID
	When     time.Time
	What     string // "line 3 of stdout", "exit code", "output"
	One, Two string // the stored one and the newer one; empty: not known, or not to be written down
}

func (d Difference) String() string {
	if d.One == d.Two {
		return d.What
	}
	return fmt.Sprintf("%s: %q, then %q", d.What, cutLine(d.One), cutLine(d.Two))
}

func cutLine(s string) string {
	if len(s) > longestLine {
		return strings.ToValidUTF8(s[:longestLine], "") + "..."
	}
	return s
}

// differenceLine is a Difference as it is written.
type differenceLine struct {
	Key     string    `json:"key"`
	Command string    `json:"command"`
	When    time.Time `json:"when"`
	What    string    `json:"what"`
	One     string    `json:"one,omitempty"`
	Two     string    `json:"two,omitempty"`
}

func encodeDifference(n Difference) []byte {
	b, _ := json.Marshal(differenceLine{ // which only fails for years beyond 9999
		n.Key.String(), n.Command.String(), n.When.UTC(), n.What, cutLine(n.One), cutLine(n.Two),
	})
	return append(b, '\n')
}

// NoteDifference keeps that a result was another.
func (d *commands) NoteDifference(n Difference) error {
	if d.o.ReadOnly {
		return ErrReadOnly
	}
	f, fi, err := d.v1.OpenInPlace(differencesName, os.O_APPEND)
	if err != nil {
		return fmt.Errorf("note a difference: %w", err)
	}
	defer f.Close()
	if fi.Size > differencesLimit {
		_ = f.Truncate(0)
	}
	if err := f.WriteAll(encodeDifference(n)); err != nil {
		return fmt.Errorf("note a difference: %w", d.v1.PathError("write", differencesName, err))
	}
	return nil
}

// ForgetDifferences forgets those of results that are not stored any more: who purges a result wants nothing left of
// it.
func (d *commands) ForgetDifferences() error {
	all := d.Differences()
	if d.o.ReadOnly || len(all) == 0 {
		return nil
	}
	var kept []byte
	for _, n := range all {
		if d.Has(n.Key, Good) || d.Has(n.Key, Failed) {
			kept = append(kept, encodeDifference(n)...)
		}
	}
	if err := d.v1.Replace(differencesName, kept); err != nil {
		return fmt.Errorf("forget differences: %w", err)
	}
	return nil
}

// Differences are those that were noted, the oldest first.
func (d *commands) Differences() (all []Difference) {
	b, _, err := d.v1.ReadSmall(differencesName, 2*differencesLimit)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		var n differenceLine
		if json.Unmarshal([]byte(line), &n) != nil {
			continue
		}
		key, err := hashing.ParseKey(n.Key)
		command, err2 := hex.DecodeString(n.Command)
		if err != nil || err2 != nil || len(command) != len(hashing.CommandID{}) {
			continue
		}
		all = append(all, Difference{key, hashing.CommandID(command), n.When, n.What, n.One, n.Two})
	}
	return all
}
