//go:build !linux

package hashing

import "os"

// hostNames is the name of the host: nothing is observed here that may ask for more.
func hostNames() (string, error) { return os.Hostname() }
