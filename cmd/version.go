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
		Long: "Version prints the version of cachex, of the Go that built it, and the platform; its commit and " +
			"the time of that, if they are known; and which entry the program has: early, if a hit is answered before the " +
			"Go runtime starts (Linux on amd64 and arm64), or plain." + exitCodes("0    always"),
		Example: "  cachex version",
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return printVersion(app.Stdout) },
	}
}

func printVersion(w io.Writer) error {
	b := thisBuild()
	entry := "plain"
	if fastpath.IsEarly() {
		entry = "early"
	}
	text := fmt.Sprintf("cachex %s %s %s/%s\n", b.version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if b.commit != "" {
		text += fmt.Sprintf("commit: %s %s\n", b.commit, b.committed)
	}
	_, err := fmt.Fprintf(w, "%sentry: %s\n", text, entry)
	return err
}

// What a release says of itself, by the linker's -X: nothing of its tree is in it otherwise (tools/release/build.go).
var release, commit, committed string

// A build is what is known of how this program was built.
type build struct{ version, commit, committed string }

// thisBuild is the release, or what the go command recorded: the version of the module, "(devel)" for a build from a
// work tree of which it knows nothing, and the commit if it was there.
func thisBuild() build {
	b := build{release, commit, committed}
	if b.version != "" {
		return b
	}
	b.version = "(devel)"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.time":
			b.committed = s.Value
		}
	}
	return b
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
