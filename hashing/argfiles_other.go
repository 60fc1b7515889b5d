//go:build !linux && !windows

package hashing

// isMade: such filesystems are rare here, and their files say that they are empty.
func isMade(string) bool { return false }
