package tree

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Filesystem names the type of the tree's filesystem, and says whether other machines may write to it.
func (t *dir) Filesystem() (name string, network bool) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(t.fd, &st); err != nil {
		return "", false
	}
	known := []struct {
		magic   int64
		name    string
		network bool
	}{
		{unix.EXT4_SUPER_MAGIC, "ext4", false},
		{unix.XFS_SUPER_MAGIC, "xfs", false},
		{unix.BTRFS_SUPER_MAGIC, "btrfs", false},
		{unix.TMPFS_MAGIC, "tmpfs", false},
		{unix.OVERLAYFS_SUPER_MAGIC, "overlayfs", false},
		{0x2fc12fc1, "zfs", false},
		{unix.F2FS_SUPER_MAGIC, "f2fs", false},
		{unix.MSDOS_SUPER_MAGIC, "vfat", false},
		{unix.NFS_SUPER_MAGIC, "nfs", true},
		{unix.SMB_SUPER_MAGIC, "smb", true},
		{unix.SMB2_SUPER_MAGIC, "smb2", true},
		{unix.CIFS_SUPER_MAGIC, "cifs", true},
		{unix.V9FS_MAGIC, "9p", true},
		{unix.FUSE_SUPER_MAGIC, "fuse", true},
		{unix.CEPH_SUPER_MAGIC, "ceph", true},
		{unix.AFS_SUPER_MAGIC, "afs", true},
	}
	for _, k := range known {
		if int64(uint32(st.Type)) == k.magic {
			return k.name, k.network
		}
	}
	return fmt.Sprintf("%#x", uint32(st.Type)), false
}
