package cmd

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cmd/call"
)

// requireBad checks why a value was refused, and that every refusal says what
// to do.
func requireBad(t *testing.T, err error, text, why string) {
	t.Helper()
	var bad *BadValue
	require.ErrorAs(t, err, &bad)
	require.Equal(t, fmt.Sprintf("--x %q: %s", text, why), err.Error())
	require.NotEmpty(t, bad.Hint)
	require.NotContains(t, bad.Hint, "\n")
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0":                     0,
		"+0":                    0,
		"0s":                    0,
		"90s":                   90 * time.Second,
		"1h30m":                 90 * time.Minute,
		"1.5h":                  90 * time.Minute,
		".5s":                   500 * time.Millisecond,
		"5.s":                   5 * time.Second,
		"250ms":                 250 * time.Millisecond,
		"3us":                   3 * time.Microsecond,
		"3µs":                   3 * time.Microsecond,
		"3μs":                   3 * time.Microsecond,
		"7ns":                   7,
		"7d":                    7 * 24 * time.Hour,
		"1.5d":                  36 * time.Hour,
		"2w":                    14 * 24 * time.Hour,
		"1w2d3h4m5s6ms":         9*24*time.Hour + 3*time.Hour + 4*time.Minute + 5*time.Second + 6*time.Millisecond,
		"+5m":                   5 * time.Minute,
		"15250w":                15250 * 7 * 24 * time.Hour,
		"9223372036854775807ns": math.MaxInt64,
	} {
		d, err := ParseDuration("--x", text)
		require.NoError(t, err, text)
		require.Equal(t, want, d, text)
		life, err := ParseLife("--x", text)
		require.NoError(t, err, text)
		require.Equal(t, want, life, text)
	}
	for text, why := range map[string]string{
		"":                            "empty",
		"5":                           "no unit",
		"05":                          "no unit",
		"1h30":                        "no unit after 30",
		"-1s":                         "negative",
		"+-1s":                        "negative",
		"-0":                          "negative",
		"h":                           "not a duration",
		"soon":                        "not a duration",
		"none":                        "needs an end",
		"None":                        "not a duration",
		".":                           "not a duration",
		".s":                          "not a duration",
		"1.2.3s":                      "not a duration",
		"5x":                          `unknown unit "x"`,
		"5M":                          `unknown unit "M"`,
		"5 m":                         `unknown unit " m"`,
		"5m ":                         `unknown unit "m "`,
		"1e3s":                        `unknown unit "e"`,
		"5\xff":                       `unknown unit "\xff"`,
		"15251w":                      "too long",
		"106752d":                     "too long",
		"9223372036854775808ns":       "too long",
		"9223372036854775807ns1ns":    "too long",
		"99999999999999999999999999h": "too long",
	} {
		_, err := ParseDuration("--x", text)
		requireBad(t, err, text, why)
	}
}

func TestParseLife(t *testing.T) {
	d, err := ParseLife("--x", "none")
	require.NoError(t, err)
	require.Equal(t, NoEnd, d)
	_, err = ParseLife("--x", "99999w")
	requireBad(t, err, "99999w", "too long")
	require.Contains(t, err.(*BadValue).Hint, "none")
	_, err = ParseLife("--x", "-1ns")
	requireBad(t, err, "-1ns", "negative")
}

func TestHintRepeatsTheNumber(t *testing.T) {
	_, err := ParseDuration("--ttl", "5")
	require.EqualError(t, err, `--ttl "5": no unit`)
	require.Equal(t, "write 5s, 5m, 5h or 5d", err.(*BadValue).Hint)
	_, err = ParseSize("--max-size", "5G")
	require.EqualError(t, err, `--max-size "5G": unknown unit "G"`)
	require.Equal(t, "write 5GiB or 5GB", err.(*BadValue).Hint)
}

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"none":                       NoEnd,
		"0":                          0,
		"1h":                         time.Hour,
		"1h30m":                      90 * time.Minute,
		"90ms":                       90 * time.Millisecond,
		"30d":                        30 * 24 * time.Hour,
		"1d1s":                       24*time.Hour + time.Second,
		"10m":                        10 * time.Minute,
		"20h":                        20 * time.Hour,
		"1h0m1s":                     time.Hour + time.Second,
		"1m30.5s":                    90*time.Second + 500*time.Millisecond,
		"106751d23h47m16.854775807s": math.MaxInt64,
	} {
		require.Equal(t, want, FormatDuration(d))
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0":                   0,
		"1":                   1,
		"500":                 500,
		"500B":                500,
		"1kB":                 1000,
		"50MB":                50e6,
		"1GB":                 1e9,
		"2TB":                 2e12,
		"1KiB":                1 << 10,
		"1MiB":                1 << 20,
		"5GiB":                5 << 30,
		"1TiB":                1 << 40,
		"5gib":                5 << 30,
		"1.5GiB":              3 << 29,
		".5kB":                500,
		"1.B":                 1,
		"0.0001B":             0,
		"9223372036854775807": math.MaxInt64,
		"8388607TiB":          8388607 << 40,
	} {
		size, err := ParseSize("--x", text)
		require.NoError(t, err, text)
		require.Equal(t, want, size, text)
	}
	for text, why := range map[string]string{
		"":                              "empty",
		"-1":                            "negative",
		"GiB":                           "not a size",
		".":                             "not a size",
		"1.2.3MB":                       "not a size",
		"+5MB":                          "not a size",
		"none":                          "not a size",
		"5G":                            `unknown unit "G"`,
		"5k":                            `unknown unit "k"`,
		"5 GiB":                         `unknown unit " GiB"`,
		"5bytes":                        `unknown unit "bytes"`,
		"1e9":                           `unknown unit "e9"`,
		"9223372036854775808":           "too large",
		"8388608TiB":                    "too large",
		"8388607.999999999999999999TiB": "too large",
		"99999999999999999999GB":        "too large",
	} {
		_, err := ParseSize("--x", text)
		requireBad(t, err, text, why)
	}
}

func TestRoundSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 1000 << 10: "1 MiB", 5 << 30: "5 GiB",
		82907041792: "77.2 GiB",
	} {
		require.Equal(t, want, roundSize(bytes))
	}
}

func TestFormatSize(t *testing.T) {
	for want, bytes := range map[string]int64{
		"5TB": 5e12, "20GB": 2e10, "1024TB": 1 << 10 * 1e12,
		"0": 0, "1": 1, "1kB": 1000, "1001": 1001, "2MB": 2e6, "1KiB": 1 << 10, "5GiB": 5 << 30, "1536MiB": 3 << 29,
		"1TiB": 1 << 40,
	} {
		require.Equal(t, want, FormatSize(bytes))
	}
}

func TestParseExitSet(t *testing.T) {
	for _, c := range []struct {
		text, canonical string
		in, out         []int
	}{
		{"0", "0", []int{0}, []int{-1, 1, 64, 128, 255, 256}},
		{"0,1", "0-1", []int{0, 1}, []int{2, 65}},
		{"0-3", "0-3", []int{0, 1, 2, 3}, []int{4, 67}},
		{"1,7-7,3", "1,3,7", []int{1, 3, 7}, []int{0, 2, 4, 6, 8}},
		{"62-66,255", "62-66,255", []int{62, 63, 64, 65, 66, 255}, []int{61, 67, 254}},
		{"0-255", "0-255", []int{0, 100, 255}, []int{-1, 256}},
		{"any", "any", []int{0, 1, 255, 256, 1 << 31}, nil},
		{"1,1,0-1", "0-1", []int{0, 1}, []int{2}},
	} {
		set, err := ParseExitSet("--x", c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.canonical, set.String())
		for _, code := range c.in {
			require.True(t, set.Has(code), "%s has %d", c.text, code)
		}
		for _, code := range c.out {
			require.False(t, set.Has(code), "%s has %d", c.text, code)
		}
	}
	for text, why := range map[string]string{
		"":      "empty",
		",":     "a code is missing",
		"0,":    "a code is missing",
		"0,,1":  "a code is missing",
		"-1":    `"-1" is not an exit code from 0 to 255`,
		"0-":    `"0-" is not an exit code from 0 to 255`,
		"-":     `"-" is not an exit code from 0 to 255`,
		"256":   `"256" is not an exit code from 0 to 255`,
		"0-256": `"0-256" is not an exit code from 0 to 255`,
		"1-2-3": `"1-2-3" is not an exit code from 0 to 255`,
		"3-1":   `"3-1" runs backwards`,
		"0, 1":  `" 1" is not an exit code from 0 to 255`,
		"0,any": `"any" is not an exit code from 0 to 255`,
		"fail":  `"fail" is not an exit code from 0 to 255`,
		"+1":    `"+1" is not an exit code from 0 to 255`,
		"1e1":   `"1e1" is not an exit code from 0 to 255`,
		"\x00":  `"\x00" is not an exit code from 0 to 255`,
	} {
		_, err := ParseExitSet("--x", text)
		requireBad(t, err, text, why)
	}
	require.Empty(t, call.ExitSet{}.String())
	require.Equal(t, "0", call.ExitZero().String())
}

// FuzzParseDuration: what Go understands, we understand alike; what we write, we
// read back; a refusal is a *BadValue.
func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{
		"0", "5", "90s", "1h30m", "7d", "1.5w", "none", "-1s", "µs", "9223372036854775807ns", "1h.5m",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseLife("--x", text)
		if err != nil {
			var bad *BadValue
			require.ErrorAs(t, err, &bad)
			require.NotEmpty(t, bad.Hint)
		} else {
			require.True(t, d >= 0 || d == NoEnd)
			again, err := ParseLife("--x", FormatDuration(d))
			require.NoError(t, err)
			require.Equal(t, d, again)
		}
		if want, goErr := time.ParseDuration(text); goErr == nil && !strings.HasPrefix(text, "-") {
			require.NoError(t, err)
			require.Equal(t, want, d)
		}
	})
}

func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"0", "5GiB", "50MB", "1.5kb", "9223372036854775807", "-1", "5G"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := ParseSize("--x", text)
		if err != nil {
			var bad *BadValue
			require.ErrorAs(t, err, &bad)
			require.NotEmpty(t, bad.Hint)
			return
		}
		require.GreaterOrEqual(t, size, int64(0))
		again, err := ParseSize("--x", FormatSize(size))
		require.NoError(t, err)
		require.Equal(t, size, again)
	})
}

func FuzzParseExitSet(f *testing.F) {
	for _, seed := range []string{"0", "0,1", "0-3", "any", "3-1", "", "0,,1", "255"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := ParseExitSet("--x", text)
		if err != nil {
			var bad *BadValue
			require.ErrorAs(t, err, &bad)
			require.NotEmpty(t, bad.Hint)
			return
		}
		again, err := ParseExitSet("--x", set.String())
		require.NoError(t, err)
		require.Equal(t, set, again)
	})
}
