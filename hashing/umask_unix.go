//go:build unix && !linux

package hashing

import "syscall"

// umask returns the permission bits that new files of this process do not get. A file that another goroutine makes at
// this instant gets fewer.
func umask() int {
	mask := syscall.Umask(0o077)
	syscall.Umask(mask)
	return mask
}
