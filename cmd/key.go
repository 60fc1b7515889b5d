package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/hashing"
)

func newKeyCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "key [flags] -- COMMAND [ARG...]",
		Short: "print the recipe of a command and its key, without running it",
		Long: `Key prints what identifies a run: the recipe, one fact a line, and its SHA-256, which is the key. It
takes the flags of run; those below belong to the key. Values of environment variables and words that look secret appear
as digests.` + exitCodes(
			"0    printed", "125  bad flag, or an input that cannot be "+
				"read", "126  the command cannot be executed", "127  the command was not found"),
		Example: "  cachex key --file go.sum -- go build ./...",
		RunE: func(c *cobra.Command, args []string) error {
			asJSON, err := formatFlag(c)
			if err != nil {
				return err
			}
			recipe, _, _, err := app.recipe(c, args, nil)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(app.Stdout, recipeView{recipe.Key.String(), factViews(recipe.Text)})
			}
			_, err = fmt.Fprintf(app.Stdout, "key %s\n%s", recipe.Key, recipe.Text)
			return err
		},
	}
	c.Flags().SetInterspersed(false)
	c.Flags().SortFlags = false
	addRunFlags(c.Flags())
	showOnly(c.Flags(), keyFlags()...)
	addFormatFlag(c)
	return c
}

// recipe captures the recipe of the command line that key and why were given.
func (a *App) recipe(c *cobra.Command, args []string, digests hashing.Digests) (
	r hashing.Recipe, spec hashing.Spec, s Settings, err error,
) {
	argv, err := words(c, args)
	if err != nil {
		return r, spec, s, err
	}
	s, warnings, err := a.settingsFor(c, argv)
	if err != nil {
		return r, spec, s, err
	}
	a.warnAll(warnings)
	if spec, err = a.namedSpec(c, s, argv); err != nil {
		return r, spec, s, err
	}
	if err = stdinDigest(a.Stdin, s, &spec); err != nil {
		return r, spec, s, err
	}
	r, err = hashing.Capture(spec, digests)
	return r, spec, s, err
}
