package cmd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDifferingLine(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for name, test := range map[string]struct {
		one, two string
		want     lineDifference // number 0: none
	}{
		"same":           {"a\nb\n", "a\nb\n", lineDifference{}},
		"both empty":     {"", "", lineDifference{}},
		"a line":         {"a\nb\nc\n", "a\nB\nc\n", lineDifference{2, `"b"`, `"B"`}},
		"a line more":    {"a\n", "a\nb\n", lineDifference{2, "nothing", `"b"`}},
		"nothing at all": {"", "b", lineDifference{1, "nothing", `"b"`}},
		"an empty line":  {"a\n\n", "a\n", lineDifference{2, `""`, "nothing"}},
		"no end of line": {"a", "a\n", lineDifference{1, `"a"`, `"a", with the end of the line in one of both`}},
		"control":        {"\x1b[1m", "m", lineDifference{1, `" [1m"`, `"m"`}},
		"far behind": {
			"\n" + long + "1\n", "\n" + long + "2\n",
			lineDifference{2, `"...` + long[:20] + `1"`, `"...` + long[:20] + `2"`},
		},
		"behind long ones": {long + "\na\n", long + "\nb\n", lineDifference{2, `"a"`, `"b"`}},
		"long":             {"1" + long, "2", lineDifference{1, `"1` + long[:59] + `..."`, `"2"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, differs, err := differingLine(strings.NewReader(test.one), strings.NewReader(test.two))
			require.NoError(t, err)
			require.Equal(t, test.want.number != 0, differs)
			if differs {
				require.Equal(t, test.want, got)
			}
		})
	}
}
