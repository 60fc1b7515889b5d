package hashing

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Filesystems by the number that statfs gives their type; see magic.h of the kernel, and statfs(2).
var (
	// Tried: stores through mappings, by any user, move the change time after sync_file_range.
	trackedTypes = []int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC}
	// Nothing ever writes to them. The last is romfs.
	imageTypes = []int64{
		unix.SQUASHFS_MAGIC, unix.EROFS_SUPER_MAGIC_V1, unix.ISOFS_SUPER_MAGIC, unix.CRAMFS_MAGIC, 0x7275,
	}
	// Attributes are kept for a while, or made up, or there is no time of change. FUSE has virtiofs under its number.
	unsureTypes = []int64{
		unix.FUSE_SUPER_MAGIC, unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC,
		unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC,
		0x786f4256,                                             // vboxsf
		unix.MSDOS_SUPER_MAGIC, unix.EXFAT_SUPER_MAGIC, 0x4244, // hfs
		unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEBUGFS_MAGIC,
		unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC,
	}
)

// lookAtMount finds out what the mount of a file is; false if that cannot be told.
func lookAtMount(path string, follow bool, at look) (mount, bool) {
	flags := unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW
	if follow {
		flags &^= unix.O_NOFOLLOW
	}
	fd, err := unix.Open(path, flags, 0)
	if err != nil {
		return mount{}, false
	}
	defer unix.Close(fd)
	now, err := lookFrom(fd, "", unix.AT_EMPTY_PATH)
	if err != nil || now.mount != at.mount || now.id.Dev != at.id.Dev {
		return mount{}, false
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return mount{}, false
	}
	return mount{
		fs:   filesystemOf(int64(uint32(st.Type)), st.Flags&unix.ST_RDONLY != 0 || isLoop(at.id.Dev)),
		name: mountName(at.mount),
	}, true
}

// isLoop reports whether a device is a file that was mounted: who builds one may give all that is in it the same times,
// and the next one gets the same number.
func isLoop(device uint64) bool { return unix.Major(device) == 7 }

func filesystemOf(kind int64, isImage bool) filesystem {
	switch {
	case slices.Contains(unsureTypes, kind):
		return unsure
	case kind == unix.OVERLAYFS_SUPER_MAGIC:
		return layered
	case slices.Contains(imageTypes, kind), slices.Contains(trackedTypes, kind) && isImage:
		return image
	case slices.Contains(trackedTypes, kind):
		return tracked
	}
	return untracked // tmpfs and ramfs are; others were not tried
}

// mountName names a mount among those of all boots; 0: that cannot be.
func mountName(number uint64) uint64 {
	boot := bootID()
	if boot == "" || number == 0 {
		return 0
	}
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte(boot), number))
	return binary.LittleEndian.Uint64(sum[:])
}

// bootID is what the kernel calls this boot, with a line feed. A miss is spared what package os does to wait for files.
var bootID = sync.OnceValue(func() string {
	fd, err := unix.Open("/proc/sys/kernel/random/boot_id", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var b [64]byte
	n, err := unix.Read(fd, b[:])
	if err != nil {
		return ""
	}
	return string(b[:n])
})

// mayWrite reports whether this user may write to a file, or give that right to himself.
func mayWrite(path string) bool {
	user := unix.Geteuid()
	var st unix.Stat_t
	if user == 0 || unix.Stat(path, &st) != nil || int(st.Uid) == user {
		return true
	}
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS) == nil
}

// writeBack has what was stored in a file through mappings written back, so that the next such store moves its change
// time; false if that cannot be had. It waits for the disk if there is something to be written, and costs next to
// nothing if there is not.
func (m mount) writeBack(f *os.File) bool {
	defer runtime.KeepAlive(f)
	switch m.fs {
	case tracked, image:
		const wait = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
		return unix.SyncFileRange(int(f.Fd()), 0, 0, wait) == nil
	case layered:
		return writeBackBelow(int(f.Fd())) || !mayWrite(f.Name())
	case untracked:
		return true // this user may not write to it
	}
	return false
}

// writeBackBelow writes back a file of the filesystem below an overlay. sync_file_range does nothing there, and
// fdatasync nothing on volatile overlays, 2 ms for the disk's cache elsewhere, and on tmpfs nothing that would help. To
// ask where the extents of the file lie does it, and only those filesystems answer that know of a disk: not tmpfs,
// which may be the upper layer without any name that can be reached from here.
func writeBackBelow(fd int) bool {
	const request, sync = 0xc020660b, 1 // FS_IOC_FIEMAP, FIEMAP_FLAG_SYNC
	ask := struct {
		start, length                   uint64
		flags, mapped, count, reserved_ uint32
	}{length: 1<<64 - 1, flags: sync}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&ask)))
	return errno == 0
}
