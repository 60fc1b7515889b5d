package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
)

func newLsCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "ls",
		Short: "list the entries",
		Long: `Ls lists the entries, youngest first: the first digits of the key, the age, what is left of the time to
live that the entry was written under, how the command ended, the size of the output with its files, how long the
command ran, tags, directory and command. Of secrets in a command only ***1 is shown, ***2 and so on: the same number for the same secret.
At a terminal long columns are cut; elsewhere everything is there.` + exitCodes(
			"0    listed; also when there is nothing", "125  bad flag, or no usable cache directory"),
		Example: `  cachex ls --tag users --sort size --limit 10
  cachex ls --format json | jq -r '.[].command'`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return app.ls(c) },
	}
	c.Flags().SortFlags = false
	addFormatFlag(c)
	c.Flags().String("sort", "age",
		"which come first: the youngest, the largest, those that took longest or expire next: `age|size|took|left`")
	c.Flags().String("limit", "", "list at most `N` entries")
	c.Flags().String("tag", "", "entries with this `TAG`")
	c.Flags().String("command", "", "entries whose command line matches this `GLOB`")
	c.Flags().String("dir", "", "entries of this `DIR` and below")
	return c
}

// row is what is shown of one entry; entries themselves are not kept, a cache may hold a million.
type row struct {
	key       hashing.Key
	ended     time.Time
	left      time.Duration // NoEnd: no end; not above 0: over
	exit      string
	bytes     int64
	took      time.Duration
	tags      []string
	directory string
	command   []recipeWord
	failed    bool
}

func newRow(i cachedir.EntryInfo) row {
	r := row{
		key: i.Key, ended: i.Ended, left: timeLeft(i.Meta), exit: exitText(i.Meta),
		bytes: i.StdoutSize + i.StderrSize + i.OutputsLen,
		took:  i.Ended.Sub(i.Started), directory: directoryOf(i.Recipe), command: commandWords(i.Recipe),
		failed: i.Code != 0 || i.Signal != 0,
	}
	for _, t := range i.Tags {
		r.tags = append(r.tags, t.Name)
	}
	return r
}

// timeLeft is what is left of the life that an entry was written for.
func timeLeft(m cachedir.Meta) time.Duration {
	left := NoEnd
	if m.TTL >= 0 {
		left = max(m.TTL-time.Since(m.Ended), 0)
	}
	if !m.Until.IsZero() {
		if until := max(time.Until(m.Until), 0); left == NoEnd || until < left {
			left = until
		}
	}
	return left
}

// directoryOf is where the command of a recipe ran, as far as the recipe says.
func directoryOf(recipe []byte) string {
	value := factOf(recipe, hashing.FactDirectory).Value
	if value == "" || value == "none" {
		return "-"
	}
	return hashing.ShowDirectory(value)
}

