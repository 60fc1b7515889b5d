package hashing

import (
	"os"
	"path/filepath"
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

// What is in a directory is for the ordinary way to look at: a hit with one is not looked at again to remember it.
func TestBeyondMemoDirectory(t *testing.T) {
	dir, spec := here(t)
	put(t, dir, "a/b", "")
	require.NoError(t, os.Symlink("a", filepath.Join(spec.Dir, "link")))
	for name, beyond := range map[string][]string{"a": {"a"}, "./a/": {"./a/"}, "link": {"link"}, "a/b": nil, "c": nil} {
		spec.Files = []string{name}
		require.Equal(t, beyond, BeyondMemo(spec).Files, name)
	}
}
