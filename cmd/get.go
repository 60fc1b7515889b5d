package cmd

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine/values"
)

func newGetCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "get [flags] NAME",
		Short: "print the value of a name",
		Long: `Get prints the value of a name, byte for byte, or nothing if there is none, or if its life is over. Of a
result of run --key it prints what the command wrote to stdout; that of a run whose stdout and stderr were
one file is only there for who asks from such a place. With --remote, what is not here is fetched from
there, and a number, which other machines may be counting up, is asked of the server each
time.` + aboutNames + exitCodes(
			"0    printed",
			"3    there is no such value, and no --default",
			"125  no usable cache directory, or a server that cannot be asked"),
		Example: `  cachex get last-deploy
  token=$(cachex get token) || token=$(fetch-token)
  cachex get --default 0 visits`,
		Args: takesNames(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return app.get(c, args) },
	}
	addNameFlags(c)
	c.Flags().String("default", "", "print this `VALUE` if there is none, and exit 0")
	addNameFile(c)
	return c
}

func (a *App) get(c *cobra.Command, args []string) error {
	names, err := namesOf(c, args)
	if err != nil {
		return err
	}
	missing := error(exitMissing)
	err = a.withValues(c, true, missing, func(v *valueStore) error {
		e, err := v.Get(names[0])
		v.Count(e, err)
		if err != nil {
			return a.judgeValue(names[0], err)
		}
		defer e.Close()
		err = printValue(a.Stdout, e)
		var damaged *cachedir.ReplayError
		if errors.As(err, &damaged) { // since it was looked at
			return missing
		}
		return err
	})
	if value, _ := c.Flags().GetString("default"); errors.Is(err, missing) && c.Flags().Changed("default") {
		_, err = io.WriteString(a.Stdout, value)
	}
	return err
}

func newHasCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "has [flags] NAME",
		Short: "tell whether a name has a value",
		Long: `Has exits 0 if get would print a value, and prints nothing.` + aboutNames + exitCodes(
			"0    there is one",
			"3    there is none, or its life is over",
			"125  no usable cache directory, or a server that cannot be asked"),
		Example: "  cachex has deployed-$version || ./deploy",
		Args:    takesNames(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			names, err := namesOf(c, args)
			if err != nil {
				return err
			}
			return app.withValues(c, true, exitMissing, func(v *valueStore) error {
				e, err := v.Get(names[0])
				if err == nil {
					e.Close()
				}
				return app.judgeValue(names[0], err)
			})
		},
	}
	addNameFlags(c)
	addNameFile(c)
	return c
}

func newDelCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "del [flags] NAME...",
		Short: "take away the values of names",
		Long: `Del removes the values of names, here and on the servers of --remote, and prints how many there were.
What a run --key of such a name that is under way brings is delivered, and not stored; on another machine
only if the name had a value when that run began.` + aboutNames + exitCodes(
			"0    removed",
			"3    none of them had a value",
			"125  no usable cache directory, or a server that cannot be asked"),
		Example: "  cachex del token session",
		Args:    takesNames(1, anyNumber),
		RunE:    func(c *cobra.Command, args []string) error { return app.del(c, args) },
	}
	addNameFlags(c)
	addNameFile(c)
	return c
}

func (a *App) del(c *cobra.Command, args []string) error {
	names, err := namesOf(c, args)
	if err != nil {
		return err
	}
	n := 0
	err = a.withValues(c, false, nil, func(v *valueStore) error {
		for _, name := range names {
			had, err := v.Delete(name)
			if err != nil {
				return a.judgeValue(name, err)
			}
			if had {
				n++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(a.Stdout, n); err != nil {
		return err
	}
	if n == 0 {
		return exitMissing
	}
	return nil
}

func newTouchCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "touch [flags] --ttl D NAME",
		Short: "give the value of a name a new life",
		Long: `Touch gives the value of a name a life from now on. The value stays as old as it is: who asks for one
that is at most an hour old, as run --ttl 1h does, is not given an older one.` + aboutNames + exitCodes(
			"0    done",
			"3    there is no such value",
			"125  no usable cache directory, or a server that cannot be asked"),
		Example: "  cachex touch --ttl 30m session",
		Args:    takesNames(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			names, err := namesOf(c, args)
			if err != nil {
				return err
			}
			if !c.Flags().Changed("ttl") {
				return &usageError{
					Err:  errors.New("touch: no --ttl given"),
					Hint: "write --ttl D, such as --ttl 1h; none: no end",
				}
			}
			return app.withValues(c, false, nil, func(v *valueStore) error {
				life, err := lifeOf(c, v.settings)
				if err != nil {
					return err
				}
				return app.judgeValue(names[0], v.Touch(names[0], life))
			})
		},
	}
	addNameFlags(c)
	c.Flags().String("ttl", "", "how long the value lives from now on: a duration `D`; none: no end")
	addNameFile(c)
	return c
}

// lifeOf is how long a value is to live, by --ttl alone: what settings say is about results.
func lifeOf(c *cobra.Command, s Settings) (time.Duration, error) {
	switch {
	case !c.Flags().Changed("ttl"):
		return values.NoEnd, nil
	case s.TTL == 0:
		return 0, &BadValue{
			Name: "--ttl", Value: "0", Why: "the value would be gone at once",
			Hint: "write a duration such as 30m, or none; cachex del takes a value away",
		}
	}
	return s.TTL, nil
}
