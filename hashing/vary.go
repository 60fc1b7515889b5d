package hashing

// addVary adds what --vary commands printed, in the order of their texts.
func (c *capture) addVary() error {
	for _, v := range c.spec.Vary {
		c.text = append(appendGuarded(append(c.text, "vary "...), v.Text, c.spec.Secret), ' ')
		c.text = append(appendSum(c.text, v.Output), '\n')
	}
	return nil
}
