//go:build !windows

package hashing

import (
	"errors"
	"strings"
	"syscall"
)

// lookable: to look at a file never waits. Texts that are too long for a name are no names: looking them up fails.
func lookable(name string) bool {
	const longest = 255 // bytes that a name in a directory may have
	for element := range strings.SplitSeq(name, "/") {
		if len(element) > longest {
			return false
		}
	}
	return true
}

// namesNoFile: no file can be reached by this name.
func namesNoFile(err error) bool {
	return isAbsent(err) || errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.EINVAL)
}
