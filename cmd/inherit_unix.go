//go:build unix

package cmd

import "syscall"

// keepFromCommand makes a descriptor that was passed to cachex one that the command does not inherit.
func keepFromCommand(fd int) { syscall.CloseOnExec(fd) }
