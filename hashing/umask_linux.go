package hashing

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// umask returns the permission bits that new files of this process do not get. It is read and not set: other goroutines
// may be making files. Kernels before 4.7 do not say it.
func umask() int {
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		for line := range bytes.Lines(status) {
			if octal, ok := bytes.CutPrefix(line, []byte("Umask:")); ok {
				if mask, err := strconv.ParseUint(string(bytes.TrimSpace(octal)), 8, 16); err == nil {
					return int(mask)
				}
			}
		}
	}
	return askUmask()
}

func askUmask() int {
	mask := syscall.Umask(0o077)
	syscall.Umask(mask)
	return mask
}
