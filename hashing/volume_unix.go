//go:build !windows

package hashing

// onVolume finds nothing: a path is absolute or relative here.
func onVolume(string, string) (string, bool) { return "", false }

// namesNothing finds nothing: any name could be one of a file here.
func namesNothing(error) bool { return false }
