//go:build !windows

package hashing

// systemBase: nothing more is needed here.
var systemBase []string
