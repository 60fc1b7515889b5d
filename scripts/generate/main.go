// Generate writes what is derived from the help texts: shell completions and man pages, below completions/.
//
//	go run ./scripts/generate          rewrite them
//	go run ./scripts/generate -check   exit 1 if they are stale
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cmd"
	"github.com/cachex-cli/cachex/cmd/call"
)

func main() {
	check := flag.Bool("check", false, "compare instead of writing")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run writes the generated files below dir, or compares them.
func run(dir string, check bool) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for name, want := range files {
		path := filepath.Join(dir, "completions", name)
		if check {
			got, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if !bytes.Equal(got, want) {
				return fmt.Errorf("%s is stale: go run ./scripts/generate", path)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the content of every generated file by its name below completions/.
func generate() (map[string][]byte, error) {
	root := cmd.NewRoot(&cmd.App{
		Process: call.Process{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}, Getwd: os.Getwd,
	})
	files := map[string][]byte{}
	for name, shell := range map[string]string{
		"cachex.bash": "bash", "_cachex": "zsh", "cachex.fish": "fish", "cachex.ps1": "powershell",
	} {
		script, err := cmd.CompletionScript(root, shell)
		if err != nil {
			return nil, err
		}
		files[name] = []byte(script)
	}
	manPages(root, files)
	return files, nil
}

// manPages adds a page for the root and each command.
func manPages(c *cobra.Command, files map[string][]byte) {
	if c.Hidden {
		return
	}
	page := cmd.PageOf(c)
	files["man/"+page.Name+".1"] = roff(page)
	for _, sub := range c.Commands() {
		manPages(sub, files)
	}
}
