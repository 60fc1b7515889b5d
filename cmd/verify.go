package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
)

func newVerifyCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify",
		Short: "check every entry",
		Long: `Verify reads every entry with its body and checks all checksums. It may run at any time beside others.
Bad entries are misses anyway, and are replaced by the next run; --fix removes them now.` + exitCodes(
			"0    all entries are sound, or were removed with "+
				"--fix", "1    some are not", "125  no usable cache directory"),
		Example: "  cachex verify --fix",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			fix, _ := c.Flags().GetBool("fix")
			return app.verify(c, fix)
		},
	}
	c.Flags().Bool("fix", false, "remove the bad ones")
	return c
}

func (a *App) verify(c *cobra.Command, fix bool) error {
	s, warnings, err := a.settingsFor(c, nil)
	if err != nil {
		return err
	}
	a.warnAll(warnings)
	dir, err := a.openStore(s, true)
	if errors.Is(err, cachedir.ErrAbsent) {
		_, err = fmt.Fprintln(a.Stdout, "nothing is stored, so all is sound")
		return err
	}
	if err == nil && fix {
		dir, err = a.openStore(s, false)
	}
	if err != nil {
		return err
	}
	bad := 0
	err = dir.Check(func(i cachedir.EntryInfo) error {
		bad++
		if _, err := fmt.Fprintf(a.Stdout, "%s: %s\n", i.Key, call.OneLine(i.Err.Error())); err != nil {
			return err
		}
		if fix {
			return dir.Remove(i.Key, i.Slot)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case bad == 0:
		_, err = fmt.Fprintln(a.Stdout, "all entries are sound")
	case fix:
		_, err = fmt.Fprintf(a.Stdout, "%d bad, removed\n", bad)
	default:
		_, err = fmt.Fprintf(a.Stdout, "%d bad: cachex verify --fix removes them\n", bad)
	}
	if err == nil && bad > 0 && !fix {
		return call.ExitStatus(1)
	}
	return err
}
