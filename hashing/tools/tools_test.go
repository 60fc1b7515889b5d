package tools

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each line of the table has a source, its variables are names and beginnings of names, and nothing stands there twice.
func TestTableOfTools(t *testing.T) {
	seen := map[string]bool{None: true, Known: true}
	for _, tool := range tools {
		require.False(t, seen[tool.name], tool.name)
		seen[tool.name] = true
		require.NotEmpty(t, tool.source, tool.name)
		variables := strings.Fields(tool.variables)
		require.NotEmpty(t, variables, tool.name)
		require.Equal(t, slices.Compact(slices.Sorted(slices.Values(variables))), variables, tool.name)
		for _, v := range variables {
			begins, isGlob := strings.CutSuffix(v, "*")
			require.False(t, strings.ContainsAny(begins, `*?[{\!@`), "%s: %s", tool.name, v)
			require.True(t, !isGlob || len(v) > 2, "%s: %s", tool.name, v)
			require.False(t, Noise(v, "x"), "%s: %s is noise", tool.name, v)
		}
		programs := strings.Fields(tool.programs)
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(programs))), len(programs), tool.name)
		for _, p := range programs {
			require.Contains(t, Of(p), tool.name)
		}
	}
}

func TestToolsOf(t *testing.T) {
	for program, want := range map[string]string{
		"go": "go", "/usr/local/go/bin/go": "go", "go1.24": "go", "gofmt": "go", "godoc": "", "goo": "", "": "", "3.1": "",
		"git": "git", "git.exe": "git", "python3.12": "python", "python": "python", "pip3": "pip", "pytest": "pytest",
		"gcc": "cc", "gcc-13": "cc", "x86_64-linux-gnu-gcc-13": "cc", "clang++-17": "cc", "arm-none-eabi-ld": "cc",
		"pre-commit": "python", "my-git": "", "make": "cc make", "psql": "psql", "createdb": "psql", "pg_dump": "psql",
		"aws": "aws", "kubectl": "kubectl", "helm": "helm", "terraform": "terraform", "docker": "docker", "npx": "npm",
		"node20": "node", "cargo": "cargo", "rustc": "cargo", "jq": "jq", "grep": "grep", "ls": "coreutils", "curl": "curl",
		"gh": "gh", "bash": "sh", "a.sh": "", "bzip2": "compress",
	} {
		require.Equal(t, want, strings.Join(Of(program), " "), program)
	}
}

// A list has a word, and not a part of one, or two.
func TestHasField(t *testing.T) {
	const list = "gcc cc ld c++filt as"
	for _, word := range strings.Fields(list) {
		require.True(t, hasField(list, word), word)
	}
	for _, word := range []string{"", "c", "g", "s", "gc", "filt", "c++", "d c", "cc ld", "gcc ", " as", "gccc", "a"} {
		require.False(t, hasField(list, word), word)
	}
	require.False(t, hasField("", "cc"))
}
