// Package cmd is the command line: a file per command. It is the only room that knows flags, configuration, exit
// codes and hints; below it there are only structs and errors.
package cmd

import (
	"cmp"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	_ "github.com/cachex-cli/cachex/late/all" // what hashing and engine do without until they ask for it
	"github.com/cachex-cli/cachex/runner"
)

// App is what the commands get from the process they live in, so that a test can build two.
type App struct {
	call.Process
	Getwd func() (string, error)

	wraps bool // the program was called by the name of a command
}

// Main runs the command line and returns the exit code of the process. The name is that by which the program was
// called.
func Main(name string, args []string, stdin, stdout, stderr *os.File) int {
	call.GrowStack()
	log.SetOutput(io.Discard) // nothing here logs but net/http, about servers; stderr belongs to the command
	args, wraps := asWrapper(name, args, os.Environ())
	process := call.Process{Stdin: stdin, Stdout: stdout, Stderr: stderr, Args: args, Environ: os.Environ()}
	app := &App{process, os.Getwd, wraps}
	if !app.runs("run", "fragment") { // they learn to when it takes long: most answers are there before
		runner.DieOnSignals()
	}
	root := NewRoot(app)
	root.SetArgs(numbersLast(root, args))
	return app.ExitCode(root.Execute())
}

// runs reports whether the command is one of these.
func (a *App) runs(names ...string) bool { return len(a.Args) > 0 && slices.Contains(names, a.Args[0]) }

// NewRoot builds the command tree.
func NewRoot(app *App) *cobra.Command {
	root := &cobra.Command{
		Use:   "cachex COMMAND",
		Short: "cache the results of shell commands",
		Long: `cachex caches the results of shell commands.

Put "cachex run --ttl 1h --" before a slow command. The first run stores its stdout, stderr and exit code; until the
hour is over every further run replays them. Runs at the same time share one execution.` + exitCodes(
			"0    done; run exits with the command's own code",
			"1    verify and doctor found something wrong; unpack refused something; set --add, incr and decr changed nothing",
			"3    get, has, del and touch found no value",
			"125  cachex cannot do what it was told",
			"126  the command cannot be executed",
			"127  the command was not found"),
		Example: `  cachex run --ttl 1h -- gh api /user
  cachex run --file go.sum --env STAGE -- go list -deps ./...
  cachex run -c 'curl -s https://example.com | jq .name'`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              noSuchCommand,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return swallowed(c) },
		RunE: func(c *cobra.Command, _ []string) error {
			if asked, _ := c.Flags().GetBool("version"); asked {
				return printVersion(app.Stdout)
			}
			return c.Help()
		},
	}
	root.SetIn(app.Stdin)
	root.SetOut(app.Stdout)
	root.SetErr(app.Stderr)
	root.SetFlagErrorFunc(badFlag)
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		_, _ = io.WriteString(c.OutOrStdout(), helpText(c, helpWidth(runner.Columns(app.Stdout))))
	})
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(newHelpCommand(app))
	root.Flags().Bool("version", false, "print the version")
	root.PersistentFlags().String("cache-dir", "",
		"keep results in `DIR` (default $XDG_CACHE_HOME/cachex, else ~/.cache/cachex)")
	root.PersistentFlags().Bool("in-memory", false,
		"keep results on a tmpfs of your own, in at most a quarter of its free space; on disk where there is none")
	root.PersistentFlags().StringSlice("trust-owner", nil, "admit a cache directory that belongs to this user `UID`")
	addList(root.PersistentFlags(), "remote",
		"share results through this server, and through further ones in their order: a `URL`")
	root.AddCommand(newRunCommand(app))
	if !app.runs("run") { // run stands before other commands: it shall not pay for those here
		addOtherCommands(root, app)
	}
	return root
}

func addOtherCommands(root *cobra.Command, app *App) {
	root.AddCommand(
		newFragmentCommand(app),
		newMapCommand(app),
		newGetCommand(app),
		newSetCommand(app),
		newHasCommand(app),
		newDelCommand(app),
		newKeysCommand(app),
		newTouchCommand(app),
		newIncrCommand(app),
		newDecrCommand(app),
		newStatsCommand(app),
		newAdviseCommand(app),
		newPurgeCommand(app),
		newLsCommand(app),
		newPackCommand(app),
		newUnpackCommand(app),
		newShowCommand(app),
		newWhyCommand(app),
		newKeyCommand(app),
		newInputsCommand(app),
		newVerifyCommand(app),
		newDoctorCommand(app),
		newKeygenCommand(app),
		newInitCommand(app),
		newConfigCommand(app),
		newCompletionCommand(app),
		newVersionCommand(app),
	)
	if len(app.Args) > 0 && strings.HasPrefix(app.Args[0], cobra.ShellCompRequestCmd) {
		newCompleter(app).prepare(root)
	}
}

func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see cachex --help for the commands"
	if c.ArgsLenAtDash() == 0 {
		hint = "to cache it: cachex run -- " + args[0]
	} else if near := cmp.Or(inOtherWords(args[0], names(c)), nearest(args[0], names(c))); near != "" {
		hint = "did you mean cachex " + near + "?"
	} else {
		hint += "; to cache it: cachex run -- " + args[0]
	}
	return &usageError{Err: fmt.Errorf("no such command %q", args[0]), Hint: hint}
}

// names lists the commands below one.
func names(c *cobra.Command) (all []string) {
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() {
			all = append(all, below.Name())
		}
	}
	return all
}

// noArguments refuses words behind the flags of a command that takes none.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{Err: fmt.Errorf("unexpected word %q", args[0]), Hint: "see " + c.CommandPath() + " --help"}
}

// openStore opens the cache directory that the settings name.
func (a *App) openStore(s Settings, readOnly bool) (*cachedir.Dir, error) {
	keys, err := storeKeys(s)
	if err != nil {
		return nil, err
	}
	options := storeOptions(s, keys)
	options.ReadOnly = readOnly
	return a.OpenStore(s.CacheDir, options)
}

// storePath is where the cache directory of the settings lies. Where there is no home it is empty: run says so when it
// matters.
func storePath(s Settings, env lookupEnv) string {
	if memory, ok := cachedir.MemoryPath(env); ok && s.InMemory {
		return memory
	}
	if s.CacheDir != "" {
		return s.CacheDir
	}
	path, _, _ := cachedir.DefaultPath(env, s.TrustOwner)
	return path
}

// storeOptions is how the settings want the cache directory to be opened.
func storeOptions(s Settings, keys []cachedir.SealKey) cachedir.Options {
	o := cachedir.Options{
		TrustOwners: s.TrustOwner, MaxSize: s.MaxSize, InMemory: s.InMemory, Keep: s.Keep, Keys: keys,
		Encrypt: s.Encrypt,
	}
	if s.InMemory && s.from("max-size") == nil {
		o.MaxSize = 0 // what memory has room for
	}
	return o
}
