package hashing

var stdinFact = factKind{
	name: "stdin", add: (*capture).addStdin, parse: func(r *reader, _ *Fact) { r.sum(plainSum) }, order: ofGiven,
	report: func(_ *Recipe, spec *Spec, to *Report) { to.Stdin = spec.Stdin != nil },
}

// addStdin adds the digest of stdin if it is an input; otherwise there is no fact.
func (c *capture) addStdin() error {
	if c.spec.Stdin != nil {
		c.text = append(appendSum(append(c.text, "stdin "...), *c.spec.Stdin), '\n')
	}
	return nil
}
