package hashing

// addUser: what a command prints may depend on who runs it. It is a fact only where users share results.
func (c *capture) addUser() error {
	c.text = appendLabel(c.text, "user", c.spec.User)
	return nil
}
