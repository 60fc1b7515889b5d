package cmd

import (
	"bufio"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/engine/values"
	"github.com/cachex-cli/cachex/runner"
)

func newKeysCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "keys [flags] [GLOB]",
		Short: "list the names that have values",
		Long: `Keys lists the names of the namespace that have values on this machine, a line each, in order. Servers
are not asked: they do not know the names. In GLOB, * stands for any bytes, slashes too, ? for one character,
[a-z] for one of several. At a terminal, names are quoted as a shell would need them.` + aboutNames + exitCodes(
			"0    listed; also when there is none", "125  no usable cache directory"),
		Example: `  cachex keys 'session/*'
  cachex keys -0 'tmp-*' | xargs -0 cachex del --`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return noArguments(c, args[1:])
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return app.keys(c, args) },
	}
	addNameFlags(c)
	c.Flags().BoolP("null", "0", false, "end each name with a NUL byte, not with a line feed")
	c.Flags().Bool("ttl", false, "behind each name, and a tab, how long its value has still to live; none: no end")
	return c
}

func (a *App) keys(c *cobra.Command, args []string) error {
	glob := "*"
	if len(args) > 0 {
		glob = args[0]
	}
	match, err := nameGlob(glob)
	if err != nil {
		return err
	}
	var found []values.Value
	err = a.withValues(c, true, nil, func(v *valueStore) error {
		return v.Keys(match, func(v values.Value) error {
			found = append(found, v)
			return nil
		})
	})
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(x, y values.Value) int { return strings.Compare(x.Name, y.Name) })
	null, _ := c.Flags().GetBool("null")
	lives, _ := c.Flags().GetBool("ttl")
	return a.printNames(found, null, lives)
}

// nameGlob matches whole names. It is path.Match, for which a slash is not like other bytes; a NUL, which no name has,
// is.
func nameGlob(glob string) (func(name string) bool, error) {
	plain := func(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
	glob = plain(glob)
	if _, err := path.Match(glob, ""); err != nil {
		return nil, &BadValue{
			Name: "GLOB", Value: strings.ReplaceAll(glob, "\x00", "/"), Why: "not a pattern",
			Hint: `close each [ with ], and write \[ for the character`,
		}
	}
	return func(name string) bool {
		ok, err := path.Match(glob, plain(name))
		return ok && err == nil
	}, nil
}

func (a *App) printNames(found []values.Value, null, lives bool) error {
	end, shown := byte('\n'), func(name string) string { return name }
	switch {
	case null:
		end = 0
	case runner.IsTerminal(a.Stdout):
		shown = shellQuote
	}
	w := bufio.NewWriter(a.Stdout)
	for _, v := range found {
		_, _ = w.WriteString(shown(v.Name)) // Flush tells what went wrong
		if lives {
			_, _ = w.WriteString("\t" + lifeLeft(v.End))
		}
		_ = w.WriteByte(end)
	}
	return w.Flush()
}

func lifeLeft(end time.Time) string {
	if end.IsZero() {
		return "none"
	}
	return engine.Short(time.Until(end))
}
