package hashing

import "github.com/cachex-cli/cachex/masking"

var maskingFact = factKind{
	name: "masking", add: (*capture).addMasking, parse: func(r *reader, _ *Fact) { r.number() },
	change: func(*differ, states) string { return "another table of secrets" },
	report: nothingToReport, memo: inAddress,
}

// addMasking adds the version of the table of secrets: under another one, the same words may be written in another way.
// A name is never masked.
func (c *capture) addMasking() error {
	if c.spec.isValue() {
		return nil
	}
	c.text = append(c.text, "masking "+masking.Version+"\n"...)
	return nil
}
