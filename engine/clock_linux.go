package engine

import (
	"encoding/hex"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// bootNow reads CLOCK_BOOTTIME, which also counts while the machine sleeps.
func bootNow() moment {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return moment(ts.Nano())
}

// bootID is the kernel's name for this boot; zero where it cannot be read. It is read when it is first needed: a hit
// does not need it, and a miss is spared what package os does to wait for files.
var bootID = sync.OnceValue(func() (id [16]byte) {
	f, err := unix.Open("/proc/sys/kernel/random/boot_id", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return id
	}
	defer unix.Close(f)
	var b [37]byte // with its line feed
	n, err := unix.Read(f, b[:])
	if err != nil {
		return id
	}
	if raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(b[:n])), "-", "")); err == nil {
		copy(id[:], raw)
	}
	return id
})
