package engine

import (
	"encoding/hex"
	"os"
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
// does not need it.
var bootID = sync.OnceValue(func() (id [16]byte) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return id
	}
	if raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(b)), "-", "")); err == nil {
		copy(id[:], raw)
	}
	return id
})
