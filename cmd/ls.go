package cmd

import (
	"cmp"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
)

func newLsCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "list the entries",
		Long: `Ls lists the entries, youngest first: the first digits of the key, the age, the exit code, the size of the output, how
long the command ran, and the command. Of secrets in a command only ***1 is shown, ***2 and so on: the same
number for the same secret.` + exitCodes(
			"0    listed", "125  no usable cache directory"),
		Example: "  cachex ls",
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return app.ls(c) },
	}
}

// row is what is shown of one entry; entries themselves are not kept, a cache may hold a million.
type row struct {
	key     hashing.Key
	ended   time.Time
	exit    string
	bytes   int64
	took    time.Duration
	command []recipeWord
}

func newRow(i cachedir.EntryInfo) row {
	return row{
		key: i.Key, ended: i.Ended, exit: exitText(i.Meta), bytes: i.StdoutSize + i.StderrSize,
		took: i.Ended.Sub(i.Started), command: commandWords(i.Recipe),
	}
}

func (a *App) ls(c *cobra.Command) error {
	dir, _, err := a.openLooking(c)
	if err != nil {
		return err
	}
	var rows []row
	sealed := 0
	err = dir.Walk(func(i cachedir.EntryInfo) error {
		if i.Sealed {
			sealed++
		}
		if valid(dir, i) {
			rows = append(rows, newRow(i))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if sealed > 0 {
		a.Warn(fmt.Sprintf("%d more, encrypted with a key that is not here: name its file with key-file", sealed))
	}
	return a.list(rows)
}

// valid reports whether an entry holds a result that could still be replayed.
func valid(dir *cachedir.Dir, i cachedir.EntryInfo) bool {
	if i.Err != nil || i.Pending || i.Learned != nil {
		return false
	}
	_, err := dir.CheckTags(i.Meta)
	return err == nil
}

// list prints rows, youngest first.
func (a *App) list(rows []row) error {
	slices.SortFunc(rows, func(x, y row) int {
		return cmp.Or(y.ended.Compare(x.ended), slices.Compare(x.key[:], y.key[:]))
	})
	secrets := masks{}
	tw := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", r.key.String()[:12], engine.Short(max(time.Since(r.ended), 0)),
			r.exit, roundSize(r.bytes), engine.Short(r.took), secrets.line(r.command))
	}
	return tw.Flush()
}

func exitText(m cachedir.Meta) string {
	if m.Signal != 0 {
		return fmt.Sprintf("signal %d", m.Signal)
	}
	return fmt.Sprintf("exit %d", m.Code)
}
