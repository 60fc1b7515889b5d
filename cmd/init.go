package cmd

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/hashing"
)

func newInitCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "init SHELL",
		Short: "print functions for bash, zsh or fish: memoised functions, and cx",
		Long: `Init prints the text that teaches a shell these functions; it belongs into ~/.bashrc or ~/.zshrc, or into
~/.config/fish/config.fish as cachex init fish | source:

  cachex_memoize NAME [FLAGS] [--uses F,G] [--vars A,B] [--memory D]
      From now on calls of the function NAME are cached. The key is its body, those of the functions --uses, the
      values of the variables --vars, the arguments, the directory, and what the flags of cachex run add. Such a
      function, where it calls a memoised one, is memoised there, too; so is one that calls itself.
  cachex_forget NAME
      NAME is the function again that it was.
  cx [FLAGS] COMMAND [ARG...]
      cachex run for all that the shell knows: programs, functions, aliases. Behind it COMMAND is completed.

A memoised function runs in a new shell of the same kind, with the options of this one, without its startup
files, and with an empty stdin. It knows the functions of --uses, the variables of --vars and what is exported.
A function that changes variables, the directory or options of its caller cannot be memoised: a stored result
changes nothing. An exit in it ends only that new shell: it is the status of the call.

Results of up to 64 KiB that wrote to stdout alone are also kept in the memory of the shell, at most 256: a
repeated call starts no process, and is not counted by stats. Variables of --vars and --env are looked at there,
too, and so are LANG, LC_ALL, TZ and PATH; but what was purged elsewhere, files, functions of --uses and other
variables that changed, are seen after --memory (default 2s; 0: off) at the latest. It is the only place where something of cachex may be that old. A subshell such as
$(NAME) uses what the shell has, and what it adds ends with it. bash must be 4.4 for that, and fish 3.6; older
ones say so, and ask the cache directory each time.` + exitCodes("0    printed", "125  no such shell"),
		Example: `  eval "$(cachex init bash)"
  cachex_memoize weather --ttl 10m --env CITY
  cx --ttl 1m kubectl get pods`,
		Args:      oneArgument("SHELL", "write cachex init bash, zsh or fish"),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE:      func(c *cobra.Command, args []string) error { return app.initShell(c, args[0]) },
	}
}

// What init prints, with the place of this program and the flags of run that take a value.
var (
	//go:embed shells/init.bash
	initBash string
	//go:embed shells/init.zsh
	initZsh string
	//go:embed shells/init.fish
	initFish string
)

func (a *App) initShell(c *cobra.Command, shell string) error {
	text, quote, separator := initBash, quoted, "|"
	switch shell {
	case "bash":
	case "zsh":
		text = initZsh
	case "fish":
		text, quote, separator = initFish, quotedFish, " "
	default:
		return &usageError{
			Err:  fmt.Errorf("no functions for shell %q", shell),
			Hint: "write cachex init bash, zsh or fish",
		}
	}
	script := strings.ReplaceAll(withFlags(c.Root(), separator, text), "@CACHEX@", quote(a.ownPath()))
	_, err := a.Stdout.WriteString(script)
	return err
}

// ownPath is where this program was found, and not where a link leads from there: a link lasts over an upgrade.
func (a *App) ownPath() string {
	called := os.Args[0]
	if dir, err := a.Getwd(); err == nil {
		if file, err := hashing.LookPath(called, dir, a.Environ); err == nil && isItself(file) {
			if !filepath.IsAbs(file) {
				file = filepath.Join(dir, file)
			}
			return file
		}
	}
	file, _ := os.Executable()
	return file
}

// quoted is a word for bash and zsh.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// quotedFish is a word for fish.
func quotedFish(word string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(word) + "'"
}
