package cmd

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cmd/call"
)

// NoEnd is a duration without an end: written `none`.
const NoEnd time.Duration = -1

// BadValue is a value that cannot be used, wherever it was given.
type BadValue struct {
	Name  string // where it came from: `--ttl`, `CACHEX_TTL` or `/src/.cachex.toml:3: ttl`
	Value string // as it was written
	Why   string // what is wrong with it, as in `no unit`
	Hint  string // what to write instead, as in `write 5s, 5m, 5h or 5d`
}

func (e *BadValue) Error() string {
	return fmt.Sprintf("%s %q: %s", e.Name, e.Value, e.Why)
}

// Advice is the hint.
func (e *BadValue) Advice() string { return e.Hint }

const (
	hintDuration = "write a duration such as 90s, 1h30m or 7d"
	hintUnits    = "the units are ns, us, ms, s, m, h, d and w, as in 90s, 1h30m or 7d"
	hintSize     = "write a size such as 500MB, 5GiB or a plain number of bytes"
	hintExits    = "write exit codes such as 0, 0,1 or 0-3, or any"
	hintBool     = "write true or false"
)

// ParseLife reads a duration that may also be `none`, which gives NoEnd. Name
// is for the error, which is a *BadValue.
func ParseLife(name, text string) (time.Duration, error) {
	if text == "none" {
		return NoEnd, nil
	}
	d, err := ParseDuration(name, text)
	var bad *BadValue
	if errors.As(err, &bad) && bad.Why == errTooLong.Error() {
		bad.Hint += "; none has no end"
	}
	return d, err
}

// ParseDuration reads what time.ParseDuration reads, with the units d (24 hours)
// and w (7 d) besides; never negative. Name is for the error, which is a *BadValue.
func ParseDuration(name, text string) (time.Duration, error) {
	bad := func(why, hint string) (time.Duration, error) {
		return 0, &BadValue{Name: name, Value: text, Why: why, Hint: hint}
	}
	rest := strings.TrimPrefix(text, "+")
	switch {
	case text == "":
		return bad("empty", hintDuration)
	case rest == "0":
		return 0, nil
	case rest == "none":
		return bad("needs an end", hintDuration)
	case strings.HasPrefix(rest, "-"):
		return bad("negative", hintDuration)
	}
	var total time.Duration
	for rest != "" {
		var number, unit string
		number, rest = cutRun(rest, "0123456789.")
		unit, rest = cutRunNot(rest, "0123456789.")
		switch {
		case number == "" || number == "." || strings.Count(number, ".") > 1:
			return bad("not a duration", hintDuration)
		case unit == "" && number == text:
			return bad("no unit", fmt.Sprintf("write %[1]ss, %[1]sm, %[1]sh or %[1]sd", number))
		case unit == "":
			return bad("no unit after "+number, hintUnits)
		}
		part, err := parsePart(number, unit)
		switch {
		case errors.Is(err, errUnit):
			return bad(fmt.Sprintf("unknown unit %q", unit), hintUnits)
		case err != nil || part > math.MaxInt64-total:
			return bad(errTooLong.Error(), "the longest duration is 15250w")
		}
		total += part
	}
	return total, nil
}

var (
	errTooLong = errors.New("too long")
	errUnit    = errors.New("unknown unit")
)

// parsePart multiplies a well-formed number with its unit. time.ParseDuration
// does the arithmetic, so that a fraction means what it means to Go.
func parsePart(number, unit string) (time.Duration, error) {
	times := time.Duration(1)
	switch unit {
	case "d":
		unit, times = "h", 24
	case "w":
		unit, times = "h", 7*24
	case "ns", "us", "µs", "μs", "ms", "s", "m", "h":
	default:
		return 0, errUnit
	}
	d, err := time.ParseDuration(number + unit)
	// All that is left to be wrong is the size.
	if err != nil || d > math.MaxInt64/times {
		return 0, errTooLong
	}
	return d * times, nil
}

// cutRun splits s after its leading bytes that are in set.
func cutRun(s, set string) (run, rest string) {
	n := len(s) - len(strings.TrimLeft(s, set))
	return s[:n], s[n:]
}

// cutRunNot splits s after its leading bytes that are not in set.
func cutRunNot(s, set string) (run, rest string) {
	n := strings.IndexAny(s, set)
	if n < 0 {
		n = len(s)
	}
	return s[:n], s[n:]
}

// FormatDuration writes d as ParseLife reads it, and as short as a person
// would: 7d, 1h30m, 90ms, none.
func FormatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d == NoEnd {
		return "none"
	}
	if d == 0 {
		return "0"
	}
	text := ""
	if days := d / day; days > 0 {
		text = strconv.FormatInt(int64(days), 10) + "d"
		d -= days * day
	}
	if d == 0 {
		return text
	}
	rest := d.String()
	if strings.HasSuffix(rest, "m0s") {
		rest = strings.TrimSuffix(rest, "0s")
	}
	if strings.HasSuffix(rest, "h0m") {
		rest = strings.TrimSuffix(rest, "0m")
	}
	return text + rest
}

