//go:build unix

package engine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// inodeOf tells a regular file from all others, whatever its name, and how many names it has; empty: it is none.
func inodeOf(path string) (inode string, names uint64) {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", 0
	}
	return fmt.Sprint(st.Dev, ":", st.Ino), uint64(st.Nlink)
}
