package remote

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// parseDuration reads what time.ParseDuration does, and the units d and w alone (7d). It says what is wrong.
func parseDuration(text string) (d time.Duration, why string) {
	const hint = "write 5s, 5m, 5h or 5d"
	for unit, hours := range map[string]float64{"d": 24, "w": 7 * 24} {
		number, ok := strings.CutSuffix(text, unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if ns := n * hours * float64(time.Hour); err == nil && ns >= 0 && ns < math.MaxInt64 {
			return time.Duration(ns), ""
		}
		return 0, hint
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, hint
	}
	return d, ""
}

// parseBytes reads a number of bytes: plain, or with B, kB, MB, GB, KiB, MiB or GiB. It says what is wrong.
func parseBytes(text string) (n int64, why string) {
	number, times := text, int64(1)
	for _, unit := range []struct {
		name  string
		times int64
	}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"b", 1}} {
		if rest, ok := strings.CutSuffix(strings.ToLower(text), unit.name); ok {
			number, times = rest, unit.times
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/times {
		return 0, "write a whole number with B, kB, MB, GB, KiB, MiB or GiB"
	}
	return n * times, ""
}
