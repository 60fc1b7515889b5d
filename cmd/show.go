package cmd

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

func newShowCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "show KEY",
		Short: "show one entry with its recipe and output",
		Long: `Show prints what is stored under a key: when and how long the command ran, how it ended, its recipe and
its output. KEY is what ls prints, 64 hex digits or at least the first 8, or name:X for what run --key X stored. Both
the last run that exited 0 and the last that did not are shown. Escape sequences in the output are shown, not obeyed;
--stdout and --stderr print exactly what the command wrote, of the run that exited 0 if there is one. Files that run
--output stored are listed; --output PATH prints what one of them holds.` + exitCodes(
			"0    shown", "125  no such entry, or no usable cache directory"),
		Example:           "  cachex show 5ef8cd624418\n  cachex show --stdout name:report",
		Args:              oneArgument("KEY", "cachex ls lists the keys"),
		ValidArgsFunction: newCompleter(app).keys,
		RunE:              func(c *cobra.Command, args []string) error { return app.show(c, args[0]) },
	}
	addFormatFlag(c)
	c.Flags().Bool("stdout", false, "print what the command wrote to stdout, and nothing else")
	c.Flags().Bool("stderr", false, "the same of stderr")
	c.Flags().String("output", "", "print what the file that was stored as this `PATH` holds")
	c.MarkFlagsMutuallyExclusive("stdout", "stderr", "output", "format")
	return c
}

func (a *App) show(c *cobra.Command, text string) error {
	asJSON, err := formatFlag(c)
	if err != nil {
		return err
	}
	dir, s, err := a.openLooking(c)
	if errors.Is(err, cachedir.ErrAbsent) {
		return &usageError{
			Err:  fmt.Errorf("no entry %s", text),
			Hint: "nothing has been stored yet: cachex run -- COMMAND",
		}
	}
	if err != nil {
		return err
	}
	key, err := parseKey(dir, s, text)
	if err != nil {
		return err
	}
	found, err := entriesOf(dir, key)
	if err != nil {
		return err
	}
	defer closeAll(found)
	stdout, _ := c.Flags().GetBool("stdout")
	stderr, _ := c.Flags().GetBool("stderr")
	output, _ := c.Flags().GetString("output")
	switch {
	case c.Flags().Changed("output"):
		return showFile(a.Stdout, found[0], output)
	case stdout:
		return found[0].Replay(a.Stdout, io.Discard)
	case stderr:
		return found[0].Replay(io.Discard, a.Stdout)
	case asJSON:
		return showJSON(a.Stdout, found)
	}
	for _, e := range found {
		if err := showEntry(a.Stdout, e); err != nil {
			return err
		}
	}
	return nil
}

// entriesOf returns what a key has, checked, at least one: the run that exited 0 comes first. The caller closes them.
func entriesOf(dir *cachedir.Dir, key hashing.Key) (found []*cachedir.Entry, err error) {
	var fault error
	for _, slot := range [...]cachedir.Slot{cachedir.Good, cachedir.Failed} {
		e, err := dir.Load(key, slot)
		var miss *cachedir.Miss
		if errors.As(err, &miss) {
			if miss.Reason != stats.New && miss.Reason != stats.Evicted {
				fault = err
			}
			continue
		}
		if err == nil {
			found = append(found, e)
			err = e.Verify()
		}
		if err != nil {
			closeAll(found)
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, noEntry(key, fault)
	}
	return found, nil
}

func closeAll(entries []*cachedir.Entry) {
	for _, e := range entries {
		e.Close()
	}
}

func showJSON(w io.Writer, found []*cachedir.Entry) error {
	views := []entryView{}
	for _, e := range found {
		v, err := newEntryView(e)
		if err != nil {
			return err
		}
		views = append(views, v)
	}
	return printJSON(w, views)
}

func noEntry(key hashing.Key, fault error) error {
	if fault != nil {
		return fmt.Errorf("entry %s cannot be shown: %w", key, fault)
	}
	return &usageError{Err: fmt.Errorf("no entry %s", key), Hint: "cachex ls lists the entries"}
}

func showEntry(w io.Writer, e *cachedir.Entry) error {
	ttl := "none"
	if e.TTL != NoEnd {
		ttl = FormatDuration(e.TTL)
	}
	fmt.Fprintf(w, "key      %s\ncommand  %s\nended    %s, %s\ntook     %s\nttl      %s\n"+
		"stdout   %d bytes\nstderr   %d bytes\n",
		e.Key, masks{}.line(commandWords(e.Recipe)), e.Ended.Local().Format(time.RFC3339), exitText(e.Meta),
		e.Ended.Sub(e.Started).Round(time.Millisecond),
		ttl, e.StdoutSize, e.StderrSize)
	for _, tag := range e.Tags {
		fmt.Fprintf(w, "tag      %s\n", visible(tag.Name))
	}
	showLife(w, e)
	if err := showFiles(w, e); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n--- recipe\n%s", e.Recipe)
	fmt.Fprintf(w, "--- output\n")
	out := &visibleWriter{to: w}
	if err := e.Replay(out, out); err != nil {
		return err
	}
	return out.Flush()
}

// showLife prints what limits the life of an entry besides its time to live.
func showLife(w io.Writer, e *cachedir.Entry) {
	if !e.Until.IsZero() {
		fmt.Fprintf(w, "until    %s\n", e.Until.Local().Format(time.RFC3339))
	}
	if e.Stale > 0 {
		fmt.Fprintf(w, "stale    %s more while it is refreshed\n", FormatDuration(e.Stale))
	}
	if e.Private {
		fmt.Fprintf(w, "private  to user %d\n", e.UID)
	}
	if e.Learned != nil {
		for _, name := range e.Learned.Env {
			fmt.Fprintf(w, "varies   by env %s\n", hashing.Show(name))
		}
		for _, name := range e.Learned.Files {
			fmt.Fprintf(w, "varies   by file %s\n", hashing.ShowPattern(name))
		}
	}
}
