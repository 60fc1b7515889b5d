package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
)

func TestNoTimes(t *testing.T) {
	tests := []struct {
		program, file string
		none          bool // no times
		more          hashing.Uses
	}{
		{"/usr/bin/cat", "/w/f", true, 0},
		{"/usr/libexec/gcc/x86_64-linux-gnu/13/cc1", "/w/f.h", true, 0},
		{"/usr/bin/x86_64-linux-gnu-gcc-13", "/w/f.h", false, 0},
		{"/usr/bin/dash", "/w/f", false, 0},
		{"/usr/bin/make", "/w", false, hashing.UseInode},
		{"/usr/bin/git", "/w/f", false, hashing.UseChange},
		{"/usr/bin/ls", "/w", false, hashing.UseChange | hashing.UseInode},
		{"/usr/bin/python3.12", "/w/m.py", true, 0},
		{"/usr/bin/python3.12", "/w/data", false, hashing.UseChange},
		{"/home/u/bin/anything", "/w/data", false, hashing.UseChange},
	}
	for _, test := range tests {
		l := looks{}
		require.Equal(t, test.none, l.noTimes(test.program, test.file), test)
		require.Equal(t, test.more, l[test.file], test)
	}
}
