package cmd

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/fastpath"
)

func newVersionCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Long: "Version prints the version of cachex, of the Go that built it, and the platform; and which entry the " +
			"program has: early, if a hit is answered before the Go runtime starts (Linux on amd64 and arm64), or " +
			"plain." + exitCodes("0    always"),
		Example: "  cachex version",
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return printVersion(app.Stdout) },
	}
}

func printVersion(w io.Writer) error {
	entry := "plain"
	if fastpath.IsEarly() {
		entry = "early"
	}
	_, err := fmt.Fprintf(
		w, "cachex %s %s %s/%s\nentry: %s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, entry,
	)
	return err
}

// version is the module's version as the go command recorded it, "(devel)" for a build from a work tree.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

const exitHeading = "\n\nExit codes:"

// exitCodes is the last part of every command's help.
func exitCodes(lines ...string) string {
	s := exitHeading
	for _, l := range lines {
		s += "\n  " + l
	}
	return s
}
