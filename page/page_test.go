package page

import (
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
