package trace

import "golang.org/x/sys/unix"

// thisMachine may run programs of 32 bits, by other numbers under another architecture: the calls are enough without
// which no program can begin, read a file or change its directory.
var thisMachine = machine{
	arch: unix.AUDIT_ARCH_AARCH64,
	// open, creat, execve, chdir, fchdir, openat, execveat, openat2
	foreign: []uint32{5, 8, 11, 12, 133, 322, 387, 437},
}

// oldCalls are those that this architecture does without.
func oldCalls() []call { return nil }
