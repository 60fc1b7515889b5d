package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/advice"
	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
)

func newAdviseCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "advise",
		Short: "say which commands are worth caching, and which flag would help",
		Long: `Advise has a line for each command that ran through the cache: how often, how many of these runs were answered from
it, how long a run takes, how large its results are, what was saved, how often its inputs changed, and how often its
result had expired and, of these, how often it was the same when it was made anew. Commands that ran less than five times
stand together under the name of their program. Each line begins with a verdict, and if that is not to keep things as they
are, the line below says from which numbers it follows, and which flag or setting follows from it:

keep         nothing to change
drop         a run is cheaper than a hit, no run was ever answered, or the output is another each time
longer ttl   when its result expires, the output is still the same
shorter ttl  its result is refreshed by hand before it expires, and the output is another then
stale        callers wait long for results that have expired: the old one could be served meanwhile
name input   it is refreshed by hand although nothing in its key has changed, or what changes in its key does not matter
max-size     its results are evicted shortly before they are asked for again

It asks nothing but the counts of stats and what is stored, and runs nothing. Of secrets in a command only ***1 is
shown, as by ls.` + exitCodes("0    printed; also when there is nothing", "125  bad flag, or no usable cache directory"),
		Example: `  cachex advise
  cachex advise --since 7d --format json | jq -r '.[] | select(.verdict != "keep") | .command'`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return advise(app, c) },
	}
	c.Flags().SortFlags = false
	addFormatFlag(c)
	addSinceFlag(c)
	return c
}

func addSinceFlag(c *cobra.Command) {
	c.Flags().String("since", "",
		"count only what happened within the last `D`; older counts are kept by the hour, then by the day")
}

// sinceFlag reads --since; zero: from the beginning.
func sinceFlag(c *cobra.Command) (time.Time, error) {
	text, _ := c.Flags().GetString("since")
	if !c.Flags().Changed("since") {
		return time.Time{}, nil
	}
	d, err := ParseDuration("--since", text)
	if err != nil {
		return time.Time{}, err
	}
	return time.Now().Add(-d), nil
}

func advise(a *App, c *cobra.Command) error {
	asJSON, err := formatFlag(c)
	if err != nil {
		return err
	}
	from, err := sinceFlag(c)
	if err != nil {
		return err
	}
	var all []advised
	dir, s, err := a.openLooking(c)
	if err == nil {
		all, err = adviceOn(dir, from)
	}
	switch {
	case errors.Is(err, cachedir.ErrAbsent):
	case err != nil:
		return err
	}
	if asJSON {
		return adviceJSON(a.Stdout, all)
	}
	if len(all) == 0 {
		a.Warn("no run was counted in " + hashing.Show(storePath(s, a.LookupEnv)))
		return nil
	}
	return adviceText(&a.Process, all)
}

// advised is a command with what is to be said of it.
type advised struct {
	advice.Command
	advice.Advice
	words  []recipeWord // empty: nothing is stored of it
	stored int64        // bytes that are stored of it
}

// adviceOn judges all commands that were counted since a time.
func adviceOn(dir *cachedir.Dir, from time.Time) ([]advised, error) {
	rows, err := dir.Journal.Rows(from)
	if err != nil {
		return nil, err
	}
	known, err := storedOf(dir)
	if err != nil {
		return nil, err
	}
	maxSize := ""
	if t := advice.FindThrashing(rows, dir.MaxSize()); t != nil {
		maxSize = "max-size = " + sizeFlag(t.MaxSize)
	}
	var all []advised
	for _, c := range advice.Commands(rows) {
		one := advised{Command: c}
		k := advice.Known{MaxSize: maxSize}
		if s := known[c.ID]; s != nil && c.ID != 0 {
			one.words, one.stored = s.words, s.bytes
			k.HasTTL, k.TTL = len(s.words) > 0, s.ttl
			k.NotStored, k.Code = s.notStored, s.code
			k.ByWish = strings.HasSuffix(s.notStored, "--min-cost") || strings.HasSuffix(s.notStored, "no-store")
		}
		one.Advice = c.Judge(k)
		all = append(all, one)
	}
	return all, nil
}

// storedCommand is what the store holds of a command.
type storedCommand struct {
	words     []recipeWord
	ended     time.Time // of the youngest entry
	ttl       time.Duration
	bytes     int64
	notStored string
	code      int // of its last run
}

