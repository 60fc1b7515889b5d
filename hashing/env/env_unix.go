//go:build !windows

package env

// Canonical returns the one spelling of a variable's name: here each spelling is its own variable.
func Canonical(name string) string { return name }
