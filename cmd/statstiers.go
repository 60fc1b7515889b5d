package cmd

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine/fleet"
)

// tierReport is what stats shows of one kind of request to one tier. Times are seconds.
type tierReport struct {
	Tier    string           `json:"tier"`
	Op      string           `json:"op"`
	Results map[string]int64 `json:"results"`
	Bytes   int64            `json:"bytes"`
	P50     float64          `json:"p50_seconds"`
	P95     float64          `json:"p95_seconds"`
	Breaker string           `json:"breaker"` // closed, or open until when

	asked int64   // without those for which the breaker was open
	took  float64 // all of these
}

// newTierReports names the tiers by their URLs where these are configured; the journal keeps a short name.
func newTierReports(dir *cachedir.Dir, rows []stats.TierRow, tiers []fleet.Tier) []tierReport {
	var reports []tierReport
	for _, row := range rows {
		t := tierReport{
			Tier: row.Tier, Op: string(row.Op), Results: map[string]int64{}, Bytes: row.Bytes,
			P50: row.P50.Seconds(), P95: row.P95.Seconds(), Breaker: "closed",
			asked: row.Asked, took: row.Took.Seconds(),
		}
		if i := slices.IndexFunc(tiers, func(t fleet.Tier) bool { return t.ID() == row.Tier }); i >= 0 {
			t.Tier = tiers[i].Name
			for _, server := range append(tiers[i].Servers, t.Tier) {
				if state := dir.Breaker(server).State(); state.Open {
					t.Breaker = "open until " + state.Until.Local().Format(time.TimeOnly)
				}
			}
		}
		for result, n := range row.Results {
			t.Results[string(result)] = n
		}
		reports = append(reports, t)
	}
	return reports
}

// resultsText lists results as `hit 3, miss 1`.
func (t tierReport) resultsText() string {
	var parts []string
	for result, n := range t.Results {
		parts = append(parts, fmt.Sprintf("%s %d", result, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func tiersText(b *strings.Builder, tiers []tierReport) error {
	if len(tiers) == 0 {
		return nil
	}
	b.WriteString("\n")
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(tw, "tier\top\tresults\tbytes\tp50\tp95\tbreaker")
	for _, t := range tiers {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%.1fms\t%.1fms\t%s\n",
			t.Tier, t.Op, t.resultsText(), roundSize(t.Bytes), 1e3*t.P50, 1e3*t.P95, t.Breaker)
	}
	return tw.Flush()
}

func tiersMarkdown(b *strings.Builder, tiers []tierReport) {
	if len(tiers) == 0 {
		return
	}
	b.WriteString("\n| tier | op | results | bytes | p50 | p95 | breaker |\n|---|---|---|---:|---:|---:|---|\n")
	for _, t := range tiers {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %.1fms | %.1fms | %s |\n",
			strings.ReplaceAll(t.Tier, "|", `\|`),
			t.Op, t.resultsText(), roundSize(t.Bytes), 1e3*t.P50, 1e3*t.P95, t.Breaker)
	}
}

// tiersPrometheus adds the families of tiers.
func tiersPrometheus(b *strings.Builder, tiers []tierReport, family func(name, kind, help string)) {
	if len(tiers) == 0 {
		return
	}
	family("cachex_tier_requests_total", "counter", "Requests to tiers by operation and result.")
	for _, t := range tiers {
		results := make([]string, 0, len(t.Results))
		for result := range t.Results {
			results = append(results, result)
		}
		slices.Sort(results)
		for _, result := range results {
			fmt.Fprintf(
				b, "cachex_tier_requests_total{tier=%s,op=%q,result=%q} %d\n", promLabel(t.Tier), t.Op, result,
				t.Results[result],
			)
		}
	}
	family("cachex_tier_bytes_total", "counter", "Bytes sent to and received from tiers.")
	for _, t := range tiers {
		fmt.Fprintf(b, "cachex_tier_bytes_total{tier=%s,op=%q} %d\n", promLabel(t.Tier), t.Op, t.Bytes)
	}
	const seconds = "cachex_tier_request_seconds"
	family(seconds, "summary", "Time of requests to tiers.")
	for _, t := range tiers {
		labels := fmt.Sprintf("tier=%s,op=%q", promLabel(t.Tier), t.Op)
		fmt.Fprintf(b, "%s{%s,quantile=\"0.5\"} %g\n", seconds, labels, t.P50)
		fmt.Fprintf(b, "%s{%s,quantile=\"0.95\"} %g\n", seconds, labels, t.P95)
		fmt.Fprintf(b, "%s_sum{%s} %g\n%s_count{%s} %d\n", seconds, labels, t.took, seconds, labels, t.asked)
	}
	family("cachex_tier_breaker_open", "gauge", "1 while a tier is left alone after failures.")
	named := map[string]bool{}
	for _, t := range tiers {
		if !named[t.Tier] {
			named[t.Tier] = true
			open := 0
			if t.Breaker != "closed" {
				open = 1
			}
			fmt.Fprintf(b, "cachex_tier_breaker_open{tier=%s} %d\n", promLabel(t.Tier), open)
		}
	}
}
