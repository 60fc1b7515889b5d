package hashing

// Labels are free texts that tell one recipe from another.
var (
	namespaceFact = factKind{
		name: FactNamespace, add: (*capture).addNamespace, parse: func(r *reader, _ *Fact) { r.quoted() },
		change: changedLabel,
		report: nothingToReport,
		memo:   func(_, left *Spec) { left.Namespace = "" },
	}
	nameFact = factKind{
		name: FactName, add: (*capture).addName, parse: func(r *reader, _ *Fact) { r.quoted() },
		change: changedLabel, order: ofProgram,
		report: nothingToReport,
		memo:   func(_, left *Spec) { left.Name = "" },
	}
	scopeFact = factKind{
		name: FactScope, add: (*capture).addScope, parse: func(r *reader, _ *Fact) { r.word() },
		change: changedLabel,
		report: nothingToReport,
		memo:   func(_, left *Spec) { left.Scope = "" },
	}
	userFact = factKind{
		name: "user", add: (*capture).addUser, parse: func(r *reader, _ *Fact) { r.quoted() },
		change: changedLabel,
		report: nothingToReport,
	}
)

// appendLabel adds a fact of one free text; an empty one is no fact.
func appendLabel(text []byte, kind, value string) []byte {
	if value == "" {
		return text
	}
	text = append(append(text, kind...), ' ')
	return append(appendQuoted(text, value), '\n')
}

// appendGuardedLabel is appendLabel for texts that stand on the command line: one that holds a secret appears as a word
// would.
func appendGuardedLabel(text []byte, kind, value string, secret []byte) []byte {
	if value == "" {
		return text
	}
	text = append(append(text, kind...), ' ')
	return append(appendGuarded(text, value, secret), '\n')
}

func (c *capture) addNamespace() error {
	c.text = appendLabel(c.text, "namespace", c.spec.Namespace)
	return nil
}

// addName adds what stands for the command line and its directory, on which a named recipe does not depend. A name is
// no word of a command: it is asked for again, and listed, as it was given.
func (c *capture) addName() error {
	if c.spec.Name != "" && !c.spec.Fragment {
		c.text = appendLabel(c.text, "name", c.spec.Name)
		c.command = commandID(c.spec, nil)
	}
	return nil
}

func (c *capture) addScope() error {
	c.text = appendGuardedLabel(c.text, "scope", c.spec.Scope, c.spec.Secret)
	return nil
}

// addUser: what a command prints may depend on who runs it. It is a fact only where users share results.
func (c *capture) addUser() error {
	c.text = appendLabel(c.text, "user", c.spec.User)
	return nil
}

func changedLabel(_ *differ, s states) string {
	if !s.had || !s.has {
		return s.kind + " " + cameOrWent(s.has, shownWord(s.recent)+" added", shownWord(s.old)+" removed")
	}
	if !isHidden(s.old) && !isHidden(s.recent) {
		return s.kind + " " + s.old + " -> " + s.recent
	}
	return s.kind + " changed"
}
