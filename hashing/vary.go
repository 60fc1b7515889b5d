package hashing

var varyFact = factKind{
	name: "vary", add: (*capture).addVary, parse: parseVary, change: changedVary, order: ofGiven, report: reportVary,
}

// reportVary: nothing that was read from a cache is executed, so the enclosing run cannot find out what is printed now.
func reportVary(r *Recipe, _ *Spec, to *Report) {
	r.reportLines("vary", "what its --vary prints: give this one the same --vary", to)
}

// addVary adds what --vary commands printed, in the order of their texts.
func (c *capture) addVary() error {
	for _, v := range c.spec.Vary {
		c.text = append(appendGuarded(append(c.text, "vary "...), v.Text, c.spec.Secret), ' ')
		c.text = append(appendSum(c.text, v.Output), '\n')
	}
	return nil
}

func parseVary(r *reader, f *Fact) {
	r.named(f, r.word)
	r.sum(plainSum)
}

func changedVary(_ *differ, s states) string {
	s.kind = "output of --vary " + shownWord(s.name)
	return s.changed()
}
