package env

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLookup(t *testing.T) {
	environ := []string{"odd", "AB=1", "A=", "B=2", "B=3", "C=x=y"}
	for name, want := range map[string]string{"A": "", "B": "2", "AB": "1", "C": "x=y"} {
		value, set := Lookup(environ, name)
		require.True(t, set, name)
		require.Equal(t, want, value, name)
	}
	for _, name := range []string{"", "odd", "D", "C=x"} {
		_, set := Lookup(environ, name)
		require.False(t, set, name)
	}
}
