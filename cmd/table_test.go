package cmd

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestTableFits(t *testing.T) {
	rows := &table{
		head: []string{"KEY", "TAGS", "DIRECTORY", "COMMAND"},
		cut:  []int{1, 2},
		rows: [][]string{
			{"0123456789ab", "one,two,three,four,five", "/home/somebody/src/project", "go test ./..."},
			{"ba9876543210", "-", "/", "git log --author=somebody --since=yesterday --grün"},
		},
		own: []bool{false, true},
	}
	whole := rows.text(0, false)
	require.Contains(t, whole, "/home/somebody/src/project  go test ./...\n")
	require.Contains(t, whole, "--grün\n")
	require.NotContains(t, whole, "\x1b")
	for columns := 60; columns < 140; columns++ {
		for line := range strings.Lines(rows.text(columns, false)) {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), columns)
		}
	}
	narrow := rows.text(70, true)
	require.Contains(t, narrow, "0123456789ab  one,two,thr…")
	require.Contains(t, narrow, "\x1b[31mba9876543210  ")
	require.True(t, strings.HasPrefix(narrow, "\x1b[1mKEY "))
}

func TestFit(t *testing.T) {
	require.Equal(t, "abc", fit("abc", 3))
	require.Equal(t, "ab…", fit("abcd", 3))
	require.Equal(t, "…cd", fit("/abcd", 3))
	require.Equal(t, "grü…", fit("grünes", 4))
}
