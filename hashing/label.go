package hashing

// appendLabel adds a fact of one free text; an empty one is no fact.
func appendLabel(text []byte, kind, value string) []byte {
	if value == "" {
		return text
	}
	text = append(append(text, kind...), ' ')
	return append(appendQuoted(text, value), '\n')
}

// appendGuardedLabel is appendLabel for texts that stand on the command line: one that holds a secret appears as a word would.
func appendGuardedLabel(text []byte, kind, value string, secret []byte) []byte {
	if value == "" {
		return text
	}
	text = append(append(text, kind...), ' ')
	return append(appendGuarded(text, value, secret), '\n')
}

func (c *capture) addScope() error {
	c.text = appendGuardedLabel(c.text, "scope", c.spec.Scope, c.spec.Secret)
	return nil
}
