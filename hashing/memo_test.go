package hashing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A hit that has a fact of which nobody said how a memo carries it leaves none.
func TestBeyondMemoByDefault(t *testing.T) {
	_, spec := here(t)
	spec.Env, spec.Files, spec.IgnoreWords = []string{"TZ"}, []string{"a"}, true
	r := captured(t, spec)
	_, found := r.BeyondMemo()
	require.False(t, found)
	require.Equal(t, Spec{}, BeyondMemo(spec))
	for _, k := range kinds {
		memo := k.memo
		k.memo = nil
		kind, found := Recipe{Text: []byte(header + k.name + " x\n")}.BeyondMemo()
		require.True(t, found)
		require.Equal(t, k.name, kind)
		k.memo = memo
	}
}
