package engine

import (
	"io"

	"github.com/cachex-cli/cachex/ansi"
	"github.com/cachex-cli/cachex/runner"
)

// What a command writes to a pseudo-terminal is more than text: colours, and questions that the terminal answers, such
// as where its cursor is. Of a result that was not made now nobody waits for an answer, so it would come to the user's
// shell as if typed: questions are never replayed. Escape sequences and ends of lines are of use at a terminal alone;
// StripANSI leaves them out elsewhere. The entry has what the command wrote. What came through pipes passes as it is.

// StripANSI says where escape sequences are left out of what a pseudo-terminal got.
type StripANSI uint8

// The choices.
const (
	StripNever StripANSI = iota
	StripAlways
	StripAuto // where stdout is no terminal
)

// screen is what stands between a pseudo-terminal and the caller's stdout; nil: nothing does.
type screen struct {
	filter *ansi.Filter
	strips bool
}

func newScreen(c *caller) *screen {
	switch {
	case !c.Spec.Pty:
		return nil
	case c.StripANSI == StripAlways, c.StripANSI == StripAuto && !runner.IsTerminal(c.io.stdout):
		return &screen{ansi.Text(), true}
	}
	return &screen{ansi.Questions(), false}
}

// live is what stands before the output of a command that runs now: who waits for answers gets them, unless the output
// goes on with what was printed of another run.
func (s *screen) live(goesOn bool) runner.Filter {
	if s == nil || !s.strips && !goesOn {
		return nil
	}
	return s.filter
}

// forget begins anew, for other output.
func (s *screen) forget() {
	if s != nil {
		s.filter.End(nil)
	}
}

// before is w behind the screen, and what writes the rest when all is written.
func (s *screen) before(w io.Writer) (_ io.Writer, end func() error) {
	if s == nil {
		return w, func() error { return nil }
	}
	return &screened{s.filter, w, nil}, func() error {
		_, err := w.Write(s.filter.End(nil))
		return err
	}
}

// screened writes what a screen leaves.
type screened struct {
	filter *ansi.Filter
	to     io.Writer
	buf    []byte
}

func (w *screened) Write(b []byte) (int, error) {
	w.buf = w.filter.Append(w.buf[:0], b)
	if _, err := w.to.Write(w.buf); err != nil {
		return 0, err
	}
	return len(b), nil
}
