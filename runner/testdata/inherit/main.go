// Inherit runs the command in its arguments, or, after the word -detached, starts it as a process of its own and copies
// what that one writes to descriptor 3. Unlike a test binary it is built in several ways.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/cachex-cli/cachex/runner"
)

func main() {
	argv := os.Args[1:]
	if argv[0] == "-detached" {
		end(0, detached(argv[1:]))
	}
	r, err := runner.Run(runner.Command{
		Path: argv[0], Argv: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	end(r.Code, err)
}

func detached(argv []string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	if err := runner.Detach(runner.Detached{Path: argv[0], Argv: argv, Keep: w}); err != nil {
		return err
	}
	w.Close()
	_, err = io.Copy(os.Stdout, r)
	return err
}

func end(code int, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(126)
	}
	os.Exit(code)
}
