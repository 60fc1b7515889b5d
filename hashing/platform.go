package hashing

import "runtime"

var platformFact = factKind{
	name: "platform", add: (*capture).addPlatform, parse: parsePlatform,
	change: func(_ *differ, s states) string { return s.kind + " " + s.old + " -> " + s.recent },
	report: nothingToReport, memo: inAddress,
}

// addPlatform: the same words do different things on another system. A name means the same everywhere.
func (c *capture) addPlatform() error {
	if c.spec.isValue() {
		return nil
	}
	c.text = append(c.text, "platform "+runtime.GOOS+"/"+runtime.GOARCH+"\n"...)
	return nil
}

func parsePlatform(r *reader, _ *Fact) {
	const name = "abcdefghijklmnopqrstuvwxyz0123456789"
	r.digits(name, 1, 32)
	r.expect("/")
	r.digits(name, 1, 32)
}