// sizeUnit is one unit of ParseSize; powers of 1000 without the i, of 1024 with it.
type sizeUnit struct {
	name  string
	bytes int64
}

func sizeUnits() []sizeUnit {
	return []sizeUnit{
		{"TiB", 1 << 40},
		{"GiB", 1 << 30},
		{"MiB", 1 << 20},
		{"KiB", 1 << 10},
		{"TB", 1e12},
		{"GB", 1e9},
		{"MB", 1e6},
		{"kB", 1e3},
		{"B", 1},
		{"", 1},
	}
}

// ParseSize reads a number of bytes: plain, or with one of the units B, kB, MB,
// GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024), in any case;
// never negative. Name is for the error, which is a *BadValue.
func ParseSize(name, text string) (int64, error) {
	bad := func(why, hint string) (int64, error) {
		return 0, &BadValue{Name: name, Value: text, Why: why, Hint: hint}
	}
	number, unit := cutRun(text, "0123456789.")
	switch {
	case text == "":
		return bad("empty", hintSize)
	case strings.HasPrefix(text, "-"):
		return bad("negative", hintSize)
	case number == "" || number == "." || strings.Count(number, ".") > 1:
		return bad("not a size", hintSize)
	}
	for _, u := range sizeUnits() {
		if !strings.EqualFold(u.name, unit) {
			continue
		}
		size, ok := scale(number, u.bytes)
		if !ok {
			return bad("too large", "the largest size is 8388607TiB")
		}
		return size, nil
	}
	switch strings.ToUpper(unit) {
	case "K", "M", "G", "T":
		letter := strings.ToUpper(unit)
		return bad(
			fmt.Sprintf("unknown unit %q", unit), fmt.Sprintf("write %[1]s%[2]siB or %[1]s%[2]sB", number, letter),
		)
	}
	return bad(fmt.Sprintf("unknown unit %q", unit), hintSize)
}

// scale multiplies a decimal number with a unit, rounding down; not ok when the
// product is above the largest int64. Digits before the point are exact, which a
// float64 would not be.
func scale(number string, unit int64) (product int64, ok bool) {
	whole, fraction, _ := strings.Cut(number, ".")
	if whole == "" {
		whole = "0"
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, false
	}
	product = n * unit
	if fraction == "" {
		return product, true
	}
	part, err := strconv.ParseFloat("0."+fraction, 64)
	if err != nil {
		return 0, false
	}
	more := int64(part * float64(unit))
	return product + more, product <= math.MaxInt64-more
}

// FormatSize writes a number of bytes as ParseSize reads it, in the unit that needs no fraction and the fewest digits:
// 5TB is 4882812500KiB, too.
func FormatSize(bytes int64) string {
	fewest, unit := bytes, ""
	for _, u := range sizeUnits() {
		if u.bytes > 1 && bytes%u.bytes == 0 && bytes/u.bytes > 0 && bytes/u.bytes < fewest {
			fewest, unit = bytes/u.bytes, u.name
		}
	}
	return strconv.FormatInt(fewest, 10) + unit
}

// roundSize writes a number of bytes for people: at most one digit behind the point, and always a unit.
func roundSize(bytes int64) string {
	if bytes < 1<<10 {
		return strconv.FormatInt(bytes, 10) + " B"
	}
	size, unit := float64(bytes), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB"} {
		if size /= 1 << 10; size < 1000 {
			break
		}
	}
	return strings.TrimSuffix(strconv.FormatFloat(size, 'f', 1, 64), ".0") + " " + unit
}

// ParseExitSet reads exit codes and ranges separated by commas, or `any`. Name
// is for the error, which is a *BadValue.
func ParseExitSet(name, text string) (call.ExitSet, error) {
	bad := func(why string) (call.ExitSet, error) {
		return call.ExitSet{}, &BadValue{Name: name, Value: text, Why: why, Hint: hintExits}
	}
	if text == "any" {
		return call.ExitAny(), nil
	}
	if text == "" {
		return bad("empty")
	}
	var set call.ExitSet
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, ok := parseExit(low)
		last, ok2 := parseExit(high)
		switch {
		case part == "":
			return bad("a code is missing")
		case !ok || !ok2:
			return bad(fmt.Sprintf("%q is not an exit code from 0 to 255", part))
		case first > last:
			return bad(fmt.Sprintf("%q runs backwards", part))
		}
		set.Add(first, last)
	}
	return set, nil
}

// parseExit reads one exit code: digits only, 0 to 255.
func parseExit(text string) (code int, ok bool) {
	code64, err := strconv.ParseUint(text, 10, 8)
	return int(code64), err == nil
}

// parseBool reads a switch. Name is for the error, which is a *BadValue.
func parseBool(name, text string) (bool, error) {
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, &BadValue{Name: name, Value: text, Why: "neither true nor false", Hint: hintBool}
	}
	return on, nil
}
