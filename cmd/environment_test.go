package cmd

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnknownVariables(t *testing.T) {
	for kv, want := range map[string]string{
		"CACHEX_TLL=5m":             "CACHEX_TLL is not known: did you mean CACHEX_TTL?",
		"CACHEX_CACHEDIR=/x":        "CACHEX_CACHEDIR is not known: did you mean CACHEX_CACHE_DIR?",
		"CACHEX_REDIS_PASWORD=x":    "CACHEX_REDIS_PASWORD is not known: did you mean CACHEX_REDIS_PASSWORD?",
		"CACHEX_SOMETHING_ELSE=1":   "CACHEX_SOMETHING_ELSE is not known: cachex help environment lists the variables that are",
		"CACHEX_=1":                 "CACHEX_ is not known: cachex help environment lists the variables that are",
		"CACHEX_SOMETHING_ELSE=":    "",
		"CACHEX_CONTROL=/dev/null":  "",
		"CACHEX_SCOPE=of a setting": "", // that it is ignored is said elsewhere
		"CACHEXTTL=5m":              "",
		"XCACHEX_TLL=5m":            "",
	} {
		var texts []string
		for _, w := range unknownVariables([]string{"HOME=/", kv, "PATH=/bin"}) {
			texts = append(texts, w.String())
		}
		require.Equal(t, want, strings.Join(texts, "\n"), kv)
	}
}

// Each variable that the code names is known, and each that may be set is explained.
func TestEachVariableIsDocumented(t *testing.T) {
	name := regexp.MustCompile(`"(CACHEX_[A-Z_]+)"`)
	known := variableNames()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range name.FindAllSubmatch(text, -1) {
			require.Contains(t, known, string(found[1]), path)
		}
		return err
	})
	require.NoError(t, err)

	var documented []string
	for _, v := range variables(testRoot(t)) {
		require.NotEmpty(t, v.Text, "%s: give the setting a flag of run, or about", v.Name)
		documented = append(documented, v.Name)
	}
	for _, row := range settingTable() {
		require.Equal(t, row.policy, slices.Contains(documented, row.envName()), row.name)
	}
}
