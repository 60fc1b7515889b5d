package hashing

// addPty: programs write differently to a terminal. Without one there is no fact.
func (c *capture) addPty() error {
	if c.spec.Pty {
		c.text = append(c.text, "pty yes\n"...)
	}
	return nil
}
