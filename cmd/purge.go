package cmd

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
)

func newPurgeCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "purge SELECTOR | purge [flags] -- COMMAND [ARG...]",
		Short: "forget results",
		Long: `Purge removes the entries that are selected: --all, --expired, --older-than, --tag, --key, --scope,
--namespace or --command. Of several selectors, entries go that all of them name. It may run at any time beside others
and waits for nobody: the result of a run that is under way and selected is delivered, but not stored. With --soft the
entries are kept, and served until one run in the background has renewed them; should that fail, until their time to
live is over.

With --stdin and --match it reads a stream of events, and purges the tag that each line names: what the first group of
the regular expression matches. It ends with an error when the stream does, so that a supervisor starts it again.

With a command behind --, all entries of this command line in this directory go, whatever their inputs; with flags of
run that belong to the key (--env, --file, --stdin, --scope, ...) exactly that recipe.` + exitCodes(
			"0    purged; also when there was nothing to purge", "125  bad selector, or no usable cache directory",
			"130  interrupted: what was removed is gone"),
		Example: `  cachex purge --older-than 7d --dry-run
  cachex purge --tag users
  cachex purge --tag users --soft
  cachex purge --command 'terraform *'
  inotifywait -m src | cachex purge --stdin --match '([a-z]+)\.go'
  cachex purge -- kubectl get pods`,
		RunE: func(c *cobra.Command, args []string) error { return app.purge(c, args) },
	}
	c.Flags().SetInterspersed(false)
	c.Flags().SortFlags = false
	c.Flags().Bool("all", false, "every entry")
	c.Flags().Bool("expired", false, "entries whose life is over, by what they were written under")
	c.Flags().String("older-than", "", "entries whose run ended longer ago than `D`")
	c.Flags().String("tag", "", "entries with this `TAG`")
	c.Flags().String("command", "", "entries whose command line matches this `GLOB`")
	c.Flags().String("match", "", "with --stdin: purge the tag that the first group of this `RE` finds in each line")
	c.Flags().Bool("soft", false, "serve the old results until they have been renewed")
	c.Flags().Bool("dry-run", false, "list what would go, and remove nothing")
	addKeyFlags(c.Flags())
	c.Flags().Lookup("stdin").Usage = "with --match: read events from stdin; with a command: as for run"
	c.Flags().Lookup("key").Usage = "the entry of this `KEY`: hex digits as ls shows them, or name:X"
	c.Flags().Lookup("scope").Usage = "entries with this scope: a `WORD`"
	c.Flags().Lookup("namespace").Usage = "entries in this namespace, as in `a/b`, and below"
	return c
}

// selector tells which entries go. One that is nil selects none.
type selector struct {
	match func(cachedir.EntryInfo) bool // called by several goroutines at once
	all   bool                          // everything: also what cannot be read, and every run under way
	soft  bool                          // the entries are kept
	tag   string                        // by counting up, which costs the same whatever the cache holds
}

func (a *App) purge(c *cobra.Command, args []string) error {
	if c.Flags().Changed("match") {
		return a.purgeEvents(c, args)
	}
	dry, _ := c.Flags().GetBool("dry-run")
	withCommand := len(args) > 0 || c.Flags().Changed("shell")
	names, err := givenSelectors(c, withCommand)
	if err != nil {
		return err
	}
	argv := []string{} // no rule applies, and name:X may need the secret
	if withCommand {
		if argv, err = words(c, args); err != nil {
			return err
		}
	}
	s, warnings, err := a.settingsFor(c, argv)
	if err != nil {
		return err
	}
	a.warnAll(warnings)
	dir, err := a.openStore(s, true)
	if errors.Is(err, cachedir.ErrAbsent) && len(s.Remote) > 0 && !dry { // other hosts may have results
		dir, err = a.openStore(s, false)
	}
	if errors.Is(err, cachedir.ErrAbsent) {
		// it is looked up in the directory
		names = slices.DeleteFunc(names, func(name string) bool { return name == "key" })
		// what is selected must be well written even so
		if _, err := selectByAll(c, nil, s, names); err != nil {
			return err
		}
		return sayPurged(a.Stdout, 0, false, dry)
	}
	if err != nil {
		return err
	}
	sel, err := selectByAll(c, dir, s, names)
	if err == nil && withCommand {
		var command selector
		command, err = a.selectCommand(c, s, argv)
		sel = sel.and(command)
	}
	if err != nil {
		return err
	}
	sel.soft, _ = c.Flags().GetBool("soft")
	if dry {
		return dryPurge(a, dir, sel)
	}
	if dir, err = a.openStore(s, false); err != nil {
		return err
	}
	// Whatever is wrong with a server, what is here goes; and whatever is wrong here, other hosts shall know.
	pass := watch(a, "purging")
	defer pass.end()
	n, err := carryOut(pass, dir, sel)
	if pass.end(); wasInterrupted(err) {
		return pass.interrupted(howFar(n, err))
	}
	if err = errors.Join(err, purgeTiers(s, a.LookupEnv, sel)); err != nil {
		return err
	}
	if len(names) > 0 && names[0] == "scope" && !sel.soft && !withCommand {
		if err := dir.ForgetCounts(engine.ScopeID(s.Namespace, s.Scope)); err != nil {
			return err
		}
	}
	if n == 0 {
		a.nothingReached(c, dir, s, sel, argv)
	}
	return sayPurged(a.Stdout, n, sel.soft, false)
}

