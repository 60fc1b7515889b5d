// Package env holds what an environment is: a list of NAME=value, in which the first of one name counts, as it does for
// getenv. It knows no process, and not what a variable means.
package env

import "strings"

// Own is how the names of cachex's own settings begin. A glob never matches them: a policy must not become identity by
// accident.
const Own = "CACHEX_"

// Name is that of a variable, NAME=value.
func Name(variable string) string {
	name, _, _ := strings.Cut(variable, "=")
	return name
}

// Lookup returns the value of the first variable of this name, as getenv does.
func Lookup(environ []string, name string) (string, bool) {
	for _, variable := range environ {
		if n, value, ok := strings.Cut(variable, "="); ok && (n == name || Canonical(n) == name) {
			return value, true
		}
	}
	return "", false
}
