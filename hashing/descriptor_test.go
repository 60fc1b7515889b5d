package hashing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamedDescriptors(t *testing.T) {
	for word, want := range map[string][]descriptor{
		"/dev/fd/3": {{3, false}}, "/proc/self/fd/63": {{63, false}}, "/proc/thread-self/fd/4": {{4, false}}, "/proc/17/fd/4": {{4, false}},
		"--from=/dev/fd/12": {{12, false}}, "@/dev/fd/5x": {{5, false}}, "cat /dev/fd/9 /dev/fd/3 /dev/fd/9": {{3, false}, {9, false}},
		"cat <&3": {{3, true}}, "cat 0<&4 /dev/fd/4": {{4, true}},
		"/dev/fd/0": nil, "/dev/fd/2": nil, "/dev/fd/": nil, "/dev/fd": nil, "/dev/fd/x": nil, "/srv/fd/3": nil, "cat <&-": nil, "2>&1": nil,
		"/dev/fd/99999999999999999999": nil, "": nil,
	} {
		require.Equal(t, want, namedDescriptors([]string{"cmd", word}), word)
	}
}
