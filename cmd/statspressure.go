package cmd

import (
	"fmt"

	"github.com/cachex-cli/cachex/advice"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine"
)

// thrashing and overCaching are what stats says of a cache under pressure, with the setting that ends it.
type thrashing struct {
	advice.Thrashing
	Share float64 `json:"share"` // of the misses
}

func newThrashing(rows []stats.Row, maxSize int64) *thrashing {
	t := advice.FindThrashing(rows, maxSize)
	if t == nil {
		return nil
	}
	return &thrashing{*t, float64(t.Regrets) / float64(t.Misses)}
}

type overCaching struct {
	advice.OverCaching
	Share float64 `json:"share"` // of the stored bytes was never read
}

func newOverCaching(rows []stats.Row, maxSize int64) *overCaching {
	o := advice.FindOverCaching(rows, maxSize)
	if o == nil {
		return nil
	}
	return &overCaching{*o, float64(o.Unread) / float64(o.Stored)}
}

// pressure is what both say, a line each.
func (r *statsReport) pressure() (lines []string) {
	if t := r.Thrash; t != nil {
		lines = append(lines, fmt.Sprintf(
			"thrashing: %.0f %% of misses were evicted less than 1 h before; max-size %s would have kept them",
			100*t.Share, sizeFlag(t.MaxSize)))
	}
	if o := r.Over; o != nil {
		end := "cachex advise says of which commands"
		if o.MinCost > 0 {
			end = fmt.Sprintf("--min-cost %s would store %.0f %% of them", engine.Short(o.MinCost),
				100*float64(o.Left)/float64(o.Unread))
		}
		lines = append(lines, fmt.Sprintf("over-caching: %.0f %% of bytes were never read; %s", 100*o.Share, end))
	}
	return lines
}
