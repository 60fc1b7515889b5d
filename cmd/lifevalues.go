package cmd

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	hintClock   = "write a time of day such as 06:00 or 23:59"
	hintPercent = "write a percentage such as 10%"
	hintNumber  = "write a number such as 1 or 1.5"
)

// Clock is a time of day; the zero value is none.
type Clock struct {
	given        bool
	hour, minute int
}

// ParseClock reads HH:MM. Name is for the error, which is a *BadValue.
func ParseClock(name, text string) (Clock, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return Clock{}, &BadValue{Name: name, Value: text, Why: "not a time of day", Hint: hintClock}
	}
	return Clock{true, t.Hour(), t.Minute()}, nil
}

// String writes the time as ParseClock reads it.
func (c Clock) String() string {
	if !c.given {
		return "none"
	}
	return fmt.Sprintf("%02d:%02d", c.hour, c.minute)
}

// Next is the first such time after t, in t's zone; nil if there is none.
func (c Clock) Next() func(t time.Time) time.Time {
	if !c.given {
		return nil
	}
	return func(t time.Time) time.Time {
		for days := 0; ; days++ {
			for _, next := range c.on(t.Year(), t.Month(), t.Day()+days, t.Location()) {
				if next.After(t) {
					return next
				}
			}
		}
	}
}

// on lists when a clock shows the time on one day: once, or twice where it is set back over it. Where it is set forward
// over it, that is the time that it would have been.
func (c Clock) on(year int, month time.Month, day int, zone *time.Location) []time.Time {
	one := time.Date(year, month, day, c.hour, c.minute, 0, 0, zone) // of two, either
	_, offset := one.Zone()
	start, end := one.ZoneBounds()
	for _, change := range [...]time.Time{start, end} {
		if change.IsZero() {
			continue
		}
		_, before := change.Add(-1).Zone()
		_, after := change.Zone()
		other := one.Add(time.Duration(offset-(before+after-offset)) * time.Second)
		switch {
		case other.Equal(one) || other.Format(time.DateTime) != one.Format(time.DateTime):
		case other.Before(one):
			return []time.Time{other, one}
		default:
			return []time.Time{one, other}
		}
	}
	return []time.Time{one}
}

// Percent is a part of a whole, 0 to 1.
type Percent float64

// ParsePercent reads a number of at most 100 with a percent sign. Name is for the error, which is a *BadValue.
func ParsePercent(name, text string) (Percent, error) {
	number, ok := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	switch {
	case !ok && err == nil:
		return 0, &BadValue{Name: name, Value: text, Why: "no percent sign", Hint: "write " + text + "%"}
	case err != nil || math.IsNaN(n):
		return 0, &BadValue{Name: name, Value: text, Why: "not a percentage", Hint: hintPercent}
	case n < 0 || n > 100:
		return 0, &BadValue{Name: name, Value: text, Why: "not between 0% and 100%", Hint: hintPercent}
	}
	return Percent(n / 100), nil
}

// String writes the part as ParsePercent reads it.
func (p Percent) String() string { return strconv.FormatFloat(100*float64(p), 'g', 6, 64) + "%" }

// Beta is the parameter of early refreshes; 0 is never.
type Beta float64

// ParseBeta reads a number that is not negative. Name is for the error, which is a *BadValue.
func ParseBeta(name, text string) (Beta, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0) || math.IsInf(n, 0) {
		return 0, &BadValue{Name: name, Value: text, Why: "not a number from 0 up", Hint: hintNumber}
	}
	return Beta(n), nil
}

// String writes the number as ParseBeta reads it.
func (b Beta) String() string { return strconv.FormatFloat(float64(b), 'g', -1, 64) }

// Count is a number of things; 0 is no limit.
type Count int

// ParseCount reads a number from 1 up. Name is for the error, which is a *BadValue.
func ParseCount(name, text string) (Count, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return 0, &BadValue{Name: name, Value: text, Why: "not a number from 1 up", Hint: "write a number such as 32"}
	}
	return Count(n), nil
}

// String writes the number as ParseCount reads it.
func (c Count) String() string {
	if c == 0 {
		return "none"
	}
	return strconv.Itoa(int(c))
}
