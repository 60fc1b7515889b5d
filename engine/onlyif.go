package engine

import (
	"fmt"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
)

// A page answers GET from the cache and does POST: what a command may be cached under can depend on a variable that is
// not in its key. A condition is NAME=VALUE; it does not hold if the variable is unset. Whatever rests on a condition
// rests on its variable: a memo holds it, and an enclosing run depends on it.

// unmet is why nothing of this run is cached: a condition that does not hold; nil: all hold.
func (q *Request) unmet() error {
	for _, condition := range q.OnlyIf {
		name, want, _ := strings.Cut(condition, "=")
		if value, set := variable(q.environ, name); !set || value != want {
			return fmt.Errorf("--only-if %s does not hold", hashing.Redact(condition))
		}
	}
	return nil
}

// Conditional lists the variables that the conditions for caching name.
func (q *Request) Conditional() (names []string) {
	for _, condition := range q.OnlyIf {
		name, _, _ := strings.Cut(condition, "=")
		names = append(names, name)
	}
	return names
}

// variable is the first of a name, which is the one that programs see.
func variable(environ []string, name string) (value string, set bool) {
	for _, kv := range environ {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value, true
		}
	}
	return "", false
}
