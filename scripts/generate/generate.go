// Package generate makes what is derived from the help texts: shell completions and man pages, below completions/. It
// is no program, so that go install ./... installs cachex alone; its test writes them:
//
//	go test ./scripts/generate -update   rewrites them
//	go test ./scripts/generate           fails if they are stale
package generate

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cmd"
	"github.com/cachex-cli/cachex/cmd/call"
)

// Files returns the content of every generated file by its name below completions/.
func Files() (map[string][]byte, error) {
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
