package cachedir

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWorth(t *testing.T) {
	for name, c := range map[string]struct {
		saved time.Duration
		uses  uint64
		bytes int64
		idle  time.Duration
		want  float64
	}{
		"one second, byte and second": {time.Second, 0, 1, time.Second, 1},
		"a longer run":                {time.Minute, 0, 1, time.Second, 60},
		"used in nine hours":          {time.Second, 9, 1, time.Second, 10},
		"a page":                      {time.Second, 0, 4096, time.Second, 1.0 / 4096},
		"an hour without use":         {time.Second, 0, 1, time.Hour, 1.0 / 3600},
		"all of it":                   {8 * time.Second, 3, 4096, 2 * time.Second, 1.0 / 256},
		"a run of no time":            {0, 0, 1, time.Second, 0.001},
		"a clock that was set back":   {-time.Hour, 0, 1, -time.Hour, 0.001},
		"used just now":               {time.Second, 0, 1, time.Millisecond, 1},
		"the record of a command":     {LeastSaved, 0, 4096, time.Hour, 0.001 / 4096 / 3600},
	} {
		require.InEpsilon(t, c.want, worth(c.saved, c.uses, c.bytes, c.idle), 1e-12, name)
	}
}
