package hashing

import "strconv"

var ptyFact = factKind{
	name: "pty", add: (*capture).addPty, parse: parsePty, change: changedPty, order: ofPlace,
	report: func(_ *Recipe, spec *Spec, to *Report) { to.Terminal = spec.Pty },
}

// addPty: programs write differently to a terminal, and for its size. Without one there is no fact.
func (c *capture) addPty() error {
	if c.spec.Pty {
		c.text = strconv.AppendUint(append(c.text, "pty "...), uint64(c.spec.Terminal.Rows), 10)
		c.text = strconv.AppendUint(append(c.text, 'x'), uint64(c.spec.Terminal.Cols), 10)
		c.text = append(c.text, '\n')
	}
	return nil
}

func parsePty(r *reader, _ *Fact) {
	if r.try("yes") { // as it was before the size belonged to it
		return
	}
	r.number()
	r.expect("x")
	r.number()
}

func changedPty(_ *differ, s states) string {
	if s.had && s.has {
		return "size of the terminal " + s.old + " -> " + s.recent
	}
	return s.changed()
}
