package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGeneratedFilesAreCurrent(t *testing.T) {
	require.NoError(t, run("../..", true))
}

func TestEachManPageIsWhole(t *testing.T) {
	files, err := generate()
	require.NoError(t, err)
	pages := 0
	for name, text := range files {
		if strings.HasPrefix(name, "man/") {
			pages++
			for _, section := range []string{
				"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES", "SEE ALSO",
			} {
				require.Contains(t, string(text), "\n.SH "+section+"\n", name)
			}
		}
	}
	require.Greater(t, pages, 10)
	require.Contains(t, string(files["man/cachex-run.1"]), ".SH FILES\n")
	require.Contains(t, string(files["man/cachex.1"]), ".B CACHEX_TTL\n")
}

func TestEscape(t *testing.T) {
	require.Equal(t, `a\-b \(aqc\(aq\e`+"\n"+`\&.TH`, escape("a-b 'c'\\\n.TH"))
}
