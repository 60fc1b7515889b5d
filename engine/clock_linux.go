package engine

import (
	"crypto/sha256"
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

// clockID names the boot clock that this process reads: by the kernel's name for this boot, and by the time namespace,
// of which each has a clock of its own; zero where the boot has no name. It is found out when it is first needed: a hit
// does not need it.
var clockID = sync.OnceValue(func() (id [16]byte) {
	id = bootID()
	if ns, err := os.Readlink("/proc/self/ns/time"); err == nil && ns != firstTimeNamespace && id != [16]byte{} {
		sum := sha256.Sum256([]byte(ns + string(id[:])))
		copy(id[:], sum[:])
	}
	return id
})

// firstTimeNamespace is the one in which the kernel starts (PROC_TIME_INIT_INO).
const firstTimeNamespace = "time:[4026531834]"

// bootID is the kernel's name for this boot. A miss is spared what package os does to wait for files.
func bootID() (id [16]byte) {
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
}