func (a *App) ls(c *cobra.Command) error {
	asJSON, err := formatFlag(c)
	if err != nil {
		return err
	}
	compare, limit, err := lsFlags(c)
	if err != nil {
		return err
	}
	dir, s, err := a.openLooking(c)
	if errors.Is(err, cachedir.ErrAbsent) {
		return list(&a.Process, nil, asJSON, nothingListed(c, storePath(s, a.LookupEnv)))
	}
	if err != nil {
		return err
	}
	wanted := lsFilter(c, a, s)
	var rows []row
	sealed := 0
	err = dir.Walk(func(i cachedir.EntryInfo) error {
		if i.Sealed {
			sealed++
		}
		if valid(dir, i) && wanted(i) {
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
	sortRows(rows, compare)
	if limit >= 0 && limit < len(rows) {
		rows = rows[:limit]
	}
	if len(rows) == 0 && sealed > 0 && !asJSON {
		return nil
	}
	return list(&a.Process, rows, asJSON, nothingListed(c, storePath(s, a.LookupEnv)))
}

// formatFlag reads --format of a command that knows two.
func formatFlag(c *cobra.Command) (json bool, err error) {
	format, _ := c.Flags().GetString("format")
	if format != "text" && format != "json" {
		return false, &BadValue{Name: "--format", Value: format, Why: "no such format", Hint: "write text or json"}
	}
	return format == "json", nil
}

func addFormatFlag(c *cobra.Command) {
	c.Flags().String("format", "text", "for people or for programs: `text|json`")
}

// lsFlags reads the flags that say how to list.
func lsFlags(c *cobra.Command) (compare func(x, y row) int, limit int, err error) {
	limit = -1
	if text, _ := c.Flags().GetString("limit"); c.Flags().Changed("limit") {
		if limit, err = strconv.Atoi(text); err != nil || limit < 0 {
			return nil, 0, &BadValue{
				Name: "--limit", Value: text, Why: "not a number of entries", Hint: "write a number such as 10",
			}
		}
	}
	order, _ := c.Flags().GetString("sort")
	switch order {
	case "age":
		compare = func(row, row) int { return 0 }
	case "size":
		compare = func(x, y row) int { return cmp.Compare(y.bytes, x.bytes) }
	case "took":
		compare = func(x, y row) int { return cmp.Compare(y.took, x.took) }
	case "left":
		compare = func(x, y row) int { return cmp.Compare(uint64(x.left), uint64(y.left)) } // NoEnd is the largest
	default:
		return nil, 0, &BadValue{
			Name: "--sort", Value: order, Why: "no such order", Hint: "write age, size, took or left",
		}
	}
	return compare, limit, nil
}

// lsFilter admits what the flags name.
func lsFilter(c *cobra.Command, a *App, s Settings) func(cachedir.EntryInfo) bool {
	tag, _ := c.Flags().GetString("tag")
	command, _ := c.Flags().GetString("command")
	place, _ := c.Flags().GetString("dir")
	if wd, err := a.Getwd(); err == nil && place != "" && !filepath.IsAbs(place) {
		place = filepath.Join(wd, place)
	}
	stored := hashing.Guard(tag, s.Secret)
	return func(i cachedir.EntryInfo) bool {
		return (tag == "" || hasTag(i, stored)) && (command == "" || matchRecipe(command, i.Recipe)) &&
			(place == "" ||
				isBelow(hashing.DirectoryPath(factOf(i.Recipe, hashing.FactDirectory).Value), filepath.Clean(place)))
	}
}

func hasTag(i cachedir.EntryInfo, tag string) bool {
	return slices.ContainsFunc(i.Tags, func(t cachedir.Tag) bool { return t.Name == tag })
}

// isBelow says whether a path is a directory or in it.
func isBelow(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator)))
	return ok && path != "" && (rest == "" || rest[0] == filepath.Separator)
}

// valid reports whether an entry holds a result that could still be replayed.
func valid(dir *cachedir.Dir, i cachedir.EntryInfo) bool {
	if i.Err != nil || i.Pending || i.Learned != nil {
		return false
	}
	_, err := dir.CheckTags(i.Meta)
	return err == nil
}

// list prints rows in their order. That there are none is no result, so it is not on stdout.
func list(p *call.Process, rows []row, asJSON bool, none string) error {
	if asJSON {
		return listJSON(p.Stdout, rows)
	}
	if len(rows) == 0 {
		p.Warn(none)
		return nil
	}
	return rowTable(rows).print(p)
}

// sortRows orders rows as told, and what is equal by age.
func sortRows(rows []row, compare func(x, y row) int) {
	slices.SortFunc(rows, func(x, y row) int {
		return cmp.Or(compare(x, y), y.ended.Compare(x.ended), slices.Compare(x.key[:], y.key[:]))
	})
}

func nothingListed(c *cobra.Command, path string) string {
	for _, name := range []string{"tag", "command", "dir"} {
		if c.Flags().Changed(name) {
			return "nothing that is stored matches"
		}
	}
	return "nothing is stored in " + hashing.Show(path)
}

// rowTable shows rows in columns.
func rowTable(rows []row) *table {
	t := &table{
		head: []string{"KEY", "AGE", "LEFT", "RESULT", "SIZE", "TOOK", "TAGS", "DIRECTORY", "COMMAND"},
		cut:  []int{6, 7},
	}
	secrets := masks{}
	for _, r := range rows {
		tags := visible(strings.Join(r.tags, ","))
		t.rows = append(t.rows, []string{
			r.key.String()[:12], engine.Short(max(time.Since(r.ended), 0)), leftText(r.left), r.exit,
			roundSize(r.bytes), engine.Short(r.took),
			cmp.Or(tags, "-"), r.directory, secrets.line(r.command),
		})
		t.own = append(t.own, r.failed)
	}
	return t
}

func leftText(left time.Duration) string {
	switch {
	case left == NoEnd:
		return "no end"
	case left == 0:
		return "over"
	}
	return engine.Short(left)
}

func exitText(m cachedir.Meta) string {
	if m.Signal != 0 {
		return fmt.Sprintf("signal %d", m.Signal)
	}
	return fmt.Sprintf("exit %d", m.Code)
}
