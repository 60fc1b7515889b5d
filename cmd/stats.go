package cmd

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine"
)

func newStatsCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "stats",
		Short: "print what the cache did and saved",
		Long: `Stats counts the runs since the cache was made: hits, misses and their reasons, stale, shared and
uncached runs, bytes served, seconds spent and saved, in all and by command. Every run is one of hit, miss, stale,
shared and bypassed. What renewed results in the background is counted apart, as are calls that --cached-only refused
or --no-wait had no answer for, and values that get was asked for. A shell text is counted under the first program in
it. --reset makes counting start anew. With --scope it prints hits, misses, limit and size of a scope whose runs have
--max-entries, as cache_info() of Python's functools.lru_cache does; purge --scope makes these start anew,
too, of the same --namespace alone, whatever entries it reaches.

With --by tag runs are counted by tag instead of by command: each under all tags that stored results of its command have, so
one may be counted twice. All entries are read for that.

It says when the cache suffers: that results are evicted shortly before they are asked for (thrashing), and that most of
what is stored is never read (over-caching), with the setting that ends it. --html draws all of it as one page, in which
each chart stands as a table, too.` + exitCodes(
			"0    printed", "125  bad flag, no usable cache directory, or a file that cannot be written"),
		Example: `  cachex stats
  cachex stats --since 7d --html stats.html
  cachex stats --by tag
  cachex stats --format json | jq .hits
  cachex stats --format prometheus -o /var/lib/node_exporter/cachex.prom
  cachex stats --scope fib`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return app.stats(c) },
	}
	c.Flags().SortFlags = false
	c.Flags().String("format", "text", "`text|json|prometheus|openmetrics|markdown`")
	c.Flags().String("by", byCommand, "what the rows are: `command|tag`")
	c.Flags().String("html", "", "draw it as a page in this `FILE`, for a browser, without network or script; - is stdout")
	c.Flags().StringP("to", "o", "-", "write to this `FILE`, which is at no time half-written; - is stdout")
	c.Flags().String("watch", "", "draw it anew on the terminal each `D`, until interrupted")
	c.Flags().String("scope", "", "what the limit of entries of this scope did, as lru_cache tells it: a `WORD`")
	c.Flags().String("namespace", "", "of the scope, as in `a/b`")
	c.Flags().Bool("reset", false, "print the counts, then set all of them to zero")
	addSinceFlag(c)
	return c
}

// statsFormats are those of --format.
var statsFormats = map[string]func(io.Writer, statsReport) error{
	"text": statsText, "json": statsJSON, "prometheus": statsPrometheus, "openmetrics": statsOpenMetrics,
	"markdown": statsMarkdown,
}

func (a *App) stats(c *cobra.Command) error {
	format, _ := c.Flags().GetString("format")
	write, ok := statsFormats[format]
	if !ok {
		return &BadValue{
			Name: "--format", Value: format, Why: "no such format",
			Hint: "write text, json, prometheus, openmetrics or markdown",
		}
	}
	if err := statsExclude(c); err != nil {
		return err
	}
	switch {
	case c.Flags().Changed("scope"):
		return a.scopeStats(c, format)
	case c.Flags().Changed("watch"):
		return watchStats(a, c, write)
	case c.Flags().Changed("html"):
		write = nil
	}
	return statsOnce(a, c, write)
}

// statsExclude refuses flags that cannot be given together.
func statsExclude(c *cobra.Command) error {
	ways := []string{"scope", "watch", "html"}
	given := func(name string) bool { return c.Flags().Changed(name) }
	for i, name := range ways {
		rivals := append(slices.Clone(ways[i+1:]), map[string][]string{
			"scope": {"to", "by"}, "watch": {"to", "reset"}, "html": {"to", "format", "by"},
		}[name]...)
		if k := slices.IndexFunc(rivals, given); k >= 0 && given(name) {
			rival := "--" + rivals[k]
			if rivals[k] == "to" {
				rival = "-o"
			}
			return &usageError{
				Err:  fmt.Errorf("--%s and %s cannot be given together", name, rival),
				Hint: "leave one of them out",
			}
		}
	}
	return nil
}

