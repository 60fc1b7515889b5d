//go:build !linux && !darwin && !freebsd

package hashing

import "os"

// lookAtMount takes every filesystem for one that tells each change.
func lookAtMount(string, bool, look) (mount, bool) { return mount{fs: tracked}, true }

func (mount) writeBack(*os.File) bool { return true }

func mayWrite(string) bool { return true }
