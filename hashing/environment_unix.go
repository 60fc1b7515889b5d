//go:build !windows

package hashing

// envName returns the one spelling of a variable's name: here each spelling is its own variable.
func envName(name string) string { return name }

// systemBase: nothing more is needed here.
var systemBase []string
