//go:build !linux

package hashing

import "time"

// FileTime is now by the clock of files, in nanoseconds since 1970.
func FileTime() int64 { return time.Now().UnixNano() }
