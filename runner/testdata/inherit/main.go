// Inherit runs the command in its arguments. Unlike a test binary it has a symbol table.
package main

import (
	"fmt"
	"os"

	"github.com/cachex-cli/cachex/runner"
)

func main() {
	argv := os.Args[1:]
	r, err := runner.Run(runner.Command{
		Path: argv[0], Argv: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(126)
	}
	os.Exit(r.Code)
}
