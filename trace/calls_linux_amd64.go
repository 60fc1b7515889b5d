package trace

import "golang.org/x/sys/unix"

// thisMachine knows i386, by other numbers under another architecture, and x32, by a bit in the number: of each the
// calls are enough without which no program can begin, read a file or change its directory.
var thisMachine = machine{
	arch: unix.AUDIT_ARCH_X86_64,
	// open, creat, execve, chdir, fchdir, openat, execveat, openat2
	foreign: []uint32{5, 8, 11, 12, 133, 295, 358, 437},
	variant: []uint32{
		x32 | unix.SYS_OPEN, x32 | unix.SYS_CREAT, x32 | unix.SYS_OPENAT, x32 | unix.SYS_OPENAT2,
		x32 | 520, x32 | 545, // execve, execveat
		x32 | unix.SYS_CHDIR, x32 | unix.SYS_FCHDIR,
	},
}

const x32 = 1 << 30

// oldCalls are those that newer architectures do without.
func oldCalls() []call {
	return []call{
		{unix.SYS_OPEN, opens(cwd, 0, 1), nil},
		{unix.SYS_CREAT, creates(0), nil},
		{unix.SYS_GETDENTS, notesOpen(Listed), nil},
		{unix.SYS_STAT, looks{path: 0, times: true}.note, nil},
		{unix.SYS_LSTAT, looks{path: 0, times: true, itself: true}.note, nil},
		{unix.SYS_ACCESS, looks{path: 0}.note, nil},
		{unix.SYS_READLINK, readsLink(cwd, 0), nil},
		{unix.SYS_RENAME, moving(renames(cwd, 0, cwd, 1)), nil},
		{unix.SYS_UNLINK, removes(cwd, 0), nil},
		{unix.SYS_RMDIR, moving(removes(cwd, 0)), nil},
		{unix.SYS_MKDIR, makes(cwd, 0, makesDirectory), nil},
		{unix.SYS_MKNOD, makes(cwd, 0, replacesName), nil},
		{unix.SYS_SYMLINK, makesLink(cwd, 1), nil},
		{unix.SYS_LINK, links(cwd, 0, cwd, 1), nil},
		{unix.SYS_CHMOD, changes(cwd, 0), nil},
		{unix.SYS_CHOWN, changes(cwd, 0), nil},
		{unix.SYS_LCHOWN, changes(cwd, 0), nil},
		{unix.SYS_UTIME, changes(cwd, 0), nil},
		{unix.SYS_UTIMES, changes(cwd, 0), nil},
		{unix.SYS_FUTIMESAT, changes(0, 1), nil},
		{unix.SYS_USTAT, doubts("it asks how much room a file system has"), nil},
		{unix.SYS_SYSFS, doubts("it asks for the kernel's file systems"), nil},
		{unix.SYS_USELIB, doubts("it loads a library in an old way"), nil},
	}
}
