package trace

import "golang.org/x/sys/unix"

// thisMachine may run programs of 32 bits, by other numbers under another architecture: the calls are enough without
// which no program can begin or read a file.
var thisMachine = machine{
	arch:    unix.AUDIT_ARCH_AARCH64,
	foreign: []uint32{5, 8, 11, 322, 387, 437}, // open, creat, execve, openat, execveat, openat2
}

// oldCalls are those that this architecture does without.
func oldCalls() []call { return nil }