// nothingReached names what may have been meant: a tag of almost this name, or the same command in another directory.
func (a *App) nothingReached(c *cobra.Command, dir *cachedir.Dir, s Settings, sel selector, argv []string) {
	if sel.tag != "" {
		if near := nearest(sel.tag, tagsOf(dir)); near != "" && near != sel.tag {
			a.Warn(fmt.Sprintf("no result has the tag %s; did you mean %s?", hashing.Show(sel.tag), hashing.Show(near)))
		}
		return
	}
	if len(argv) == 0 {
		return
	}
	spec, err := a.namedSpec(c, s, argv)
	if err != nil {
		return
	}
	if recipe, err := hashing.Capture(spec, dir.Digests()); err == nil {
		if place := elsewhere(dir, recipe); place != "" {
			a.Warn("this command has results in " + place + ": purge it there, or with --command")
		}
	}
}

// tagsOf lists the tags of all entries.
func tagsOf(dir *cachedir.Dir) []string {
	tags := map[string]bool{}
	_ = dir.Walk(func(i cachedir.EntryInfo) error { // what cannot be read has no tag to offer
		for _, t := range i.Tags {
			tags[t.Name] = true
		}
		return nil
	})
	return slices.Sorted(maps.Keys(tags))
}

func sayPurged(w io.Writer, n int, soft, dry bool) error {
	verb, end := "purged", ""
	if dry {
		verb = "would purge"
	}
	if soft && n > 0 {
		end = " softly: served until renewed or, should that fail, until the time to live is over"
	}
	_, err := fmt.Fprintf(w, "%s %s%s\n", verb, entries(n), end)
	return err
}

// errForgotten is what a purge of everything has done before it removes anything.
var errForgotten = errors.New("no result is valid any more")

// howFar says what a purge has done that was interrupted.
func howFar(removed int, err error) string {
	switch {
	case errors.Is(err, errForgotten):
		return fmt.Sprintf("%v, but of their files only those of %s are removed", errForgotten, entries(removed))
	case removed > 0:
		return "purged " + entries(removed) + "; the others are as they were"
	}
	return "nothing is purged"
}

// carryOut purges, and returns how many results that reached; if it is interrupted, how many entries it removed.
func carryOut(pass *watched, dir *cachedir.Dir, sel selector) (int, error) {
	switch {
	case sel.all:
		return purgeAll(pass, dir, sel)
	case sel.tag != "":
		// A purge of a tag visits no entry, so what it is going to reach is counted before.
		n, err := selected(pass.Pass, dir, sel)
		if wasInterrupted(err) {
			return 0, err
		}
		return n, errors.Join(err, dir.PurgeTag(sel.tag, sel.soft))
	case sel.soft:
		return pass.PurgeSoftly(dir, func(i cachedir.EntryInfo) bool { return valid(dir, i) && sel.match(i) }, false)
	}
	// What was learned of a recipe stays known: it is no result.
	return pass.Purge(dir, func(i cachedir.EntryInfo) bool { return i.Learned == nil && sel.match(i) }, false)
}

