package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Variables A=1, E= and B=x=y:
//
//	A=1 holds; A=2, A= and a=1 do not; E= holds; U= does not, for U is unset; B=x=y holds; of several all must
func TestOnlyIf(t *testing.T) {
	environ := []string{"A=1", "E=", "B=x=y", "A=2"}
	for _, c := range []struct {
		conditions []string
		unmet      string
	}{
		{nil, ""},
		{[]string{"A=1"}, ""},
		{[]string{"A=2"}, "A=2"},
		{[]string{"A="}, "A="},
		{[]string{"a=1"}, "a=1"},
		{[]string{"E="}, ""},
		{[]string{"U="}, "U="},
		{[]string{"B=x=y"}, ""},
		{[]string{"B=x"}, "B=x"},
		{[]string{"A=1", "E="}, ""},
		{[]string{"A=1", "U=1"}, "U=1"},
	} {
		q := Request{environ: environ, OnlyIf: c.conditions}
		if c.unmet == "" {
			require.NoError(t, q.unmet(), c.conditions)
		} else {
			require.EqualError(t, q.unmet(), "--only-if "+c.unmet+" does not hold")
		}
	}
	q := Request{OnlyIf: []string{"A=1", "B=x=y"}}
	require.Equal(t, []string{"A", "B"}, q.Conditional())
}
