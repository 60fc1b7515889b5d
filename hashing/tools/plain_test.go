package tools

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// go vet and the like run no code; a cached test is known by the variables that it asked for.
func TestGoesCode(t *testing.T) {
	for words, want := range map[string]bool{
		"go vet ./...": false, "go -C x vet": false, "go build": false, "go": true, "go test": true, "go -C x test": true,
		"go run x": true, "go generate": true, "go -x vet": true, "go tool x": true,
	} {
		require.Equal(t, want, goesCode(strings.Fields(words), nil), words)
	}
}

// The columns of what is plain name programs and variables in order, and each such variable may count.
func TestTableOfPlainTools(t *testing.T) {
	for _, tool := range tools {
		for _, list := range []string{tool.plain, tool.parts, tool.also} {
			fields := strings.Fields(list)
			require.True(t, slices.IsSorted(fields), tool.name)
		}
	}
	fields := strings.Fields(everyProgram)
	require.True(t, slices.IsSorted(fields))
	patterns := PlainPatterns([]string{"grep"})
	for _, name := range []string{
		"LANG", "LC_ALL", "TZ", "COLUMNS", "LD_PRELOAD", "GLIBC_TUNABLES", "POSIXLY_CORRECT", "GREP_COLORS",
		"NO_COLOR", "LOCPATH", "SYSTEMD_LOG_LEVEL", "LIBC_FATAL_STDERR_",
	} {
		require.True(t, Cover(patterns, name), name)
	}
	for _, name := range []string{"GIT_DIR", "OTHER", "GOFLAGS", "CI", "GITHUB_SHA"} {
		require.False(t, Cover(patterns, name), name)
	}
}
