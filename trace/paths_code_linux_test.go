//go:build amd64 || arm64

package trace

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// To a clean name nothing is done, so what is not clean must not be taken for it.
func TestIsClean(t *testing.T) {
	for name, clean := range map[string]bool{
		"/": true, "a": true, "/a": true, "a/b": true, "/a/b": true, ".a": true, "/.a/.b": true, "..a/...": true, "a./b..": true,
		"": false, ".": false, "..": false, "/.": false, "/..": false, "a/": false, "/a/": false, "//": false, "//a": false,
		"a//b": false, "./a": false, "../a": false, "a/./b": false, "a/../b": false, "a/.": false, "a/..": false,
	} {
		require.Equal(t, clean, isClean(name), name)
		require.Equal(t, clean, isClean([]byte(name)), name)
		if clean && name[0] == '/' {
			require.Equal(t, name, (&observer{seen: map[string]*usage{}}).clean("", name))
		}
	}
}
