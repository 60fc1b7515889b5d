//go:build unix

package hashing

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is made for an item from what all have in common is what Capture makes, whatever the item names.
func TestForItemIsCapture(t *testing.T) {
	dir, spec := here(t)
	require.NoError(t, os.WriteFile(dir+"/f", []byte("content"), 0o600))
	require.NoError(t, os.WriteFile(dir+"/in", []byte("other"), 0o600))
	for _, argv := range [][]string{
		spec.Argv, {spec.Argv[0], "in"}, {"/bin/sh", "-c"}, {"/bin/sh", "-c", "cat in $1", "sh"},
	} {
		for _, name := range []string{"", "n"} {
			spec := spec
			spec.Argv, spec.Name, spec.Files, spec.Exe = argv, name, []string{"f"}, ExePath
			common := captured(t, spec)
			for _, word := range []string{
				"", "plain", "f", "./f", "--file=f", "cat f", "gone", "two\nlines", "\xff", ".",
				"ghp_0123456789abcdefghijABCDEFGHIJ012345",
			} {
				for _, null := range []bool{false, true} {
					spec.Item = &Item{Word: word, Null: null}
					want := captured(t, spec)
					got, ok, err := common.ForItem(spec, nil)
					require.NoError(t, err)
					require.True(t, ok)
					require.Equal(t, string(want.Text), string(got.Text), "%q", word)
					require.Equal(t, want.Key, got.Key)
					require.Equal(t, common.Command, got.Command)
					require.NoError(t, got.Same(want))
					_, err = ParseRecipe(got.Text)
					require.NoError(t, err)
				}
			}
			spec.Item = &Item{Word: "/dev/fd/3"}
			_, ok, err := common.ForItem(spec, nil)
			require.NoError(t, err)
			require.False(t, ok, "a descriptor is more than a word")
			spec.Files, spec.Item = nil, nil
			common = captured(t, spec)
			spec.Item = &Item{Word: "plain"}
			got, ok, err := common.ForItem(spec, nil)
			require.NoError(t, err)
			require.Equal(t, name == "", ok, "a name alone has another recipe")
			if ok {
				require.NoError(t, got.Same(captured(t, spec)))
			}
		}
	}
}

// An item is another recipe than the same word, another item, and the same item with records of another kind.
func TestItemsAreApart(t *testing.T) {
	_, spec := here(t)
	seen := map[Key]string{}
	add := func(what string, s Spec) {
		r := captured(t, s)
		require.Empty(t, seen[r.Key], what)
		seen[r.Key] = what
	}
	add("no item", spec)
	word := spec
	word.Argv = append(append([]string{}, spec.Argv...), "a")
	add("a word", word)
	for _, item := range []Item{{Word: "a"}, {Word: "a", Null: true}, {Word: ""}, {Word: "b"}, {Word: "ab"}} {
		s := spec
		s.Item = &item
		add("item "+item.Word, s)
	}
}
