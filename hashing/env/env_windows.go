package env

import "strings"

// Canonical returns the one spelling of a variable's name: case does not count here.
func Canonical(name string) string { return strings.ToUpper(name) }