// statsOnce writes what was counted; nil: as a page.
func statsOnce(a *App, c *cobra.Command, write func(io.Writer, statsReport) error) error {
	from, err := sinceFlag(c)
	if err != nil {
		return err
	}
	by, err := byFlag(c)
	if err != nil {
		return err
	}
	dir, s, err := a.openLooking(c)
	r := newStatsReport(nil)
	r.MaxSize = s.MaxSize
	switch {
	case errors.Is(err, cachedir.ErrAbsent):
		dir = nil
	case err != nil:
		return err
	default:
		if r, err = a.report(dir, s, from); err != nil {
			return err
		}
		if by == byTag {
			if r.Tags, err = tagRows(a, dir, r.rows); err != nil {
				return err
			}
		}
	}
	name, _ := c.Flags().GetString("to")
	if write == nil {
		name, _ = c.Flags().GetString("html")
		write = func(w io.Writer, r statsReport) error { return statsPage(w, r, dir, from) }
	}
	if err := writeStats(&a.Process, name, func(w io.Writer) error { return write(w, r) }); err != nil {
		return err
	}
	if reset, _ := c.Flags().GetBool("reset"); !reset || dir == nil {
		return nil
	}
	if dir, err = a.openStore(s, false); err != nil {
		return err
	}
	return dir.Journal.Reset()
}

// report counts what happened since a time.
func (a *App) report(dir *cachedir.Dir, s Settings, from time.Time) (statsReport, error) {
	rows, err := dir.Journal.Rows(from)
	if err != nil {
		return statsReport{}, err
	}
	used, err := dir.Used()
	if err != nil {
		return statsReport{}, err
	}
	tiers, err := dir.Journal.TierRows(from)
	if err != nil {
		return statsReport{}, err
	}
	named, err := tiersOf(s, a.LookupEnv)
	if err != nil {
		return statsReport{}, err
	}
	r := newStatsReport(rows)
	r.rows = rows
	r.Tiers = newTierReports(dir, tiers, named)
	r.Size, r.MaxSize = used, dir.MaxSize()
	r.Thrash, r.Over = newThrashing(rows, r.MaxSize), newOverCaching(rows, r.MaxSize)
	return r, nil
}

// statsReport is what every format shows. Times are seconds.
type statsReport struct {
	counts
	HitRate  float64       `json:"hit_rate"`      // of hits, stale and shared runs among all runs; 0 without runs
	Reasons  []reasonCount `json:"reasons"`       // of misses
	Commands []commandRow  `json:"commands"`      // by family, the dearest first
	Tags     []tagRow      `json:"tags,omitzero"` // the same by tag; nil: that was not asked for
	Tiers    []tierReport  `json:"tiers,omitempty"`
	Values   valueCounts   `json:"values"`
	Verified verifiedCount `json:"verified"`
	Thrash   *thrashing    `json:"thrashing,omitempty"`
	Over     *overCaching  `json:"over_caching,omitempty"`
	Size     int64         `json:"size_bytes"`
	MaxSize  int64         `json:"max_size_bytes"`

	rows []stats.Row
}

// counts is what is counted in all and for each command. Hits, misses, stale, shared and bypassed add up to runs; what
type counts struct {
	Hits     int64   `json:"hits"`
	Misses   int64   `json:"misses"`
	Stale    int64   `json:"stale"`
	Shared   int64   `json:"shared"`
	Bypassed int64   `json:"bypassed"`
	Refused  int64   `json:"refused"`
	Renewed  int64   `json:"renewed"` // in the background
	Failed   int64   `json:"failed_renewals"`
	Runs     int64   `json:"runs"`
	Bytes    int64   `json:"bytes"`
	Spent    float64 `json:"spent_seconds"`
	Saved    float64 `json:"saved_seconds"`
}

// valueCounts counts how often values were asked for by their names.
type valueCounts struct {
	Hits   int64 `json:"hits"`
	Misses int64 `json:"misses"`
}

// add counts a row, or says that it is none of values.
func (c *valueCounts) add(r stats.Row) bool {
	switch r.Served {
	case stats.Found:
		c.Hits += r.Runs
	case stats.Absent:
		c.Misses += r.Runs
	default:
		return false
	}
	return true
}

// verifiedCount counts hits that were run all the same, by what came out.
type verifiedCount struct {
	Same  int64 `json:"same"`
	Other int64 `json:"other"`
}

func (c *verifiedCount) add(r stats.Row) {
	if r.Reason == stats.Verified {
		c.Same += r.Same
		c.Other += r.Other
	}
}

// text is a line about them, if there were any.
func (c verifiedCount) text() string {
	if c == (verifiedCount{}) {
		return ""
	}
	return fmt.Sprintf("verified: %d hits, %d of them had another result\n", c.Same+c.Other, c.Other)
}

