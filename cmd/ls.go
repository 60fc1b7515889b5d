package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
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
At a terminal long columns are cut; elsewhere everything is there. With --limit only the entries that are listed are
opened; for --sort took and left it is each, which takes a minute for a million.` + exitCodes(
			"0    listed; also when there is nothing", "125  bad flag, or no usable cache directory",
			"130  interrupted"),
		Example: `  cachex ls --tag users --sort size --limit 10
  cachex ls --format json | jq -r '.[].command'`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return app.ls(c) },
	}
	c.Flags().SortFlags = false
	addFormatFlag(c)
	c.Flags().String("sort", "age",
		"which come first: the youngest, those used last, the largest on the disk, the lowest keys, those that took\n"+
			"longest or expire next: `age|used|size|key|took|left`")
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
	used      time.Time
	stored    int64         // bytes on the disk
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
	if i.Entry != nil {
		r.used, r.stored = i.Entry.LastUse, i.Stored
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
	order, limit, err := lsFlags(c)
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
	rows, sealed, err := findRows(a, dir, lsFilter(c, a, s), order, limit)
	if err != nil {
		return err
	}
	if sealed > 0 {
		a.Warn(fmt.Sprintf("%d more, encrypted with a key that is not here: name its file with key-file", sealed))
	}
	if len(rows) == 0 && sealed > 0 && !asJSON {
		return nil
	}
	return list(&a.Process, rows, asJSON, nothingListed(c, storePath(s, a.LookupEnv)))
}

// findRows returns the first rows in an order, and how many entries could not be read for want of a key.
func findRows(
	a *App, dir *cachedir.Dir, wanted func(cachedir.EntryInfo) bool, order lsOrder, limit int,
) (rows []row, sealed int, err error) {
	pass := watch(a, "looking at entries")
	defer pass.end()
	top := &topRows{limit: limit, compare: order.compare}
	visit := func(i cachedir.EntryInfo) {
		if i.Sealed {
			top.addSealed()
		}
		if valid(dir, i) && wanted(i) {
			top.add(newRow(i))
		}
	}
	found := false
	if order.files != nil && limit >= 0 {
		found, err = pass.First(dir, *order.files, firstLook+4*limit, func(i cachedir.EntryInfo) bool {
			if i.Entry != nil && top.isFull() && (*order.files != cachedir.ByEnd || top.isBehind(i.Entry.LastUse)) {
				return false
			}
			visit(i)
			return true
		})
	}
	if err == nil && (!found || top.sealed > 0) {
		top.rows, top.sealed = nil, 0
		err = pass.Walk(dir, func(i cachedir.EntryInfo) error { visit(i); return nil })
	}
	if pass.end(); wasInterrupted(err) {
		return nil, 0, pass.interrupted("nothing is listed")
	}
	return top.sorted(), top.sealed, err
}

// firstLook is how many entries are opened, the first in their order, before all of them are.
const firstLook = 4096

// topRows keeps the first rows in an order. Its methods may be called from several goroutines.
type topRows struct {
	limit   int // negative: none
	compare func(x, y row) int

	mu     sync.Mutex
	rows   []row
	sealed int
}

func (t *topRows) addSealed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sealed++
}

func (t *topRows) add(r row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, r)
	if t.limit >= 0 && len(t.rows) >= 2*t.limit+64 {
		t.cut()
	}
}

func (t *topRows) cut() {
	sortRows(t.rows, t.compare)
	if t.limit >= 0 && t.limit < len(t.rows) {
		clear(t.rows[t.limit:])
		t.rows = t.rows[:t.limit]
	}
}

func (t *topRows) sorted() []row {
	t.cut()
	return t.rows
}

func (t *topRows) isFull() bool { return len(t.rows) >= t.limit }

// isBehind reports whether nothing that was used last at a time can be among the first rows by age. To store is to use;
// clocks of files are behind by a tick, and some know only every other second.
func (t *topRows) isBehind(used time.Time) bool {
	t.cut()
	return len(t.rows) == 0 || used.Add(2*time.Second).Before(t.rows[len(t.rows)-1].ended)
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

// lsOrder is how entries are listed.
type lsOrder struct {
	compare func(x, y row) int // 0: the younger one comes first
	files   *cachedir.Order    // what the files tell of that; nil: nothing
}

func fileOrder(o cachedir.Order, compare func(x, y row) int) lsOrder { return lsOrder{compare, &o} }

// lsFlags reads the flags that say how to list.
func lsFlags(c *cobra.Command) (order lsOrder, limit int, err error) {
	limit = -1
	if text, _ := c.Flags().GetString("limit"); c.Flags().Changed("limit") {
		if limit, err = strconv.Atoi(text); err != nil || limit < 0 {
			return order, 0, &BadValue{
				Name: "--limit", Value: text, Why: "not a number of entries", Hint: "write a number such as 10",
			}
		}
	}
	name, _ := c.Flags().GetString("sort")
	switch name {
	case "age":
		order = fileOrder(cachedir.ByEnd, func(row, row) int { return 0 })
	case "used":
		order = fileOrder(cachedir.ByUse, func(x, y row) int { return y.used.Compare(x.used) })
	case "size":
		order = fileOrder(cachedir.BySize, func(x, y row) int { return cmp.Compare(y.stored, x.stored) })
	case "key":
		order = fileOrder(cachedir.ByKey, func(x, y row) int { return slices.Compare(x.key[:], y.key[:]) })
	case "took":
		order.compare = func(x, y row) int { return cmp.Compare(y.took, x.took) }
	case "left":
		// NoEnd is the largest
		order.compare = func(x, y row) int { return cmp.Compare(uint64(x.left), uint64(y.left)) }
	default:
		return order, 0, &BadValue{
			Name: "--sort", Value: name, Why: "no such order", Hint: "write age, used, size, key, took or left",
		}
	}
	return order, limit, nil
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
