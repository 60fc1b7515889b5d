package hashing

import "strconv"

// addPty: programs write differently to a terminal, and for its size. Without one there is no fact.
func (c *capture) addPty() error {
	if c.spec.Pty {
		c.text = strconv.AppendUint(append(c.text, "pty "...), uint64(c.spec.Terminal.Rows), 10)
		c.text = strconv.AppendUint(append(c.text, 'x'), uint64(c.spec.Terminal.Cols), 10)
		c.text = append(c.text, '\n')
	}
	return nil
}
