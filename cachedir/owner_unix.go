//go:build unix

package cachedir

import "golang.org/x/sys/unix"

// ownerOf returns the user id that a directory belongs to; false if it cannot be told.
func ownerOf(path string) (uid int, ok bool) {
	var st unix.Stat_t
	err := ignoringEINTR(func() error { return unix.Lstat(path, &st) })
	return int(st.Uid), err == nil
}