func (c *counts) add(r stats.Row) {
	switch r.Served {
	case stats.Hit:
		c.Hits += r.Runs
	case stats.Stale:
		c.Stale += r.Runs
	case stats.Shared:
		c.Shared += r.Runs
	case stats.Bypassed:
		c.Bypassed += r.Runs
	case stats.Missed:
		c.Misses += r.Runs
	case stats.Declined:
		c.Refused += r.Runs
		return
	case stats.Renewed:
		c.Renewed += r.Runs
		c.Spent += r.Spent.Seconds()
		return
	case stats.Unfresh:
		c.Failed += r.Runs
		c.Spent += r.Spent.Seconds()
		return
	}
	c.Runs += r.Runs
	c.Bytes += r.Bytes
	c.Spent += r.Spent.Seconds()
	c.Saved += r.Saved.Seconds()
}

func newStatsReport(rows []stats.Row) statsReport {
	r := statsReport{Reasons: []reasonCount{}, Commands: []commandRow{}}
	reasons := map[stats.Reason]int64{}
	for _, row := range rows {
		if r.Values.add(row) {
			continue
		}
		r.add(row)
		r.Verified.add(row)
		if row.Served == stats.Missed {
			reasons[row.Reason] += row.Runs
		}
	}
	if r.Runs > 0 {
		r.HitRate = float64(r.Hits+r.Stale+r.Shared) / float64(r.Runs)
	}
	for reason, n := range reasons {
		r.Reasons = append(r.Reasons, reasonCount{string(reason), n})
	}
	slices.SortFunc(r.Reasons, func(a, b reasonCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Reason, b.Reason))
	})
	for _, g := range sumBy(rows, func(r stats.Row) []string { return []string{r.Family} }) {
		r.Commands = append(r.Commands, commandRow{g.name, g.counts})
	}
	return r
}

type reasonCount struct {
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
}

type commandRow struct {
	Command string `json:"command"`
	counts
}

func seconds(f float64) string { return engine.Short(time.Duration(f * float64(time.Second))) }

