package cmd

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/hashing"
)

func newVerifyCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify",
		Short: "check every entry",
		Long: `Verify reads every entry with its body and checks all checksums. It may run at any time beside others.
Bad entries are misses anyway, and are replaced by the next run; --fix removes them now.

It also lists the results that were another when run --verify made them anew, with the first line that differed. That is
no damage: such a command depends on something that is in no key.

--sample P makes that now of P% of what is stored, without waiting for hits: it runs their commands again, each in its
directory, with the present environment and an empty stdin, and what they print is only compared. It runs none but those
for which the settings that hold there say verify, as a rule does by verify = "5%", or CACHEX_VERIFY for all; how large
that share is does not matter here. And only where the key is the same now and the result is fresh: of how many that was
not so, and why, is said. A result that was another is replaced.` + exitCodes(
			"0    all entries are sound, or were removed with --fix, and no result was another",
			"1    some are not sound, or --sample found a result that was another",
			"125  bad flag, or no usable cache directory",
			"130  interrupted: what --fix had removed is gone"),
		Example: "  cachex verify --fix\n  cachex verify --sample 5%",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return app.verify(c)
		},
	}
	c.Flags().Bool("fix", false, "remove the bad ones")
	c.Flags().String("sample", "", "run `P`% of the results again, of commands for which the settings say verify")
	return c
}

// printDifferences lists what differed when it was made anew.
func printDifferences(w io.Writer, dir *cachedir.Dir) error {
	all := dir.Differences()
	if len(all) == 0 {
		return nil
	}
	words := map[hashing.CommandID][]recipeWord{}
	err := dir.Walk(func(i cachedir.EntryInfo) error {
		if i.Err == nil && !i.Pending {
			words[i.Command] = commandWords(i.Recipe)
		}
		return nil
	})
	if err != nil {
		return err
	}
	secrets := masks{}
	for _, d := range all {
		_, err := fmt.Fprintf(w, "%s, %s: %s: %s\n", d.Key.String()[:12], d.When.Local().Format(time.DateTime),
			secrets.line(words[d.Command]), call.OneLine(d.String()))
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *App) verify(c *cobra.Command) error {
	fix, _ := c.Flags().GetBool("fix")
	sample, share, err := sampleFlag(c)
	if err != nil {
		return err
	}
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
	if err == nil && (fix || sample) {
		dir, err = a.openStore(s, false)
	}
	if err != nil {
		return err
	}
	another := 0
	if sample {
		if another, err = verifySample(a, dir, share); err != nil {
			return err
		}
	}
	if err := printDifferences(a.Stdout, dir); err != nil {
		return err
	}
	pass := watch(a, "checking entries")
	defer pass.end()
	bad := 0
	err = pass.Check(dir, func(i cachedir.EntryInfo) error {
		bad++
		pass.clear()
		if _, err := fmt.Fprintf(a.Stdout, "%s: %s\n", i.Key, call.OneLine(i.Err.Error())); err != nil {
			return err
		}
		if fix {
			return dir.Remove(i.Key, i.Slot)
		}
		return nil
	})
	pass.end()
	switch {
	case wasInterrupted(err):
		return pass.interrupted(fmt.Sprintf("%s bad among those that were checked", entries(bad)))
	case err != nil:
		return err
	case bad == 0:
		_, err = fmt.Fprintln(a.Stdout, "all entries are sound")
	case fix:
		_, err = fmt.Fprintf(a.Stdout, "%d bad, removed\n", bad)
	default:
		_, err = fmt.Fprintf(a.Stdout, "%d bad: cachex verify --fix removes them\n", bad)
	}
	if err == nil && (bad > 0 && !fix || another > 0) {
		return call.ExitStatus(1)
	}
	return err
}
