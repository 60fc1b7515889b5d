//go:build unix

package batch

import (
	"runtime"
	"syscall"
)

// argumentsLimit is the room for arguments and environment of a process, in bytes. On Linux it is a quarter of the
// stack, between 128 KiB and 6 MiB (execve(2)); elsewhere at least this much (ARG_MAX of macOS is 1 MiB, that of
// FreeBSD 512 KiB).
func argumentsLimit() int {
	const least, most, others = 128 << 10, 6 << 20, 256 << 10
	if runtime.GOOS != "linux" {
		return others - spare
	}
	var stack syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_STACK, &stack) != nil {
		return least - spare
	}
	return int(min(max(uint64(stack.Cur)/4, least), most)) - spare
}

// wordsLimit is how many words can wait for one call: each takes two descriptors, for its lock and its record.
func wordsLimit(tiers bool) int {
	if tiers {
		return wordsOfTiers
	}
	const others = 512 // of this process
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil || files.Cur < 2*others {
		return 16
	}
	return int(min(uint64(files.Cur)-others, 1<<20)) / 2
}
