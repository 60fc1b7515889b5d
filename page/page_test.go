package page

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// full is a page of which every text is the same.
func full(text string) Data {
	chart := Chart{
		Names: []string{text, text}, Unit: text, Format: func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) + text },
		Columns: []Column{{text, []float64{1, 2}}, {text, []float64{0, 4}}, {text, []float64{3, 3}}},
	}
	shares := []Share{{text, text, 0.5}}
	return Data{
		Title: text, Made: text, Facts: []Fact{{text, text}}, Notices: []string{text},
		Answers: chart, Time: chart, Lost: chart, Reasons: shares, Room: shares,
		Commands: []Command{{Name: text, Verdict: text, Why: text, Runs: text, Hits: text, Took: text, Saved: text, Size: text}},
		Tiers:    []Tier{{text, text, text, text, text, text, text}},
	}
}

func written(t *testing.T, d Data) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, Write(&b, d))
	return b.String()
}

var tag = regexp.MustCompile(`<[^>]*>`)

// skeleton is a document without its texts, also those in attributes.
func skeleton(document, text string) []string {
	return tag.FindAllString(strings.ReplaceAll(document, text, "x"), -1)
}

// A text is a text, whatever is in it and wherever it stands.
func TestTextsStayTexts(t *testing.T) {
	plain := written(t, full("x"))
	for _, text := range []string{
		`<script>alert(1)</script>`, `"><script>`, `' onload='x`, `</title>`, `</style>`, `<!--`, `-->`, `%s%d`, `&lt;`,
	} {
		escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(text)
		got := written(t, full(text))
		require.Contains(t, got, escaped)
		require.Equal(t, tag.FindAllString(plain, -1), skeleton(got, escaped), text)
	}
	require.Contains(t, written(t, full("\xff")), "\uFFFD")
}

// Each element is ended, in its order, and what is named is there once.
func TestIsWellFormed(t *testing.T) {
	for _, d := range []Data{{}, full("x")} {
		text := written(t, d)
		var open []string
		for _, m := range regexp.MustCompile(`<(/?)([a-z0-9]+)[^>]*?(/?)>`).FindAllStringSubmatch(text, -1) {
			switch name := m[2]; {
			case name == "meta" || m[3] == "/":
			case m[1] == "":
				open = append(open, name)
			default:
				require.NotEmpty(t, open)
				require.Equal(t, open[len(open)-1], name)
				open = open[:len(open)-1]
			}
		}
		require.Empty(t, open)
		for _, m := range regexp.MustCompile(`aria-labelledby="([^"]*)"`).FindAllStringSubmatch(text, -1) {
			require.Equal(t, 1, strings.Count(text, ` id="`+m[1]+`"`), m[1])
		}
		require.NotContains(t, text, "http://")
		require.NotContains(t, text, "https://")
		require.NotContains(t, text, "NaN")
	}
}

// Columns are as high as their values, on top of each other.
func TestBars(t *testing.T) {
	c := full("").Answers
	require.Equal(t, 6.0, c.most())
	bars := c.bars()
	require.Len(t, bars, 5, "nothing is drawn of nothing")
	require.InDelta(t, 100, bars[0].y+bars[0].h, 0.01)
	require.InDelta(t, bars[0].y, bars[1].y+bars[1].h, 0.01)
	require.InDelta(t, 0, bars[4].y, 0.01)
	require.InDelta(t, 50, bars[4].h, 0.01)
	require.Equal(t, []string{"", ""}, c.ticks())
}

// What a screen reader says of the page: each part has a name of its own, headings leave out no level, each table has a
// name and heads, each picture has a name or is not there, and whatever takes the focus is named.
func TestIsReadAloud(t *testing.T) {
	text := written(t, full("x"))
	level := 0
	named := map[string]bool{}
	for _, m := range tag.FindAllString(text, -1) {
		name := regexp.MustCompile(`aria-(labelledby|label)="[^"]+"`).FindString(m)
		switch {
		case regexp.MustCompile(`^<h\d`).MatchString(m):
			require.LessOrEqual(t, int(m[2]-'0'), level+1, m)
			level = int(m[2] - '0')
		case strings.HasPrefix(m, "<section"):
			require.NotEmpty(t, name)
			require.False(t, named[name], name)
			named[name] = true
		case strings.HasPrefix(m, "<svg"):
			hidden := strings.Contains(m, `aria-hidden="true"`)
			require.NotEqual(t, hidden, strings.Contains(m, `role="img"`) && name != "", m)
		case strings.Contains(m, "tabindex"):
			require.Contains(t, m, `tabindex="0" role="group"`)
			require.NotEmpty(t, name, m)
		}
	}
	require.Len(t, named, 6)
	tables := regexp.MustCompile(`(<table[^>]*>)\n(<caption[^>]*>[^<]+</caption>\n)?<thead><tr><th scope="col"`).
		FindAllStringSubmatch(text, -1)
	require.Len(t, tables, strings.Count(text, "<table"))
	for _, m := range tables {
		require.NotEqual(t, m[2] != "", strings.Contains(m[1], "aria-labelledby="), "one name: %s%s", m[1], m[2])
	}
	require.Contains(t, text, `<html lang="en">`)
}

// Texts stand out from what is behind them by 4.5, and what is drawn by 3, light and dark (WCAG 2.2, 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	for _, part := range strings.Split(style, "prefers-color-scheme") {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+): #([0-9a-f]+);`).FindAllStringSubmatch(part, -1) {
			colours[m[1]] = m[2]
		}
		for _, c := range []struct {
			front, behind string
			least         float64
		}{
			{"text", "page", 4.5},
			{"text", "card", 4.5},
			{"soft", "page", 4.5},
			{"soft", "card", 4.5},
			{"warn", "warn-page", 4.5},
			{"k0", "card", 3},
			{"k1", "card", 3},
			{"k2", "card", 3},
			{"k3", "card", 3},
			{"k0", "rail", 3},
		} {
			a, b := luminance(t, colours[c.front]), luminance(t, colours[c.behind])
			ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05)
			require.GreaterOrEqual(t, ratio, c.least, "%s on %s: %v", c.front, c.behind, colours)
		}
	}
}

// luminance is how bright a colour is, from 0 to 1 (WCAG 2.2, relative luminance).
func luminance(t *testing.T, hex string) (sum float64) {
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	require.Len(t, hex, 6)
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		require.NoError(t, err)
		v := float64(n) / 255
		if v <= 0.04045 {
			sum += weight * v / 12.92
		} else {
			sum += weight * math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return sum
}
