package engine

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
)

// Copy is a result that the caller may give again without asking, until its life ends.
type Copy struct {
	Stdout []byte    // all that the command wrote; to stderr it wrote nothing
	Merged bool      // it is for callers whose two streams are one: nobody knows which of them the command wrote to
	Until  time.Time // the end of its life for this reader; zero: without end
}

// copyOf returns a copy of the result that was delivered, as it is stored; nil: it was not asked for, or there is none
// that may be given again: it failed, was not stored, is stale, has files, wrote to stderr or too much. What an
// enclosing run must hear of each time is not given again either.
func (l *lookup) copyOf(out Outcome) *Copy {
	stored := out.Served == stats.Hit || out.Served == stats.Shared || out.Served == stats.Missed && out.Stored
	ok := stored && out.Code == 0 && out.Signal == 0 && l.remarks.warning == nil && !l.caller.recorded
	if l.caller.CopyUpTo <= 0 || !ok {
		return nil
	}
	e, err := l.dir.Lookup(l.inputs.recipe.Key, l.inputs.recipe.Text, cachedir.Good)
	if err != nil {
		return nil
	}
	defer e.Close()
	reader := l.reader()
	if !fresh(reader, e).ok() || exitNumber(e) != 0 || e.StderrSize > 0 || e.StdoutSize > l.caller.CopyUpTo || e.Pty ||
		e.Outputs != nil {
		return nil
	}
	body := bytes.NewBuffer(make([]byte, 0, e.StdoutSize))
	if err := e.Replay(body, refusing{}); err != nil {
		return nil
	}
	c := &Copy{Stdout: body.Bytes(), Merged: e.Merged}
	c.Until, _ = reader.end(e)
	return c
}

// refusing takes nothing.
type refusing struct{ io.Writer }

func (refusing) Write([]byte) (int, error) { return 0, errors.New("no output is expected here") }
