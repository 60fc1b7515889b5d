package cmd

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/advice"
	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/page"
)

const (
	mostColumns  = 62 // of a chart
	mostCommands = 30 // of the table
	hourly       = 48 * time.Hour
)

// statsPage draws the report as an HTML document. Without a directory there is nothing but it.
func statsPage(w io.Writer, r statsReport, dir *cachedir.Dir, from time.Time) error {
	now := time.Now()
	d := page.Data{
		Title: "cachex stats", Made: "made " + now.Format("2006-01-02 15:04"),
		Facts: pageFacts(r), Notices: r.pressure(),
		Reasons: pageReasons(r), Room: pageRoom(r), Tiers: pageTiers(r.Tiers),
	}
	if !from.IsZero() {
		d.Made += ", of what happened since " + from.Format("2006-01-02 15:04")
	}
	drawTime(&d, r.rows, now)
	if dir != nil {
		d.Made += ", of " + hashing.Show(dir.Path())
		all, err := adviceOn(dir, from)
		if err != nil {
			return err
		}
		d.Commands = pageCommands(all)
	}
	return page.Write(w, d)
}

func pageFacts(r statsReport) []page.Fact {
	return []page.Fact{
		{Name: "runs", Value: fmt.Sprint(r.Runs)},
		{Name: "hit rate", Value: fmt.Sprintf("%.0f %%", 100*r.HitRate)},
		{Name: "saved", Value: seconds(r.Saved)},
		{Name: "spent", Value: seconds(r.Spent)},
		{Name: "output served", Value: roundSize(r.Bytes)},
		{Name: "values asked for", Value: fmt.Sprint(r.Values.Hits + r.Values.Misses)},
	}
}

func pageReasons(r statsReport) (shares []page.Share) {
	for _, reason := range r.Reasons {
		shares = append(shares, page.Share{
			Name: reason.Reason, Value: fmt.Sprint(reason.Count),
			Part: float64(reason.Count) / float64(max(r.Misses, 1)),
		})
	}
	return shares
}

func pageRoom(r statsReport) []page.Share {
	return []page.Share{{
		Name: "used", Value: roundSize(r.Size) + " of " + roundSize(r.MaxSize),
		Part: float64(r.Size) / float64(max(r.MaxSize, 1)),
	}}
}

func pageTiers(tiers []tierReport) (all []page.Tier) {
	for _, t := range tiers {
		all = append(all, page.Tier{
			Name: t.Tier, Op: t.Op, Results: t.resultsText(), Bytes: roundSize(t.Bytes),
			P50: fmt.Sprintf("%.1fms", 1e3*t.P50), P95: fmt.Sprintf("%.1fms", 1e3*t.P95), Breaker: t.Breaker,
		})
	}
	return all
}

func pageCommands(all []advised) (shown []page.Command) {
	var saved, size float64
	for _, d := range all {
		saved, size = max(saved, d.Saved.Seconds()), max(size, float64(d.size()))
	}
	secrets := masks{}
	for _, d := range all[:min(len(all), mostCommands)] {
		c := page.Command{
			Name: d.line(secrets), Verdict: string(d.Verdict), Runs: fmt.Sprint(d.Runs),
			Hits: fmt.Sprintf("%.0f %%", 100*d.hitRate()), Took: engine.Short(d.Took()),
			Saved: engine.Short(d.Saved), SavedPart: d.Saved.Seconds() / max(saved, 1e-9),
			Size: roundSize(d.size()), SizePart: float64(d.size()) / max(size, 1),
		}
		if d.Verdict != advice.Keep {
			c.Why = strings.TrimSuffix(d.Why+": "+d.Flag, ": ")
		}
		shown = append(shown, c)
	}
	return shown
}

// drawTime makes the columns of what was counted, from the first day or hour of it until now. What is too long ago for
// a time of its own is left out.
func drawTime(d *page.Data, rows []stats.Row, now time.Time) {
	count := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	d.Answers = page.Chart{Names: []string{"answered", "misses", "uncached"}, Unit: "runs", Format: count}
	d.Time = page.Chart{Names: []string{"saved", "spent"}, Format: seconds}
	d.Lost = page.Chart{
		Names: []string{"evicted earlier", "evicted less than 1 h before"}, Unit: "misses", Format: count,
	}
	columns, label := stretches(rows, now)
	for i, at := range columns {
		text := label(at)
		d.Answers.Columns = append(d.Answers.Columns, page.Column{Label: text, Values: make([]float64, 3)})
		d.Time.Columns = append(d.Time.Columns, page.Column{Label: text, Values: make([]float64, 2)})
		d.Lost.Columns = append(d.Lost.Columns, page.Column{Label: text, Values: make([]float64, 2)})
		for _, r := range rows {
			if !r.From.Before(at) && (i == len(columns)-1 || r.From.Before(columns[i+1])) {
				addRow(r, d.Answers.Columns[i].Values, d.Time.Columns[i].Values, d.Lost.Columns[i].Values)
			}
		}
	}
}

func addRow(r stats.Row, answers, spans, lost []float64) {
	spans[0] += r.Saved.Seconds()
	spans[1] += r.Spent.Seconds()
	switch r.Served {
	case stats.Hit, stats.Stale, stats.Shared:
		answers[0] += float64(r.Runs)
	case stats.Missed:
		answers[1] += float64(r.Runs)
		lost[1] += float64(r.Regret)
		if r.Reason == stats.Evicted {
			lost[0] += float64(r.Runs - r.Regret)
		}
	case stats.Bypassed:
		answers[2] += float64(r.Runs)
	}
}

// stretches are the beginnings of hours, days or longer times, and how they are written.
func stretches(rows []stats.Row, now time.Time) (begin []time.Time, label func(time.Time) string) {
	var first time.Time
	for _, r := range rows {
		if !r.From.IsZero() && (first.IsZero() || r.From.Before(first)) {
			first = r.From
		}
	}
	if first.IsZero() {
		return nil, nil
	}
	first = first.Local()
	if now.Sub(first) < hourly {
		for at := first.Truncate(time.Hour); !at.After(now); at = at.Add(time.Hour) {
			begin = append(begin, at)
		}
		return begin, func(at time.Time) string { return at.Format("Jan 2 15:04") }
	}
	days := int(now.Sub(first).Hours()/24)/mostColumns + 1
	for at := time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, time.Local); !at.After(now); {
		begin = append(begin, at)
		at = at.AddDate(0, 0, days)
	}
	return begin, func(at time.Time) string { return at.Format("Jan 2 2006") }
}
