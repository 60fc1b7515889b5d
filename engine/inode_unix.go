//go:build unix

package engine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// sharedInode tells a regular file that has several names from all others; empty: it has one, or is none.
func sharedInode(path string) string {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink < 2 {
		return ""
	}
	return fmt.Sprint(st.Dev, ":", st.Ino)
}
