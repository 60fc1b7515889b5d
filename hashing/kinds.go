package hashing

// A factKind is one kind of fact, which is a line of a recipe, with all that anybody has to know of it. It stands in a
// file of its own, and once in the list below. Who treats facts asks that list; what a kind does not say is not
// forgotten but forbidden.
type factKind struct {
	name string // the first word of its lines

	// add looks at the inputs and adds a line for each fact, or none. Without it another kind adds the lines of both.
	add func(*capture) error

	// parse takes the rest of a line apart, in exactly the form that add gives it, and may give a part of it the fact
	// as its name.
	parse func(*reader, *Fact)

	// change says for people what is different, and nothing if another fact says it better. Without it that is "stdin
	// changed", "stdin added" or "stdin removed". order is its place among all changes.
	change func(*differ, states) string
	order  changeOrder

	// report adds what a run that encloses this one has to know of the facts. Without it, and with such a fact, that is
	// not stored.
	report func(*Recipe, *Spec, *Report)

	// memo takes away from a spec what a memo of a hit carries of it, in left. Without it no hit that has such a fact
	// leaves a memo.
	memo func(spec, left *Spec)
}

// kinds are all of them, in the order of their lines.
var kinds = [...]*factKind{
	&platformFact,
	&maskingFact,
	&namespaceFact,
	&nameFact,
	&fragmentFact,
	&wordFact,
	&itemFact,
	&directoryFact,
	&scopeFact,
	&userFact,
	&traceFact,
	&descriptorFact,
	&executableFact,
	&interpreterFact,
	&programFact,
	&ptyFact,
	&outputFact,
	&umaskFact,
	&depfileFact,
	&stdinFact,
	&varyFact,
	&strictEnvFact,
	&envToolsFact,
	&envMatchFact,
	&envFact,
	&fileMatchFact,
	&fileFact,
	&argFact, // the last one of a capture: Recipe.rest relies on it
	&learnedFact,
	&seenToolsFact,
	&seenEnvFact,
	&seenFact,
}

// factKindOf returns the kind of a name; nil: this version does not know it.
func factKindOf(name string) *factKind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}
