package cmd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
)

func newLsCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "list the entries",
		Long: `Ls lists the entries, youngest first: the first digits of the key, the age, the exit code, the size of the output, how
long the command ran, and the command. What looks secret in a command is shown as ***.` + exitCodes(
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
	command string
}

func newRow(i cachedir.EntryInfo) row {
	return row{
		key: i.Key, ended: i.Ended, exit: exitText(i.Meta), bytes: i.StdoutSize + i.StderrSize,
		took: i.Ended.Sub(i.Started), command: commandLine(i.Recipe),
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
	tw := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", r.key.String()[:12], engine.Short(max(time.Since(r.ended), 0)),
			r.exit, roundSize(r.bytes), engine.Short(r.took), r.command)
	}
	return tw.Flush()
}

func exitText(m cachedir.Meta) string {
	if m.Signal != 0 {
		return fmt.Sprintf("signal %d", m.Signal)
	}
	return fmt.Sprintf("exit %d", m.Code)
}

// commandLine is the command of a recipe as a person would type it.
func commandLine(recipe []byte) string {
	words := commandWords(recipe)
	for i, w := range words {
		if w != secretWord {
			words[i] = shellQuote(w)
		}
	}
	return strings.Join(words, " ")
}

// secretWord stands for a word that the recipe holds only a digest of.
const secretWord = "***"

// commandWords lists the words of a recipe's command, or its name.
func commandWords(recipe []byte) []string {
	facts, err := hashing.ParseRecipe(recipe)
	if err != nil {
		return nil
	}
	var words []string
	for _, f := range facts {
		if f.Kind != "word" && f.Kind != "name" {
			continue
		}
		text, readable := f.Text()
		switch {
		case !readable:
			text = secretWord
		case f.Kind == "name":
			text = "name:" + text
		}
		words = append(words, text)
	}
	return words
}

// shellQuote quotes a word as a shell would need it, on one line.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(call.OneLine(s), "'", `'\''`) + "'"
}
