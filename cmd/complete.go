package cmd

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/hashing/tools"
)

// completer knows what a shell may offer to who types a command line.
type completer struct {
	environ []string
	open    func(*cobra.Command) (*cachedir.Dir, error) // to look; a command has the flags that say where
}

func newCompleter(app *App) *completer {
	return &completer{app.Environ, func(c *cobra.Command) (*cachedir.Dir, error) {
		dir, _, err := app.openLooking(c)
		return dir, err
	}}
}

// prepare makes a tree of commands one for shells to ask: with values for flags, and without the marks in usages by
// which help names them.
func (o *completer) prepare(root *cobra.Command) {
	for _, c := range append(root.Commands(), root) {
		each := func(f *pflag.Flag) {
			if values := o.values(f); values != nil && f.NoOptDefVal == "" {
				// It fails only for flags that are not there, or are registered twice.
				_ = c.RegisterFlagCompletionFunc(f.Name, values)
			}
		}
		c.LocalFlags().VisitAll(each)
		if c.ValidArgs == nil && c.ValidArgsFunction == nil && c.Flags().Lookup("shell") == nil {
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	for _, c := range append(root.Commands(), root) { // when all have been read
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	}
}

// values is what a shell offers for the value of a flag; nil: files.
func (o *completer) values(f *pflag.Flag) cobra.CompletionFunc {
	const noFiles = cobra.ShellCompDirectiveNoFileComp
	const inOrder = noFiles | cobra.ShellCompDirectiveKeepOrder
	if words := choices(f); words != nil {
		return cobra.FixedCompletions(words, noFiles)
	}
	switch f.Name {
	case "ttl", "ttl-fail", "stale", "stale-if-error", "wait":
		return cobra.FixedCompletions([]string{"30s", "5m", "1h", "1d", "7d", "none"}, inOrder)
	case "older-than", "since":
		return cobra.FixedCompletions([]string{"1h", "1d", "7d", "30d"}, inOrder)
	case "min-cost":
		return cobra.FixedCompletions([]string{"100ms", "1s", "10s"}, inOrder)
	case "max-entry", "max-size":
		return cobra.FixedCompletions([]string{"1MiB", "10MiB", "100MiB"}, inOrder)
	case "cache-exit":
		return cobra.FixedCompletions([]string{"0", "0,1", "any"}, noFiles)
	case "verify", "sample":
		return cobra.FixedCompletions([]string{"1%", "5%", "100%"}, inOrder)
	case "jitter":
		return cobra.FixedCompletions([]string{"5%", "10%", "20%"}, inOrder)
	case "env":
		return o.variables
	case "remote":
		schemes := []string{"redis://", "rediss://", "memcached://", "s3://", "http://", "https://", "file://"}
		return cobra.FixedCompletions(schemes, noFiles|cobra.ShellCompDirectiveNoSpace)
	case "tag", "purge-tag":
		return o.stored(tagNames)
	case "scope", "namespace":
		return o.stored(func(i cachedir.EntryInfo) []string { return factTexts(i, f.Name) })
	case "key":
		return o.keys
	case "command":
		return o.stored(func(i cachedir.EntryInfo) []string { return []string{strings.Join(matchable(i.Recipe), " ")} })
	case "cache-dir", "dir":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	case "file", "output", "touched", "to":
		return nil
	}
	return cobra.NoFileCompletions
}

// variables offers the names of variables for the last element of a list.
func (o *completer) variables(_ *cobra.Command, _ []string, begin string) (names []string, _ cobra.ShellCompDirective) {
	before := begin[:strings.LastIndexByte(begin, ',')+1]
	for _, kv := range o.environ {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(before+name, begin) && !strings.HasPrefix(name, variablePrefix) {
			names = append(names, before+name)
		}
	}
	if strings.HasPrefix(begin, before+toolMark) {
		for _, name := range tools.Names() {
			names = append(names, before+toolMark+name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// keys offers the keys of entries, each with its command; to run, for which a key is a name, the names that were used.
func (o *completer) keys(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 && c.Name() == "show" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if c.Name() != "purge" && c.Name() != "show" {
		return o.stored(func(i cachedir.EntryInfo) []string { return factTexts(i, "name") })(c, args, begin)
	}
	return o.stored(func(i cachedir.EntryInfo) []string {
		return []string{cobra.CompletionWithDesc(i.Key.String()[:12], masks{}.line(commandWords(i.Recipe)))}
	})(c, args, begin)
}

func tagNames(i cachedir.EntryInfo) (names []string) {
	for _, tag := range i.Tags {
		names = append(names, tag.Name)
	}
	return names
}

func factTexts(i cachedir.EntryInfo, kind string) []string {
	if text, readable := factOf(i.Recipe, kind).Text(); readable {
		return []string{text}
	}
	return nil
}

const (
	offerMost = 50                     // more are of no use to who has to choose
	lookLimit = 100 * time.Millisecond // longer nobody waits for a completion; what was found until then is offered
)

var errEnough = errors.New("enough")

// stored offers what entries have, that of the youngest first. It only looks, and makes no cache directory.
func (o *completer) stored(values func(cachedir.EntryInfo) []string) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
		last := map[string]time.Time{}
		until := time.Now().Add(lookLimit)
		if dir, err := o.open(c); err == nil {
			_ = dir.Walk(func(i cachedir.EntryInfo) error { // what cannot be read is not offered
				if i.Err == nil && !i.Pending && i.Learned == nil {
					for _, value := range values(i) {
						if strings.HasPrefix(value, begin) && value != "" && i.Ended.After(last[value]) {
							last[value] = i.Ended
						}
					}
				}
				if time.Now().After(until) {
					return errEnough
				}
				return nil
			})
		}
		return youngest(last), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// youngest lists the values used last. One that is no line of plain text would break the shell's list.
func youngest(last map[string]time.Time) (values []string) {
	for value := range last {
		if text, _, _ := strings.Cut(value, "\t"); text == call.OneLine(text) {
			values = append(values, value)
		}
	}
	slices.SortFunc(values, func(x, y string) int { return cmp.Or(last[y].Compare(last[x]), strings.Compare(x, y)) })
	return values[:min(len(values), offerMost)]
}
