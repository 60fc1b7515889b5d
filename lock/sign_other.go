//go:build !linux

package lock

import "os"

// showLife gives no sign: no lock here can be asked about and outlives the closing of another descriptor of its file.
func showLife(*os.File, string) int64 { return 0 }

// showsLife believes every waiter.
func showsLife(*os.File, int64) bool { return true }
