//go:build amd64 || arm64

package fastpath

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSumAround(t *testing.T) {
	base := []string{"A=1", "PWD=/d", "MAKEFLAGS=ks -j4 --jobserver-auth=3,4 -- CC=gcc -j2"}
	sum := func(environ ...string) [32]byte {
		sum, ok := SumAround(0o022, environ, []string{"PWD", "_"})
		require.True(t, ok)
		return sum
	}
	first := sum(base...)
	for _, same := range [][]string{
		{"A=1", "PWD=/other", "MAKEFLAGS=ks -j4 --jobserver-auth=3,4 -- CC=gcc -j2"},
		{"A=1", "MAKEFLAGS=ks --jobserver-auth=fifo:/tmp/x -j -- CC=gcc -j2", "_=x", "CACHEX_TTL=1h"},
	} {
		require.Equal(t, first, sum(same...), same)
	}
	for _, other := range [][]string{
		{"PWD=/d", base[2]},
		{"A=2", base[2]},
		{base[2], "A=1"},
		{"A=1", "A=1", base[2]},
		{"A=1", "B=", base[2]},
		{"A=1", "MAKEFLAGS=ks -- CC=gcc"},
		{"A=1", "MAKEFLAGS=ks -- CC=gcc -j3"},
		{"A=1", "MAKEFLAGS=k -- CC=gcc -j2"},
		{"A=1", "MFLAGS=ks -- CC=gcc -j2"},
		{"A=1", "MAKEFLAGS=ks -jx -- CC=gcc -j2"},
		{"A=1", "MAKEFLAGS=ks  -- CC=gcc -j2"},
		{"A=1", "MAKEFLAGS=ks CC=gcc -j2"},
		{"A=1"},
	} {
		require.NotEqual(t, first, sum(other...), other)
	}
	masked, ok := SumAround(0o027, base, []string{"PWD", "_"})
	require.True(t, ok)
	require.NotEqual(t, first, masked)
}
