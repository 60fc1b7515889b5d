package cmd

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/engine/values"
	"github.com/cachex-cli/cachex/runner"
)

func newSetCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "set [flags] NAME",
		Short: "give a name the value that stdin has",
		Long: `Set reads stdin to its end, byte for byte, and makes that the value of a name, here and on the servers of
--remote. The value lives for --ttl, whoever asks; without that it has no end of its own, and goes when
nobody has used it for as long as the setting keep says, or when room is needed. With --add only one of
those who set a name at the same time wins. A run --key of the name that is under way does not replace
it, also not on another machine, where they share Redis, Memcached or S3.` + aboutNames + exitCodes(
			"0    stored",
			"1    --add: the name has a value already",
			"125  not stored: no usable cache directory, no room, or a server failed"),
		Example: `  git rev-parse HEAD | cachex set last-deploy
  cachex set --ttl 30m --tag users session <session.json
  cachex set --add --ttl 1h nightly </dev/null && ./nightly`,
		Args: takesNames(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return app.set(c, args) },
	}
	addNameFlags(c)
	c.Flags().String("ttl", "", "how long the value lives: a duration `D`; none: no end, which is the default")
	c.Flags().StringArray("tag", nil, "label the value with this `TAG` for purge --tag")
	c.Flags().Bool("add", false, "only if the name has no value")
	addNameFile(c)
	return c
}

func (a *App) set(c *cobra.Command, args []string) error {
	names, err := namesOf(c, args)
	if err != nil {
		return err
	}
	if runner.IsTerminal(a.Stdin) {
		return &usageError{
			Err:  errors.New("set: the value would be what you type here"),
			Hint: "write printf %s VALUE | cachex set NAME, or cachex set NAME <FILE",
		}
	}
	add, _ := c.Flags().GetBool("add")
	return a.withValues(c, false, nil, func(v *valueStore) error {
		life, err := lifeOf(c, v.settings)
		if err != nil {
			return err
		}
		o := values.Options{Life: life, Tags: guardTags(v.settings.Tag, v.settings.Secret), Add: add}
		return a.judgeValue(names[0], v.Set(names[0], a.Stdin, o))
	})
}
