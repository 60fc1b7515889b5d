package cmd

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
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
  powershell:  cachex completion powershell | Out-String | Invoke-Expression` + exitCodes(
			"0    printed", "125  no such shell"),
		Example:   "  source <(cachex completion bash)",
		Args:      oneArgument("SHELL", "write cachex completion bash, zsh, fish or powershell"),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(c *cobra.Command, args []string) error {
			script, err := CompletionScript(c.Root(), args[0])
			if err != nil {
				return err
			}
			_, err = app.Stdout.WriteString(script)
			return err
		},
	}
}

// What the scripts of cobra lack: behind the flags of cachex stands another command, which has completions of its own.
var (
	//go:embed shells/words.sh
	wrappedWords string
	//go:embed shells/cachex.bash
	wrappedBash string
	//go:embed shells/cachex.zsh
	wrappedZsh string
	//go:embed shells/cachex.fish
	wrappedFish string
)

// CompletionScript returns what teaches a shell to complete the commands of root.
func CompletionScript(root *cobra.Command, shell string) (string, error) {
	var b bytes.Buffer
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(&b, true)
		b.WriteString(withFlags(root, "|", wrappedWords+wrappedBash))
	case "zsh":
		err = root.GenZshCompletion(&b)
		own := strings.Replace(b.String(), "\n_cachex()\n", "\n__cachex_own()\n", 1)
		before, last, found := strings.Cut(own, "\n# don't run")
		if !found {
			return "", errors.New("the script of cobra for zsh has another end than this expects")
		}
		return before + withFlags(root, "|", wrappedWords+wrappedZsh) + "# don't run" + last, err
	case "fish":
		err = root.GenFishCompletion(&b, true)
		b.WriteString(withFlags(root, " ", wrappedFish))
	case "powershell":
		err = root.GenPowerShellCompletionWithDesc(&b)
	default:
		return "", &usageError{
			Err:  fmt.Errorf("no completion for shell %q", shell),
			Hint: "write bash, zsh, fish or powershell",
		}
	}
	return b.String(), err
}

// withFlags puts into a script the commands that take a command, and the flags behind which a value stands.
func withFlags(root *cobra.Command, separator, script string) string {
	var commands, flags []string
	add := func(f *pflag.Flag) {
		takes := !f.Hidden && f.NoOptDefVal == "" && f.Name != "shell"
		if name := "--" + f.Name; takes && !slices.Contains(flags, name) {
			flags = append(flags, name)
		}
	}
	root.PersistentFlags().VisitAll(add)
	for _, c := range root.Commands() {
		if c.Flags().Lookup("shell") != nil {
			commands = append(commands, c.Name())
			c.Flags().VisitAll(add)
		}
	}
	return strings.NewReplacer(
		"@FLAGS@", strings.Join(flags, separator), "@COMMANDS@", strings.Join(commands, separator),
	).Replace(script)
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
	case "strip-ansi":
		return stripWords()
	}
	if name, _ := pflag.UnquoteUsage(f); strings.Contains(name, "|") && name == strings.ToLower(name) {
		return strings.Split(name, "|")
	}
	return nil
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
