package hashing

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// onVolume completes paths that are neither absolute nor relative: \x lies on the volume of dir, and C:x in dir if that
// is on C:, else in what this process has as the directory of that volume.
func onVolume(path, dir string) (string, bool) {
	volume := filepath.VolumeName(path)
	switch rest := path[len(volume):]; {
	case volume == "" && rest != "" && os.IsPathSeparator(rest[0]):
		return filepath.VolumeName(dir) + path, true
	case volume == "":
		return "", false
	case strings.EqualFold(volume, filepath.VolumeName(dir)):
		return absolute(rest, dir), true
	}
	full, err := windows.FullPath(path)
	return full, err == nil
}

// namesNothing says that there cannot be a file of the name that was looked at, as of any glob.
func namesNothing(err error) bool { return errors.Is(err, windows.ERROR_INVALID_NAME) }
