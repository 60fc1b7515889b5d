package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
)

func newWhyCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "why [flags] -- COMMAND [ARG...]",
		Short: "say what changed since the nearest earlier entry of a command",
		Long: `Why says whether run would replay a result for this command now and, if not, why: what changed since the
nearest earlier entry of the same command in the same directory, that the result expired, or that it was evicted. Give
it the flags that run got. What cannot be known is called unknown. Nothing is run and nothing is written.` + exitCodes(
			"0    answered; with --exit-code: run would replay a "+
				"result", "1    with --exit-code: it would not", "125  bad flag, or no usable cache "+
				"directory", "126  the command cannot be executed", "127  the command was not found"),
		Example: "  cachex why --file go.sum -- go build ./...",
		RunE:    func(c *cobra.Command, args []string) error { return app.why(c, args) },
	}
	c.Flags().SetInterspersed(false)
	c.Flags().SortFlags = false
	addRunFlags(c.Flags())
	showOnly(c.Flags(), append(keyFlags(), "ttl", "ttl-fail", "ttl-until", "cache-exit", "jitter", "tag")...)
	addFormatFlag(c)
	c.Flags().Bool("exit-code", false, "exit with 1 if run would not replay a result")
	return c
}

func (a *App) why(c *cobra.Command, args []string) error {
	asJSON, err := formatFlag(c)
	if err != nil {
		return err
	}
	recipe, spec, s, err := a.recipe(c, args, nil)
	if err != nil {
		return err
	}
	w, err := a.look(recipe, spec, s)
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(a.Stdout, newAnswerView(w))
	} else {
		_, err = a.Stdout.WriteString(answerText(w))
	}
	if exit, _ := c.Flags().GetBool("exit-code"); err == nil && exit && w.Reason != "" {
		return call.ExitStatus(1)
	}
	return err
}

func answerText(w answer) string {
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
	if w.Elsewhere != "" {
		fmt.Fprintf(
			&b,
			"this command has a result in %s; --cwd repo shares results among clones, --cwd none among all "+
				"directories\n",
			w.Elsewhere,
		)
	}
	if w.Nearest != (hashing.Key{}) {
		fmt.Fprintf(&b, "compared with %s\n", w.Nearest)
	}
	return b.String()
}

// answer is what why says.
type answer struct {
	engine.Why
	Elsewhere string // another directory, in which the command has a result
}

// look asks what run would find. Where there is no cache directory yet, nothing was stored.
func (a *App) look(recipe hashing.Recipe, spec hashing.Spec, s Settings) (answer, error) {
	dir, err := a.openStore(s, true)
	if errors.Is(err, cachedir.ErrAbsent) {
		return answer{Why: engine.NeverStored()}, nil
	}
	if err != nil {
		return answer{}, err
	}
	w := answer{Why: engine.Look(dir, recipe, engine.Request{
		Spec: spec, TTL: s.TTL, TTLFail: s.TTLFail, CacheExit: s.CacheExit.Has, Jitter: float64(s.Jitter),
		Until: s.TTLUntil.Next(), Tags: guardTags(s.Tag, s.Secret),
		Stdout: a.Stdout, Stderr: a.Stderr,
	})}
	if w.Reason == stats.New {
		w.Elsewhere = elsewhere(dir, recipe)
	}
	return w, nil
}
