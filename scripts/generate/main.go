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
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

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
	root := cmd.NewRoot(&cmd.App{Process: call.Process{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}, Getwd: os.Getwd})
	files := map[string][]byte{}
	for name, shell := range map[string]string{"cachex.bash": "bash", "_cachex": "zsh", "cachex.fish": "fish", "cachex.ps1": "powershell"} {
		script, err := cmd.CompletionScript(root, shell)
		if err != nil {
			return nil, err
		}
		files[name] = []byte(script)
	}
	return files, manPages(root, files)
}

// manPages adds a page for the root and each command.
func manPages(c *cobra.Command, files map[string][]byte) error {
	if c.Hidden {
		return nil
	}
	var buf bytes.Buffer
	date := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) // fixed: a page changes when its text does
	c.DisableAutoGenTag = true
	if err := doc.GenMan(c, &doc.GenManHeader{Section: "1", Source: "cachex", Manual: "cachex manual", Date: &date}, &buf); err != nil {
		return err
	}
	name := bytes.ReplaceAll([]byte(c.CommandPath()), []byte(" "), []byte("-"))
	files["man/"+string(name)+".1"] = buf.Bytes()
	for _, sub := range c.Commands() {
		if err := manPages(sub, files); err != nil {
			return err
		}
	}
	return nil
}
