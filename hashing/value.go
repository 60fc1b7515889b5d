package hashing

import (
	"bytes"
	"slices"
)

// A value is what lies under a name and nothing else: its recipe is a namespace and a name. A run with a name and no
// other inputs has the same recipe, so that each finds what the other has stored, on whatever system and under whatever
// version of cachex.

// isValue reports whether a spec is that of a value.
func (s *Spec) isValue() bool {
	return s.Name != "" && !s.Fragment && s.Scope == "" && s.Stdin == nil && s.Item == nil && !s.Pty &&
		s.Depfile == "" &&
		len(s.Env)+len(s.Files)+len(s.Vary)+len(s.Outputs) == 0
}

// ValueName returns the namespace and the name of a value from its recipe; ok is false for other recipes.
func ValueName(recipe []byte) (namespace, name string, ok bool) {
	if !beginsWithName(recipe) {
		return "", "", false
	}
	facts := Facts(recipe)
	if len(facts) > 0 && facts[0].Kind == FactNamespace {
		if namespace, ok = facts[0].Text(); !ok {
			return "", "", false
		}
		facts = facts[1:]
	}
	other := func(f Fact) bool { return f.Kind != userFact.name }
	if len(facts) == 0 || facts[0].Kind != FactName || slices.ContainsFunc(facts[1:], other) {
		return "", "", false
	}
	name, ok = facts[0].Text()
	return namespace, name, ok
}

// beginsWithName tells most other recipes, of which some are long, without taking them apart.
func beginsWithName(recipe []byte) bool {
	facts, _ := bytes.CutPrefix(recipe, []byte(header))
	if bytes.HasPrefix(facts, []byte(FactNamespace+" ")) {
		_, facts, _ = bytes.Cut(facts, []byte("\n"))
	}
	return bytes.HasPrefix(facts, []byte(FactName+" "))
}
