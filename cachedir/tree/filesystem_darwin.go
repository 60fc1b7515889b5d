package tree

import (
	"slices"

	"golang.org/x/sys/unix"
)

// Filesystem names the type of the tree's filesystem, and says whether other machines may write to it.
func (t *dir) Filesystem() (name string, network bool) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(t.fd, &st); err != nil {
		return "", false
	}
	name = unix.ByteSliceToString(st.Fstypename[:])
	return name, slices.Contains([]string{"nfs", "smbfs", "afpfs", "webdav", "macfuse"}, name)
}
