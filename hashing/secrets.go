package hashing

import (
	"bytes"
	"strings"

	"github.com/cachex-cli/cachex/hashing/env"
	"github.com/cachex-cli/cachex/masking"
)

// SecretVariable is a variable whose name says that its value is a secret.
type SecretVariable struct{ Name, Value string }

// leastSecret is how many bytes such a value has at least: shorter ones are found in any text by chance.
const leastSecret = 8

// SecretVariables lists those in a recipe of a spec.
func SecretVariables(r Recipe, spec *Spec) (all []SecretVariable) {
	for line := range bytes.Lines(r.Text) {
		fact, ok := bytes.CutPrefix(line, []byte(envFact.name+" "))
		if !ok {
			continue
		}
		name := (&reader{rest: string(fact)}).quoted()
		value, _ := env.Lookup(spec.Environ, name)
		if value = strings.TrimSpace(value); len(value) >= leastSecret && masking.Variable(name, value) {
			all = append(all, SecretVariable{name, value})
		}
	}
	return all
}
