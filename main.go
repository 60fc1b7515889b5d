// Cachex caches the results of shell commands.
package main

import (
	"os"

	"github.com/cachex-cli/cachex/cmd"
)

func main() {
	os.Exit(cmd.Main(os.Args[0], os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