// purgeAll counts the entries that could still be replayed, not also those that had been purged by a tag before.
func purgeAll(pass *watched, dir *cachedir.Dir, sel selector) (int, error) {
	n, err := selected(pass.Pass, dir, sel)
	switch {
	case err != nil:
		return 0, err
	case sel.soft:
		return n, dir.PurgeAllSoftly()
	}
	removed, err := pass.PurgeAll(dir)
	if err != nil {
		return removed, fmt.Errorf("%w: %w", errForgotten, err)
	}
	return n, nil
}

// dryPurge lists what would go.
func dryPurge(a *App, dir *cachedir.Dir, sel selector) error {
	pass := watch(a, "looking at entries")
	defer pass.end()
	var (
		rows []row
		mu   sync.Mutex
	)
	n, err := pass.Purge(dir, func(i cachedir.EntryInfo) bool {
		if !sel.selects(dir, i) {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		rows = append(rows, newRow(i))
		return true
	}, true)
	if pass.end(); wasInterrupted(err) {
		return pass.interrupted("nothing is purged")
	}
	if err != nil {
		return err
	}
	sortRows(rows, func(row, row) int { return 0 })
	if len(rows) > 0 {
		if err := rowTable(rows).print(&a.Process); err != nil {
			return err
		}
	}
	return sayPurged(a.Stdout, n, sel.soft, true)
}

// selects reports whether an entry could still be replayed, and is one of those that go.
func (sel selector) selects(dir *cachedir.Dir, i cachedir.EntryInfo) bool {
	return valid(dir, i) && sel.match(i)
}

// selected counts the entries that are selected and could still be replayed.
func selected(pass cachedir.Pass, dir *cachedir.Dir, sel selector) (int, error) {
	return pass.Purge(dir, func(i cachedir.EntryInfo) bool { return sel.selects(dir, i) }, true)
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// givenSelectors lists the selectors among the flags; without a command there must be one.
func givenSelectors(c *cobra.Command, withCommand bool) ([]string, error) {
	const hint = "write one of --all, --expired, --older-than, --tag, --key, --scope, --namespace, --command, " +
		"or -- COMMAND"
	all := []string{"all", "expired", "older-than", "tag", "command", "key", "scope", "namespace"}
	if withCommand {
		all = all[:6] // scope and namespace belong to the recipe then
	}
	given := slices.DeleteFunc(all, func(name string) bool { return !c.Flags().Changed(name) })
	switch {
	case withCommand && slices.Contains(given, "all"):
		return nil, &usageError{Err: errors.New("--all and a command both select"), Hint: "leave out --all"}
	case withCommand && slices.Contains(given, "key"):
		return nil, &usageError{Err: errors.New("--key and a command both select"), Hint: "write one of the two"}
	case withCommand:
		return given, nil
	case len(given) == 0 && c.Flags().Changed("stdin"):
		return nil, &usageError{Err: errors.New("--stdin names no tags by itself"), Hint: "write --stdin --match RE"}
	case len(given) == 0:
		return nil, &usageError{Err: errors.New("nothing is selected"), Hint: hint}
	case slices.Contains(given, "key"): // scope and namespace say where name:X is
		given = slices.DeleteFunc(given, func(name string) bool { return name == "scope" || name == "namespace" })
	case given[0] == "all" && len(given) > 1:
		return nil, &usageError{Err: fmt.Errorf("--all and --%s both select", given[1]), Hint: "leave out --all"}
	}
	for _, name := range inputFlags() {
		if c.Flags().Changed(name) && name != "scope" { // which selects by itself
			return nil, &usageError{
				Err:  fmt.Errorf("--%s needs a command", name),
				Hint: "write it behind --, as for run",
			}
		}
	}
	return given, nil
}

// selectByAll selects what each of the flags selects; without flags everything, for others to narrow.
func selectByAll(c *cobra.Command, dir *cachedir.Dir, s Settings, names []string) (selector, error) {
	var sel selector
	for _, name := range names {
		other, err := selectBy(c, dir, s, name)
		if err != nil {
			return selector{}, err
		}
		sel = sel.and(other)
	}
	return sel, nil
}

// and selects what both select. A tag beside something else is purged by visiting the entries.
func (sel selector) and(other selector) selector {
	if sel.match == nil {
		return other
	}
	return selector{match: func(i cachedir.EntryInfo) bool { return sel.match(i) && other.match(i) }}
}

// selectBy is the selector of one flag. What is encrypted with a key that is not here may be what is meant: where its
// recipe would tell, it goes too.
func selectBy(c *cobra.Command, dir *cachedir.Dir, s Settings, name string) (selector, error) {
	value := c.Flags().Lookup(name).Value.String()
	if value == "" || value == "false" {
		return selector{}, &BadValue{
			Name: "--" + name, Value: value, Why: "selects nothing", Hint: "see " + c.CommandPath() + " --help",
		}
	}
	now := time.Now()
	finished := func(match func(cachedir.EntryInfo) bool) (selector, error) {
		return selector{
			match: func(i cachedir.EntryInfo) bool { return !i.Pending && (i.Err == nil || i.Sealed) && match(i) },
		}, nil
	}
	switch name {
	case "all":
		return selector{all: true, match: func(cachedir.EntryInfo) bool { return true }}, nil
	case "expired":
		return finished(func(i cachedir.EntryInfo) bool {
			end, ends := i.End()
			return ends && !now.Before(end)
		})
	case "older-than":
		age, err := ParseDuration("--older-than", value)
		if err != nil {
			return selector{}, err
		}
		return finished(func(i cachedir.EntryInfo) bool { return now.Sub(i.Ended) > age })
	case "tag":
		tag := hashing.Guard(value, s.Secret)
		return selector{tag: tag, match: func(i cachedir.EntryInfo) bool { // a run under way may have any tag
			return i.Pending || i.Err == nil && hasTag(i, tag)
		}}, nil
	case "key":
		key, err := parseKey(dir, s, value)
		return selector{match: matchKey(dir, key)}, err
	case "scope":
		sample, err := hashing.Capture(hashing.Spec{Name: "sample", Scope: value, Secret: s.Secret}, nil)
		want := factOf(sample.Text, hashing.FactScope).Value // as recipes have it: a digest, if it looks secret
		return selector{
			match: func(i cachedir.EntryInfo) bool {
				return i.Sealed || factOf(i.Recipe, hashing.FactScope).Value == want
			},
		}, err
	case "namespace":
		return selector{match: func(i cachedir.EntryInfo) bool {
			ns, _ := factOf(i.Recipe, hashing.FactNamespace).Text()
			return i.Sealed || ns == value || strings.HasPrefix(ns, strings.TrimSuffix(value, "/")+"/")
		}}, nil
	}
	return selector{match: func(i cachedir.EntryInfo) bool {
		return i.Sealed || matchRecipe(value, i.Recipe)
	}}, nil
}

// matchKey selects the entry of a key, or, where inputs were learned of its recipe, all that lie under what it became.
func matchKey(dir *cachedir.Dir, key hashing.Key) func(cachedir.EntryInfo) bool {
	var recipe []byte
	if e, err := dir.Load(key, cachedir.Good); err == nil {
		if e.Close(); e.Learned != nil {
			recipe = e.Recipe
		}
	}
	return func(i cachedir.EntryInfo) bool {
		return i.Key == key || recipe != nil && hashing.Extends(i.Recipe, recipe)
	}
}

// selectCommand selects all entries of a command line in this directory, or with key flags exactly one recipe.
func (a *App) selectCommand(c *cobra.Command, s Settings, argv []string) (selector, error) {
	spec, err := a.namedSpec(c, s, argv)
	if err != nil {
		return selector{}, err
	}
	if !slices.ContainsFunc(inputFlags(), c.Flags().Changed) {
		ids := hashing.CommandCandidates(spec)
		return selector{match: func(i cachedir.EntryInfo) bool { return slices.Contains(ids, i.Command) }}, nil
	}
	if err := stdinDigest(a.Stdin, s, &spec); err != nil {
		return selector{}, err
	}
	recipe, err := hashing.Capture(spec, nil)
	return selector{match: func(i cachedir.EntryInfo) bool { // also with what was learned
		return i.Key == recipe.Key || i.Command == recipe.Command &&
			(i.Sealed || hashing.Extends(i.Recipe, recipe.Text))
	}}, err
}

// factOf is the first fact of a kind in a recipe.
func factOf(recipe []byte, kind string) hashing.Fact {
	for _, f := range hashing.Facts(recipe) {
		if f.Kind == kind {
			return f
		}
	}
	return hashing.Fact{}
}
