// Cachex caches the results of shell commands.
package main

import (
	"os"

	"github.com/cachex-cli/cachex/cmd"
)

func main() {
	growStack()
	os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// growStack makes room for the deepest calls of a run while the stack holds next to nothing. Else it grows on the way, step by
// step, and each step copies what lies on it, frame by frame.
//
//go:noinline
func growStack() byte {
	var room [24 << 10]byte
	return room[len(os.Args)%len(room)]
}
