package engine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFirstDifference(t *testing.T) {
	for _, test := range []struct{ one, two, want string }{
		{"", "", ""},
		{"a\nb\n", "a\nb\n", ""},
		{"a\nb\nc", "a\nx\nc", "2 b x"},
		{"a\n", "a", "1 a a"}, // an end of line that only one has
		{"a\n", "", "1 a "},
		{"", "\n", "1  "},
		{"a\nb", "a\n", "2 b "},
	} {
		line, x, y, found := firstDifference([]byte(test.one), []byte(test.two))
		got := ""
		if found {
			got = fmt.Sprint(line, " ", x, " ", y)
		}
		require.Equal(t, test.want, got, test)
	}
}
