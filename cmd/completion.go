package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newCompletionCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "print the completion script for bash, zsh, fish or powershell",
		Long: `Completion prints the script that teaches a shell to complete cachex.

  bash:        source <(cachex completion bash)
  zsh:         cachex completion zsh >"${fpath[1]}/_cachex"
  fish:        cachex completion fish >~/.config/fish/completions/cachex.fish
  powershell:  cachex completion powershell | Out-String | Invoke-Expression` + exitCodes("0    printed", "125  no such shell"),
		Args:      oneArgument("SHELL", "write cachex completion bash, zsh, fish or powershell"),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(app.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(app.Stdout)
			case "fish":
				return root.GenFishCompletion(app.Stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(app.Stdout)
			}
			return &usageError{Err: fmt.Errorf("no completion for shell %q", args[0]), Hint: "write bash, zsh, fish or powershell"}
		},
	}
}

// choices lists the words of a flag that takes one of a few: where its value is named `a|b|c` in the usage, those.
func choices(f *pflag.Flag) []string {
	switch f.Name {
	case "cwd":
		return cwdWords()
	case "exe":
		return exeWords()
	case "replay":
		return replayWords()
	}
	if name, _ := pflag.UnquoteUsage(f); strings.Contains(name, "|") && name == strings.ToLower(name) {
		return strings.Split(name, "|")
	}
	return nil
}

// completeChoices lets shells offer them.
func completeChoices(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if words := choices(f); words != nil {
			// It fails only for flags that are not there, or are registered twice.
			_ = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
		}
	})
}

// oneArgument checks that a command got its one argument.
func oneArgument(name, hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 1:
			return nil
		case 0:
			return &usageError{Err: fmt.Errorf("no %s given", name), Hint: hint}
		}
		return &usageError{Err: fmt.Errorf("one %s expected, not %d", name, len(args)), Hint: hint}
	}
}
