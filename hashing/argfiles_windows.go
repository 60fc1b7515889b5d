package hashing

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// lookable refuses names of devices and of other machines: to look at one may wait for it, or tell it who asks.
func lookable(name string) bool {
	slashed := filepath.ToSlash(name)
	if strings.HasPrefix(slashed, "//") {
		return false
	}
	for element := range strings.SplitSeq(slashed[len(filepath.VolumeName(name)):], "/") {
		if element != "" && element != ".." && !filepath.IsLocal(element) {
			return false
		}
	}
	return true
}

// namesNoFile: no file can be reached by this name.
func namesNoFile(err error) bool {
	return isAbsent(err) || errors.Is(err, windows.ERROR_BAD_PATHNAME) ||
		errors.Is(err, windows.ERROR_BAD_NETPATH) || errors.Is(err, windows.ERROR_FILENAME_EXCED_RANGE)
}

// isMade: there are no such filesystems here.
func isMade(string) bool { return false }