// storedOf reads all entries and all records of commands.
func storedOf(dir *cachedir.Dir) (map[stats.CommandID]*storedCommand, error) {
	all := map[stats.CommandID]*storedCommand{}
	of := func(id hashing.CommandID) *storedCommand {
		short := shortID(id)
		if all[short] == nil {
			all[short] = &storedCommand{}
		}
		return all[short]
	}
	err := dir.Walk(func(i cachedir.EntryInfo) error {
		if i.Err != nil || i.Pending || i.Learned != nil {
			return nil
		}
		s := of(i.Command)
		s.bytes += i.Stored
		if words := commandWords(i.Recipe); len(words) > 0 && (s.words == nil || i.Ended.After(s.ended)) {
			s.words, s.ended, s.ttl = words, i.Ended, i.TTL
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	dir.EachCommand(func(id hashing.CommandID, r cachedir.CommandRecord) {
		if len(r.Runs) > 0 {
			s := of(id)
			s.notStored, s.code = r.Runs[0].NotStored, r.Runs[0].Code
		}
	})
	return all, nil
}

// line is the command as it is shown: without an entry the name of its program is all that is known.
func (d *advised) line(secrets masks) string {
	switch {
	case len(d.words) > 0:
		return secrets.line(d.words)
	case d.ID != 0:
		return visible(d.Family) + " (nothing is stored of it)"
	}
	return visible(d.Family) + " (rare commands)"
}

func (d *advised) hitRate() float64 { return float64(d.Answered) / float64(max(d.Runs, 1)) }

// size is what its results take, or, if nothing is stored, what its runs printed.
func (d *advised) size() int64 {
	if d.stored > 0 || d.Ran == 0 {
		return d.stored
	}
	return d.Bytes / d.Ran
}

func adviceText(p *call.Process, all []advised) error {
	t := &table{head: []string{
		"VERDICT", "RUNS", "HITS", "TOOK", "SIZE", "SAVED", "CHANGED", "EXPIRED", "SAME", "COMMAND",
	}}
	secrets := masks{}
	for _, d := range all {
		t.rows = append(t.rows, []string{
			string(d.Verdict), fmt.Sprint(d.Runs), fmt.Sprintf("%.0f %%", 100*d.hitRate()), engine.Short(d.Took()),
			roundSize(d.size()), engine.Short(d.Saved), fmt.Sprint(d.Changed.Runs), fmt.Sprint(d.Expired.Runs),
			fmt.Sprint(d.Expired.Same), d.line(secrets),
		})
		t.own = append(t.own, d.Verdict != advice.Keep)
		below := ""
		if d.Verdict != advice.Keep {
			below = "  " + call.OneLine(d.Why)
			if d.Flag != "" {
				below += ": " + d.Flag
			}
		}
		t.below = append(t.below, below)
	}
	return t.print(p)
}

// adviceView is what programs read of it. Names are never changed; times are seconds.
type adviceView struct {
	Verdict      string  `json:"verdict"`
	Why          string  `json:"why"`
	Flag         string  `json:"flag"`
	Command      string  `json:"command"`
	Runs         int64   `json:"runs"`
	Answered     int64   `json:"answered"`
	HitRate      float64 `json:"hit_rate"`
	Took         float64 `json:"took_seconds"`
	Size         int64   `json:"size_bytes"`
	Saved        float64 `json:"saved_seconds"`
	Spent        float64 `json:"spent_seconds"`
	Changed      int64   `json:"inputs_changed"`
	ChangedSame  int64   `json:"inputs_changed_same_output"`
	Expired      int64   `json:"expired"`
	ExpiredSame  int64   `json:"expired_same_output"`
	ExpiredOther int64   `json:"expired_other_output"`
	Refreshed    int64   `json:"refreshed"`
	NotStored    int64   `json:"not_stored"`
	Evicted      int64   `json:"evicted_shortly_before"`
}

func adviceJSON(w io.Writer, all []advised) error {
	views := []adviceView{}
	secrets := masks{}
	for _, d := range all {
		views = append(views, adviceView{
			string(d.Verdict), d.Why, d.Flag, d.line(secrets), d.Runs, d.Answered, d.hitRate(), d.Took().Seconds(),
			d.size(), d.Saved.Seconds(), d.Spent.Seconds(), d.Changed.Runs, d.Changed.Same, d.Expired.Runs,
			d.Expired.Same, d.Expired.Other, d.Forced.Runs, d.Unstored, d.Regret,
		})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(views)
}

// sizeFlag writes a size as settings take it.
func sizeFlag(n int64) string {
	for _, unit := range [...]string{"KiB", "MiB", "GiB"} {
		n >>= 10
		if n%(1<<10) != 0 || unit == "GiB" {
			return fmt.Sprint(n) + unit
		}
	}
	return ""
}
