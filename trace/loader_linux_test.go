//go:build amd64 || arm64

package trace_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/trace"
)

// The loader looks up names in the cache of libraries; whoever else opens it may tell all of it.
func TestCacheOfLibraries(t *testing.T) {
	const cache = "/etc/ld.so.cache"
	dir := workspace(t)
	for _, test := range []struct {
		argv []string
		use  trace.Use
	}{
		{[]string{"true"}, trace.Searched},
		{[]string{"cat", cache}, trace.Searched | trace.Read},
		{[]string{"python3", "-c", "import ctypes; ctypes.CDLL('libm.so.6')"}, trace.Searched},
		{[]string{"/sbin/ldconfig", "-p"}, trace.Read},
	} {
		r := observe(t, dir, test.argv...)
		require.Equal(t, test.use, r.seen(cache).Use, test.argv)
	}
}