func statsJSON(w io.Writer, r statsReport) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func statsText(w io.Writer, r statsReport) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs: %d hits, %d stale, %d shared, %d misses, %d uncached; hit rate %.0f %%\n",
		r.Runs, r.Hits, r.Stale, r.Shared, r.Misses, r.Bypassed, 100*r.HitRate)
	fmt.Fprintf(&b, "saved %s, spent %s; %s of output served\n", seconds(r.Saved), seconds(r.Spent), roundSize(r.Bytes))
	fmt.Fprintf(&b, "%s of %s used\n", roundSize(r.Size), roundSize(r.MaxSize))
	if r.Values != (valueCounts{}) {
		fmt.Fprintf(&b, "values asked for by name: %d hits, %d misses\n", r.Values.Hits, r.Values.Misses)
	}
	if r.Renewed+r.Failed > 0 {
		fmt.Fprintf(&b, "renewed in the background: %d, failed: %d\n", r.Renewed, r.Failed)
	}
	if len(r.Reasons) > 0 {
		var parts []string
		for _, rc := range r.Reasons {
			parts = append(parts, fmt.Sprintf("%s %d", rc.Reason, rc.Count))
		}
		fmt.Fprintf(&b, "misses: %s\n", strings.Join(parts, ", "))
	}
	b.WriteString(r.Verified.text())
	for _, line := range r.pressure() {
		b.WriteString(line + "\n")
	}
	if by, groups := r.groups(); len(groups) > 0 {
		b.WriteString("\n")
		tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		_, _ = fmt.Fprintln(tw, "runs\thits\tstale\tshared\tmisses\tsaved\tspent\t  "+by)
		for _, c := range groups {
			fmt.Fprintf(
				tw, "%d\t%d\t%d\t%d\t%d\t%s\t%s\t  %s\n", c.Runs, c.Hits, c.Stale, c.Shared, c.Misses, seconds(c.Saved),
				seconds(c.Spent), visible(c.name),
			)
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	if err := tiersText(&b, r.Tiers); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func statsMarkdown(w io.Writer, r statsReport) error {
	var b strings.Builder
	b.WriteString(
		"| runs | hits | stale | shared | misses | uncached | hit rate | saved | spent " +
			"|\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
	)
	fmt.Fprintf(&b, "| %d | %d | %d | %d | %d | %d | %.0f %% | %s | %s |\n",
		r.Runs, r.Hits, r.Stale, r.Shared, r.Misses, r.Bypassed, 100*r.HitRate, seconds(r.Saved), seconds(r.Spent))
	if line := r.Verified.text(); line != "" {
		b.WriteString("\n" + line)
	}
	for _, line := range r.pressure() {
		b.WriteString("\n" + line + "\n")
	}
	if by, groups := r.groups(); len(groups) > 0 {
		b.WriteString(
			"\n| " + by + " | runs | hits | stale | shared | misses | saved | spent " +
				"|\n|---|---:|---:|---:|---:|---:|---:|---:|\n",
		)
		for _, c := range groups {
			name := strings.NewReplacer("|", `\|`, "`", "'").Replace(visible(c.name))
			fmt.Fprintf(&b, "| `%s` | %d | %d | %d | %d | %d | %s | %s |\n",
				name, c.Runs, c.Hits, c.Stale, c.Shared, c.Misses, seconds(c.Saved), seconds(c.Spent))
		}
	}
	if r.Values != (valueCounts{}) {
		fmt.Fprintf(&b, "\n| values asked for by name | hits | misses |\n|---|---:|---:|\n| | %d | %d |\n",
			r.Values.Hits, r.Values.Misses)
	}
	tiersMarkdown(&b, r.Tiers)
	_, err := io.WriteString(w, b.String())
	return err
}

// statsPrometheus writes the text exposition format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
func statsPrometheus(w io.Writer, r statsReport) error {
	var b strings.Builder
	family := func(name, kind, help string) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	}
	by, groups := r.groups()
	family("cachex_runs_total", "counter", "Runs by "+by+" and how they were served.")
	for _, c := range groups {
		for _, row := range []struct {
			result string
			n      int64
		}{{"hit", c.Hits}, {"miss", c.Misses}, {"stale", c.Stale}, {"shared", c.Shared}, {"bypassed", c.Bypassed}} {
			fmt.Fprintf(&b, "cachex_runs_total{%s=%s,result=%q} %d\n", by, promLabel(c.name), row.result, row.n)
		}
	}
	family("cachex_misses_total", "counter", "Misses by reason.")
	for _, rc := range r.Reasons {
		fmt.Fprintf(&b, "cachex_misses_total{reason=%q} %d\n", rc.Reason, rc.Count)
	}
	family("cachex_served_bytes_total", "counter", "Bytes of output served.")
	fmt.Fprintf(&b, "cachex_served_bytes_total %d\n", r.Bytes)
	family("cachex_spent_seconds_total", "counter", "Seconds that commands ran.")
	fmt.Fprintf(&b, "cachex_spent_seconds_total %g\n", r.Spent)
	family("cachex_saved_seconds_total", "counter", "Seconds that commands did not have to run.")
	fmt.Fprintf(&b, "cachex_saved_seconds_total %g\n", r.Saved)
	family("cachex_renewals_total", "counter", "Runs in the background, by how they ended.")
	fmt.Fprintf(&b, "cachex_renewals_total{result=\"renewed\"} %d\n", r.Renewed)
	fmt.Fprintf(&b, "cachex_renewals_total{result=\"failed\"} %d\n", r.Failed)
	family("cachex_refused_total", "counter", "Calls with --cached-only or --no-wait that found nothing.")
	fmt.Fprintf(&b, "cachex_refused_total %d\n", r.Refused)
	family("cachex_value_requests_total", "counter", "Values asked for by their names.")
	fmt.Fprintf(&b, "cachex_value_requests_total{result=\"hit\"} %d\n", r.Values.Hits)
	fmt.Fprintf(&b, "cachex_value_requests_total{result=\"miss\"} %d\n", r.Values.Misses)
	family("cachex_verified_total", "counter", "Hits that were run all the same, by what came out.")
	fmt.Fprintf(&b, "cachex_verified_total{result=\"same\"} %d\n", r.Verified.Same)
	fmt.Fprintf(&b, "cachex_verified_total{result=\"other\"} %d\n", r.Verified.Other)
	tiersPrometheus(&b, r.Tiers, family)
	family("cachex_size_bytes", "gauge", "Bytes that the cache uses on the disk.")
	fmt.Fprintf(&b, "cachex_size_bytes %d\n", r.Size)
	family("cachex_max_size_bytes", "gauge", "Bytes that it may use.")
	fmt.Fprintf(&b, "cachex_max_size_bytes %d\n", r.MaxSize)
	_, err := io.WriteString(w, b.String())
	return err
}

// promLabel quotes a label value: the format knows three escapes, and wants UTF-8.
func promLabel(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "\uFFFD")) + `"`
}
