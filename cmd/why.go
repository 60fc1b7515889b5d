package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
)

func newWhyCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "why [flags] -- COMMAND [ARG...]",
		Short: "say what changed since the nearest earlier entry of a command",
		Long: `Why says whether run would replay a result for this command now and, if not, why: what changed since the nearest
earlier entry of the same command in the same directory, that the result expired, or that it was evicted. Give it the
flags that run got. What cannot be known is called unknown. Nothing is run and nothing is written.` + exitCodes(
			"0    answered", "125  bad flag, or no usable cache directory", "126  the command cannot be executed", "127  the command was not found"),
		Example: "  cachex why --file go.sum -- go build ./...",
		RunE:    func(c *cobra.Command, args []string) error { return app.why(c, args) },
	}
	c.Flags().SetInterspersed(false)
	c.Flags().SortFlags = false
	addRunFlags(c.Flags())
	showOnly(c.Flags(), append(keyFlags(), "ttl", "ttl-fail", "ttl-until", "cache-exit", "jitter", "tag")...)
	return c
}

func (a *App) why(c *cobra.Command, args []string) error {
	recipe, spec, s, err := a.recipe(c, args, nil)
	if err != nil {
		return err
	}
	dir, err := a.openStore(s, true)
	if err != nil {
		return err
	}
	w := engine.Look(dir, recipe, engine.Request{
		Spec: spec, TTL: s.TTL, TTLFail: s.TTLFail, CacheExit: s.CacheExit.Has, Jitter: float64(s.Jitter),
		Until: s.TTLUntil.Next(), Tags: guardTags(s.Tag, s.Secret),
		Stdout: a.Stdout, Stderr: a.Stderr,
	})
	var b strings.Builder
	switch {
	case w.Reason == "":
		fmt.Fprintf(&b, "hit: %s\n", w.Detail)
	case len(w.Changes) == 0:
		fmt.Fprintf(&b, "%s\n", w.Detail)
	}
	for _, change := range w.Changes {
		fmt.Fprintln(&b, change.Text)
	}
	if w.Nearest != (hashing.Key{}) {
		fmt.Fprintf(&b, "compared with %s\n", w.Nearest)
	}
	_, err = a.Stdout.WriteString(b.String())
	return err
}
