package call

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/cachex-cli/cachex/engine"
)

// Memory is a shell that remembers results itself, so that a repeated call of a memoised function starts no process
// (cachex init). It is told of each result that it may give again, by a record on a descriptor:
//
//	cachex-memory-1 BEGIN END MERGED
//	the output, and a full stop
//
// BEGIN and END are microseconds since 1970: at a clock between them the output may be given again. MERGED is 1 if
// that goes only for callers whose stdout and stderr are one. The full stop keeps a shell from taking line ends off
// the output. Nothing is written about what must not be remembered.
type Memory struct {
	File  *os.File
	Life  time.Duration // it remembers no longer than this, whatever lives longer
	Alone bool          // nothing but the record is wanted, and only of what is stored
}

// mostRemembered is the largest output, in bytes, that a shell remembers.
const mostRemembered = 64 << 10

// wants is how large results may be that are to be remembered, in bytes; 0: none are. What is not replayed whole is not
// remembered.
func (m *Memory) wants(replay engine.Replay) int64 {
	if m == nil || m.Life <= 0 || replay != engine.ReplayAll {
		return 0
	}
	return mostRemembered
}

// write tells of a result. If it fails, the next call asks again.
func (m *Memory) write(out engine.Outcome) {
	c := out.Copy
	if m == nil || c == nil || bytes.IndexByte(c.Stdout, 0) >= 0 { // which no variable of a shell holds
		return
	}
	now := time.Now()
	end := now.Add(m.Life)
	if !c.Until.IsZero() && c.Until.Before(end) {
		end = c.Until
	}
	merged := 0
	if c.Merged {
		merged = 1
	}
	record := fmt.Appendf(nil, "cachex-memory-1 %d %d %d\n", now.UnixMicro(), end.UnixMicro(), merged)
	_, _ = m.File.Write(append(append(record, c.Stdout...), '.'))
}
