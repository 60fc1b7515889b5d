package generate

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the completions and man pages")

func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := Files()
	require.NoError(t, err)
	for name, want := range files {
		path := filepath.Join("..", "..", "completions", name)
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, want, 0o644))
			continue
		}
		got, err := os.ReadFile(path)
		require.True(t, err == nil && bytes.Equal(want, got), "%s is stale: go test ./scripts/generate -update", path)
	}
}

func TestEachManPageIsWhole(t *testing.T) {
	files, err := Files()
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
