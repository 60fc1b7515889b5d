package cmd

import (
	"testing"
	"time"
	_ "time/tzdata" // the zones of this test, also where none are installed

	"github.com/stretchr/testify/require"
)

func TestClockNext(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, tt := range []struct{ now, clock, next string }{
		{"2026-05-01T12:00:00+02:00", "23:59", "2026-05-01T23:59:00+02:00"},
		{"2026-05-01T23:58:59+02:00", "23:59", "2026-05-01T23:59:00+02:00"},
		{"2026-05-01T23:59:00+02:00", "23:59", "2026-05-02T23:59:00+02:00"},
		{"2026-05-01T12:00:00+02:00", "06:00", "2026-05-02T06:00:00+02:00"},
		{"2026-12-31T23:59:59+01:00", "00:00", "2027-01-01T00:00:00+01:00"},
		{"2028-02-28T12:00:00+01:00", "06:00", "2028-02-29T06:00:00+01:00"},
		// The clocks go forward: this day has 23 hours.
		{"2026-03-28T12:00:00+01:00", "12:00", "2026-03-29T12:00:00+02:00"},
		{"2026-03-29T01:59:59+01:00", "03:00", "2026-03-29T03:00:00+02:00"},
		// And back: this one has 25.
		{"2026-10-24T12:00:00+02:00", "12:00", "2026-10-25T12:00:00+01:00"},
		{"2026-10-25T01:00:00+02:00", "03:00", "2026-10-25T03:00:00+01:00"},
		// An hour comes twice: the first time counts, and after it the second.
		{"2026-10-25T01:00:00+02:00", "02:30", "2026-10-25T02:30:00+02:00"},
		{"2026-10-25T02:29:59+02:00", "02:30", "2026-10-25T02:30:00+02:00"},
		{"2026-10-25T02:30:00+02:00", "02:30", "2026-10-25T02:30:00+01:00"},
		{"2026-10-25T02:30:00+01:00", "02:30", "2026-10-26T02:30:00+01:00"},
	} {
		t.Run(tt.now+" "+tt.clock, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, tt.now)
			require.NoError(t, err)
			c, err := ParseClock("--ttl-until", tt.clock)
			require.NoError(t, err)
			require.Equal(t, tt.clock, c.String())
			require.Equal(t, tt.next, c.Next()(now.In(berlin)).Format(time.RFC3339))
		})
	}
	require.Nil(t, Clock{}.Next())
	require.Equal(t, "none", Clock{}.String())
}

// TestClockThroughTheYear: at any moment the next such time is ahead, at most a day and the hour that a clock goes back
// away, and reads as it was given, but for the hour that the clocks leave out.
func TestClockThroughTheYear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes each hour of a year")
	}
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"} {
		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		for _, text := range []string{"00:00", "02:30", "03:00", "23:59"} {
			c, err := ParseClock("--ttl-until", text)
			require.NoError(t, err)
			odd := 0
			end := time.Date(2027, 1, 2, 0, 0, 0, 0, loc)
			for now := time.Date(2026, 1, 1, 0, 0, 0, 0, loc); now.Before(end); now = now.Add(29 * time.Minute) {
				next := c.Next()(now)
				if !next.After(now) || next.Sub(now) > 25*time.Hour {
					t.Fatalf("%s, %s: after %v comes %v", zone, text, now, next)
				}
				if next.Format("15:04") != text {
					odd++
				}
			}
			require.LessOrEqual(t, odd, 25*60/29+1, "%s, %s", zone, text)
		}
	}
}

func TestParseClockRefuses(t *testing.T) {
	for _, text := range []string{"", "24:00", "23:60", "noon", "23", "-1:00", "23:59:00", " 06:00", "06:00 "} {
		_, err := ParseClock("--ttl-until", text)
		var bad *BadValue
		require.ErrorAs(t, err, &bad, "%q", text)
	}
}
