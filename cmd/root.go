// Package cmd is the command line: a file per command. It is the only room that knows flags, configuration, exit
// codes and hints; below it there are only structs and errors.
package cmd

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/fastpath"
)

// App is what the commands get from the process they live in, so that a test can build two.
type App struct {
	Stdin, Stdout, Stderr *os.File
	Args                  []string // behind the program's own name
	Environ               []string
	Getwd                 func() (string, error)
}

// Main runs the command line and returns the exit code of the process.
func Main(args []string, stdin, stdout, stderr *os.File) int {
	log.SetOutput(io.Discard) // nothing here logs but net/http, about servers; stderr belongs to the command
	if hit := fastpath.Unfinished(); hit != nil {
		return finish(hit, stdout, stderr)
	}
	app := &App{Stdin: stdin, Stdout: stdout, Stderr: stderr, Args: args, Environ: os.Environ(), Getwd: os.Getwd}
	root := NewRoot(app)
	root.SetArgs(args)
	return app.exitCode(root.Execute())
}

// NewRoot builds the command tree.
func NewRoot(app *App) *cobra.Command {
	root := &cobra.Command{
		Use:   "cachex",
		Short: "cache the results of shell commands",
		Long: `cachex caches the results of shell commands.

Put "cachex run --ttl 1h --" before a slow command. The first run stores its stdout, stderr and exit code; until the
hour is over every further run replays them. Runs at the same time share one execution.` + exitCodes(
			"0    done; run exits with the command's own code",
			"1    verify and doctor found something wrong",
			"125  cachex cannot do what it was told",
			"126  the command cannot be executed",
			"127  the command was not found"),
		Example: `  cachex run --ttl 1h -- gh api /user
  cachex run --file go.sum --env GOFLAGS -- go list -deps ./...
  cachex run -c 'curl -s https://example.com | jq .name'`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(app.Stdin)
	root.SetOut(app.Stdout)
	root.SetErr(app.Stderr)
	root.SetFlagErrorFunc(badFlag)
	root.SetHelpFunc(help)
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Hidden: true, Use: "no-help-command"})
	root.PersistentFlags().String("cache-dir", "", "keep results in `DIR` (default $XDG_CACHE_HOME/cachex, else ~/.cache/cachex)")
	root.PersistentFlags().StringSlice("trust-owner", nil, "admit a cache directory that belongs to this user `UID`")
	root.PersistentFlags().StringArray("remote", nil, "share results through this server, and through further ones in their order: a `URL`")
	root.AddCommand(newRunCommand(app))
	if len(app.Args) == 0 || app.Args[0] != "run" { // run stands before other commands: it shall not pay for those here
		addOtherCommands(root, app)
	}
	return root
}

func addOtherCommands(root *cobra.Command, app *App) {
	root.AddCommand(
		newStatsCommand(app),
		newPurgeCommand(app),
		newLsCommand(app),
		newShowCommand(app),
		newWhyCommand(app),
		newKeyCommand(app),
		newVerifyCommand(app),
		newDoctorCommand(app),
		newKeygenCommand(app),
		newConfigCommand(app),
		newCompletionCommand(app),
		newVersionCommand(app),
	)
	for _, c := range root.Commands() {
		completeChoices(c)
	}
}

func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see cachex --help for the commands"
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean cachex " + near[0] + "?"
	} else {
		hint += "; to cache it: cachex run -- " + args[0]
	}
	return &usageError{Err: fmt.Errorf("no such command %q", args[0]), Hint: hint}
}

// help prints the text of a command, its flags, and last its exit codes.
func help(c *cobra.Command, _ []string) {
	text, codes, _ := strings.Cut(c.Long, exitHeading)
	_, _ = fmt.Fprintf(c.OutOrStdout(), "%s\n\n%s%s%s\n", text, c.UsageString(), exitHeading[1:], codes)
}

// noArguments refuses words behind the flags of a command that takes none.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{Err: fmt.Errorf("unexpected word %q", args[0]), Hint: "see " + c.CommandPath() + " --help"}
}

func badFlag(c *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		hint := "write a number"
		if value.GetFlag().Value.Type() == "bool" {
			hint = hintBool
		}
		return &BadValue{Name: "--" + value.GetFlag().Name, Value: value.GetValue(), Why: "not such a value", Hint: hint}
	}
	return &usageError{Err: errors.New(oneLine(err.Error())), Hint: "see " + c.CommandPath() + " --help for the flags"}
}

// lookupEnv is os.LookupEnv over the environment that the app was given.
func (a *App) lookupEnv(name string) (string, bool) { return lookupIn(a.Environ, name) }

func lookupIn(environ []string, name string) (string, bool) {
	for _, kv := range environ {
		if n := len(name); len(kv) > n && kv[n] == '=' && kv[:n] == name {
			return kv[n+1:], true
		}
	}
	return "", false
}

// warn prints one line on stderr.
func (a *App) warn(text string) {
	_, _ = fmt.Fprintf(a.Stderr, "cachex: %s\n", oneLine(text))
}

// oneLine keeps a message in its line: what other programs put into errors may hold anything.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// openStore opens the cache directory that the settings name.
func (a *App) openStore(s Settings, readOnly bool) (*cachedir.Dir, error) {
	keys, err := storeKeys(s)
	if err != nil {
		return nil, err
	}
	return a.openStoreWith(s, keys, readOnly)
}

func (a *App) openStoreWith(s Settings, keys []cachedir.Key, readOnly bool) (*cachedir.Dir, error) {
	path := s.CacheDir
	if path == "" {
		var err error
		if path, err = cachedir.DefaultPath(a.lookupEnv); err != nil {
			return nil, err
		}
	}
	return cachedir.Open(path, cachedir.Options{
		TrustOwners: s.TrustOwner, MaxSize: s.MaxSize, Keep: s.Keep, ReadOnly: readOnly, Keys: keys, Encrypt: s.Encrypt,
	})
}
